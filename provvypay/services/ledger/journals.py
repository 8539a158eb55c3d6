"""Write journals: one statement however many there are, because settlements are made of round trips."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from provvypay.kit.db import Statement
from provvypay.kit.ids import uuid7
from provvypay.models.ledger import Journal
from provvypay.services.ledger.postings import Draft

# The lines are joined to the journals they belong to, so that those are written first. Asking for the first open
# instant holds the books open until the commit: no lock comes between the answer and the journal.
_POST = Statement("""
    WITH books AS MATERIALIZED (
        SELECT first_open_instant(:organization_id) AS open_from
    ), posted AS (
        INSERT INTO journals
            (id, organization_id, kind, source_type, source_id, currency, effective_at, description, link_id,
            reverses_id, moved_from)
        SELECT id, :organization_id, kind, source_type, source_id, currency, greatest(effective_at, open_from),
            description, link_id, reverses_id, CASE WHEN effective_at < open_from THEN effective_at END
        FROM books, jsonb_to_recordset(CAST(:journals AS jsonb)) AS j
            (id uuid, kind text, source_type text, source_id uuid, currency text, effective_at timestamptz,
            description text, link_id uuid, reverses_id uuid)
        RETURNING id, organization_id, currency
    )
    INSERT INTO ledger_entries
        (journal_id, line_no, organization_id, account_code, side, amount_minor, currency, asset, asset_amount)
    SELECT posted.id, e.line_no, posted.organization_id, e.account_code, e.side, e.amount_minor, posted.currency,
        e.asset, e.asset_amount
    FROM posted JOIN jsonb_to_recordset(CAST(:entries AS jsonb)) AS e
        (journal_id uuid, line_no int, account_code text, side text, amount_minor bigint, asset text,
        asset_amount bigint) ON e.journal_id = posted.id
""")


def post(session: Session, organization_id: uuid.UUID, drafts: Sequence[Draft]) -> tuple[uuid.UUID, ...]:
    """Write journals with their entries and return their ids, in order; the one place that writes any.

    A draft whose moment lies in a closed period is booked at the first open instant instead, and keeps its own moment
    beside it: money is never refused for a lock (docs/decisions/0024-a-lock-moves-money-it-refuses-none.md).
    PostgreSQL refuses at the commit what does not balance, and at once a second journal of the same source and kind.
    """
    if not drafts:
        return ()
    journals: list[dict[str, object]] = []
    entries: list[dict[str, object]] = []
    ids: list[uuid.UUID] = []
    for draft in drafts:
        journal_id = uuid7()
        ids.append(journal_id)
        journals.append(
            {
                "id": str(journal_id),
                "kind": draft.kind,
                "source_type": draft.source_type,
                "source_id": str(draft.source_id),
                "currency": draft.currency,
                "effective_at": draft.effective_at.isoformat(),
                "description": draft.description,
                "link_id": str(draft.link_id) if draft.link_id else None,
                "reverses_id": str(draft.reverses_id) if draft.reverses_id else None,
            }
        )
        entries.extend(
            {
                "journal_id": str(journal_id),
                "line_no": number,
                "account_code": line.account,
                "side": line.side,
                "amount_minor": line.amount_minor,
                "asset": line.asset,
                "asset_amount": line.asset_amount,
            }
            for number, line in enumerate(draft.lines, start=1)
        )
    _POST.run(
        session,
        {"organization_id": organization_id, "journals": json.dumps(journals), "entries": json.dumps(entries)},
    )
    return tuple(ids)


def find(session: Session, source_type: str, source_id: uuid.UUID, kind: str) -> uuid.UUID | None:
    """Return the journal of a kind that a fact was booked by, or None."""
    return session.scalar(
        select(Journal.id).where(
            Journal.source_type == source_type, Journal.source_id == source_id, Journal.kind == kind
        )
    )
