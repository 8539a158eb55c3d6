"""Rows for Xero on their way: claimed under a lease, sent by a flow, and what became of them.

States and schedule: one try and five more after 1 min, 5 min, 15 min, 1 h and 6 h, then FAILED with one alert. What is
no fault of the row (a pause, a missing parent, no connection) gives the try back. What Xero refuses is FAILED at once.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import xero_problems as why
from provvypay.domain.roles import Permission, roles_with
from provvypay.domain.xero import PARENT, Draft, SyncKind, digest
from provvypay.services.state_machine import MOST_ATTEMPTS, retry_wait
from provvypay.services.xero import connections, documents
from provvypay.services.xero.ground import Stop, Wait, ground

LEASE_SECONDS = 180
KEY_LIFE = dt.timedelta(minutes=5)
"""Xero keeps a key for six minutes from its first use; an older one is not used again"""
PARENT_WAIT_SECONDS, FEE_WAIT_SECONDS = 60, 300

# The oldest that is due, one at a time for each link, parents first.
_CLAIM = text("""
    WITH next AS (
        SELECT s.id FROM xero_syncs s JOIN xero_connections c ON c.id = s.connection_id
        WHERE s.organization_id = :organization_id AND s.next_attempt_at <= clock_timestamp()
            AND (s.lease_until IS NULL OR s.lease_until < clock_timestamp())
            AND c.state = 'CONNECTED' AND (c.paused_until IS NULL OR c.paused_until <= clock_timestamp())
            AND NOT EXISTS (SELECT FROM xero_syncs o WHERE o.link_id = s.link_id
                AND o.organization_id = s.organization_id AND o.lease_until >= clock_timestamp())
        ORDER BY s.next_attempt_at,
            array_position(ARRAY['INVOICE', 'PAYMENT', 'FEE', 'OVERPAYMENT', 'CREDIT_NOTE', 'REFUND_PAYMENT',
                'DISPUTE'], s.kind), s.id
        LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
    UPDATE xero_syncs s SET lease_until = clock_timestamp() + make_interval(secs => :lease),
        lease_token = lease_token + 1, attempts = least(attempts + 1, :most)
    FROM next WHERE s.id = next.id
    RETURNING s.id, s.connection_id, s.link_id, s.kind, s.source_id, s.attempts, s.lease_token, s.revision,
        s.key_number, s.key_hash, s.key_used_at, s.document_number
""")

_LOCK_LINK = text("SELECT pg_advisory_xact_lock(hashtextextended('xero:' || :organization_id, 0))")


@dataclass(frozen=True, slots=True)
class Claim:
    """A row this process may change until its lease ends."""

    organization_id: uuid.UUID
    id: uuid.UUID
    token: int


@dataclass(frozen=True, slots=True)
class Order:
    """A claimed row with what it will say and the key it is sent with."""

    claim: Claim
    connection_id: uuid.UUID
    link_id: uuid.UUID
    kind: SyncKind
    source_id: uuid.UUID
    attempts: int
    draft: Draft
    key: str
    look: bool
    """it may have been sent before: ask Xero first"""
    tenant_id: str
    grant_id: uuid.UUID

    @property
    def id(self) -> uuid.UUID:
        """Return the row's id."""
        return self.claim.id

    @property
    def organization_id(self) -> uuid.UUID:
        """Return whose row it is."""
        return self.claim.organization_id


def claim(session: Session, organization_id: uuid.UUID, *, now: dt.datetime) -> Order | bool:
    """Take the next row that is due; True when one was due and needed no call, False when none is due.

    The key and the hash of what it is sent with are stored before anything is sent.
    """
    # Two claims of one organization take their turns, so that a link's rows are never sent side by side.
    session.execute(_LOCK_LINK, {"organization_id": str(organization_id)})
    row = session.execute(
        _CLAIM, {"organization_id": organization_id, "lease": LEASE_SECONDS, "most": MOST_ATTEMPTS}
    ).one_or_none()
    if row is None:
        return False
    mine = Claim(organization_id, row.id, row.lease_token)
    connection = connections.live(session, organization_id)
    if connection is None or connection.grant_id is None or connection.id != row.connection_id:
        give_back(session, mine, why.OTHER_COMPANY, seconds=3600)
        return True
    kind = SyncKind(row.kind)
    try:
        draft = _draft(session, row, kind, connection)
    except Wait as wait:
        known = wait.problem == why.WAITS_FOR_PARENT
        give_back(session, mine, wait.problem, seconds=PARENT_WAIT_SECONDS if known else FEE_WAIT_SECONDS)
        return True
    except Stop as stop:
        if stop.problem == why.VOIDED_HERE:
            skip(session, mine, stop.problem)
        else:
            fail(session, mine, stop.problem, stop.detail)
        return True
    key = _keep_key(session, row, kind, draft, now)
    return Order(
        mine, row.connection_id, row.link_id, kind, row.source_id, row.attempts, draft, key, look=row.key_number > 0,
        tenant_id=str(connection.tenant_id), grant_id=connection.grant_id,
    )  # fmt: skip


def _draft(session: Session, row: Any, kind: SyncKind, connection: connections.Connection) -> Draft:
    """Return what a row will say.

    :raises Wait, Stop: when it cannot be said yet, or never
    """
    if not _has_parent(session, row, kind):
        raise Wait(why.WAITS_FOR_PARENT)
    of = ground(
        session, connection.organization_id, connection_id=row.connection_id, link_id=row.link_id,
        source_id=row.source_id, chart=connection.chart, mapping=connection.mapping, revision=row.revision,
    )  # fmt: skip
    if of.facts.settlement_id is None or of.facts.voided_at is not None:
        raise Stop(why.VOIDED_HERE, "the settlement was undone")
    return documents.draft(session, of, kind, row.source_id)


def _keep_key(session: Session, row: Any, kind: SyncKind, draft: Draft, now: dt.datetime) -> str:
    """Store number and hash of the key a row is sent with, before it is sent; return the key."""
    number, key = _key(row, kind, digest(draft), now)
    session.execute(
        text(
            "UPDATE xero_syncs SET key_number = :number, key_hash = :hash, document_number = :document,"
            " key_used_at = CASE WHEN key_number = :number THEN key_used_at ELSE clock_timestamp() END WHERE id = :id"
        ),
        {"number": number, "hash": digest(draft), "document": getattr(draft, "number", "") or draft.reference,
         "id": row.id},
    )  # fmt: skip
    return key


def _key(row: Any, kind: SyncKind, said: str, now: dt.datetime) -> tuple[int, str]:
    """Return number and text of the key: the one before while Xero keeps it and it was sent with the same body."""
    young = row.key_used_at is not None and now - row.key_used_at < KEY_LIFE
    number = row.key_number if row.key_hash == said and young else row.key_number + 1
    return number, f"{kind.lower()}:{row.id}:{number}"


def _has_parent(session: Session, row: Any, kind: SyncKind) -> bool:
    parent = PARENT[kind]
    if parent is None:
        return True
    found = session.scalar(
        text("""
            SELECT count(*) FROM xero_syncs WHERE connection_id = :connection_id AND link_id = :link_id AND kind = :kind
                AND (state = 'SUCCESS' OR (state = 'SKIPPED' AND problem = :by_hand))
                AND (:any_source OR source_id = :source_id)
        """),
        {
            "connection_id": row.connection_id, "link_id": row.link_id, "kind": parent, "source_id": row.source_id,
            "any_source": kind not in {SyncKind.PAYMENT, SyncKind.REFUND_PAYMENT}, "by_hand": why.PAID_BY_HAND,
        },
    )  # fmt: skip
    return bool(found)


# ---------------------------------------------------------------- what became of it


def succeed(session: Session, order: Order, document_id: str, told: Mapping[str, Any]) -> bool:
    """Write down the document, and let what waited for it go on; False when another process has the row."""
    done = session.execute(
        text(
            "UPDATE xero_syncs SET state = 'SUCCESS', xero_document_id = :document_id, document = CAST(:told AS jsonb),"
            " next_attempt_at = NULL, lease_until = NULL, problem = '', last_error = '', synced_at = clock_timestamp()"
            " WHERE organization_id = :organization_id AND id = :id AND lease_token = :token RETURNING id"
        ),
        {"document_id": uuid.UUID(document_id), "told": json.dumps(told), **_given(order.claim)},
    ).first()
    _let_children_go_on(session, order)
    return done is not None


def _let_children_go_on(session: Session, order: Order) -> None:
    session.execute(
        text(
            "UPDATE xero_syncs SET next_attempt_at = clock_timestamp() WHERE connection_id = :connection_id"
            " AND link_id = :link_id AND state IN ('PENDING', 'RETRYING') AND problem = :waits"
        ),
        {"connection_id": order.connection_id, "link_id": order.link_id, "waits": why.WAITS_FOR_PARENT},
    )


def skip_order(session: Session, order: Order, problem: str) -> None:
    """End a row without a document: there is nothing for us to write any more."""
    skip(session, order.claim, problem)
    _let_children_go_on(session, order)


def skip(session: Session, mine: Claim, problem: str) -> None:
    """End a claimed row without a document."""
    session.execute(
        text(
            "UPDATE xero_syncs SET state = 'SKIPPED', next_attempt_at = NULL, lease_until = NULL, problem = :problem,"
            " last_error = ''"
            " WHERE organization_id = :organization_id AND id = :id AND lease_token = :token"
        ),
        {**_given(mine), "problem": problem},
    )


def give_back(session: Session, mine: Claim, problem: str, *, seconds: int) -> None:
    """Put a row back for later and its try with it: it was no fault of the row."""
    session.execute(
        text(
            "UPDATE xero_syncs SET attempts = greatest(attempts - 1, 0), lease_until = NULL, problem = :problem,"
            " next_attempt_at = clock_timestamp() + make_interval(secs => :seconds)"
            " WHERE organization_id = :organization_id AND id = :id AND lease_token = :token"
        ),
        {**_given(mine), "problem": problem, "seconds": seconds},
    )


def later(session: Session, order: Order, error: str, *, answered: bool) -> bool:
    """Try a row again by the schedule, or give it up after the last try; say whether it was given up.

    :param answered: Xero may keep the failure under the key, so the next try takes another one
    """
    wait = retry_wait(order.attempts)
    if wait is None:
        fail(session, order.claim, why.NO_ANSWER, error)
        return True
    session.execute(
        text(
            "UPDATE xero_syncs SET state = 'RETRYING', lease_until = NULL, problem = :problem, last_error = :error,"
            " key_hash = CASE WHEN :answered THEN '' ELSE key_hash END,"
            " next_attempt_at = clock_timestamp() + make_interval(secs => :seconds)"
            " WHERE organization_id = :organization_id AND id = :id AND lease_token = :token"
        ),
        {
            **_given(order.claim), "problem": why.NO_ANSWER, "error": error[:500], "answered": answered,
            "seconds": wait.total_seconds(),
        },
    )  # fmt: skip
    return False


def fail(session: Session, mine: Claim, problem: str, detail: str) -> None:
    """Leave a row to a person, and tell those who can do something about it, once a row."""
    failed = session.execute(
        text(
            "UPDATE xero_syncs SET state = 'FAILED', next_attempt_at = NULL, lease_until = NULL, problem = :problem,"
            " last_error = :detail, key_hash = ''"
            " WHERE organization_id = :organization_id AND id = :id AND lease_token = :token"
            " RETURNING id, kind, link_id"
        ),
        {**_given(mine), "problem": problem, "detail": detail[:500]},
    ).one_or_none()
    if failed is None:
        return
    session.execute(
        text("""
            INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
            SELECT gen_random_uuid(), :organization_id, m.user_id, 'xero.sync_failed', :cause_id, :link_id,
                jsonb_build_object('description', l.description, 'what', CAST(:what AS text),
                    'problem', CAST(:problem AS text), 'amount_minor', l.amount_minor, 'currency', l.currency)
            FROM memberships m JOIN payment_links l ON l.id = :link_id
            WHERE m.organization_id = :organization_id AND m.role = ANY(:roles)
            ON CONFLICT (cause_id, kind, user_id) DO NOTHING
        """),
        {
            "organization_id": mine.organization_id, "cause_id": mine.id, "link_id": failed.link_id,
            "what": failed.kind, "problem": problem, "roles": roles_with(Permission.XERO_REPLAY),
        },
    )  # fmt: skip


def _given(mine: Claim) -> dict[str, Any]:
    return {"organization_id": mine.organization_id, "id": mine.id, "token": mine.token}


def due(session: Session, *, most: int = 50) -> list[uuid.UUID]:
    """Return organizations with something to write that may be written now."""
    return [row.organization_id for row in session.execute(text("SELECT * FROM due_xero(:most)"), {"most": most})]
