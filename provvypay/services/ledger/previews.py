"""Show journals that are not posted yet, exactly as the books will have them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.services.ledger.causes import title_of
from provvypay.services.ledger.journal_views import EntryView
from provvypay.services.ledger.postings import Draft

_NAMES = text("SELECT code, name FROM accounts WHERE organization_id = :org AND code = ANY (:codes)")


@dataclass(frozen=True, slots=True)
class Preview:
    """A journal that will be posted."""

    title: str
    description: str
    debits: list[EntryView]
    credits: list[EntryView]
    total_minor: int
    currency: str


def of_drafts(session: Session, organization_id: uuid.UUID, drafts: Sequence[Draft]) -> list[Preview]:
    """Return journals as pages show them, with the names this organization calls its accounts by."""
    codes = sorted({line.account for draft in drafts for line in draft.lines})
    names = {row.code: row.name for row in session.execute(_NAMES, {"org": organization_id, "codes": codes})}
    return [_preview(draft, names) for draft in drafts]


def _preview(draft: Draft, names: dict[str, str]) -> Preview:
    entries = [
        (
            line.side,
            EntryView(
                line.account,
                names[line.account],
                line.amount_minor,
                draft.currency,
                line.asset,
                line.asset_amount,
            ),
        )
        for line in draft.lines
    ]
    debits = [entry for side, entry in entries if side == "DEBIT"]
    return Preview(
        title=title_of(draft.kind),
        description=draft.description,
        debits=debits,
        credits=[entry for side, entry in entries if side == "CREDIT"],
        total_minor=sum(entry.amount_minor for entry in debits),
        currency=draft.currency,
    )
