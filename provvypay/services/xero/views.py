"""Rows for Xero as people look at them: of one link, and the queue with its counts."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_SHOWN = 100

_SHOWN = """
    SELECT s.id, s.kind, s.state, s.problem, s.last_error, s.document_number, s.xero_document_id, s.attempts,
        s.next_attempt_at, s.synced_at, s.created_at, s.link_id, l.description, l.short_code,
        CAST(s.document ->> 'amount_minor' AS bigint) AS amount_minor, s.document ->> 'currency' AS currency,
        coalesce(s.document ->> 'type', '') AS type, coalesce(c.chart ->> 'short_code', '') AS company_code,
        c.tenant_name AS company, c.state AS connection_state, c.paused_until, c.pause_reason,
        coalesce((SELECT p.state || ' ' || p.problem FROM xero_syncs p WHERE p.connection_id = s.connection_id
            AND p.link_id = s.link_id AND p.kind = CASE s.kind WHEN 'REFUND_PAYMENT' THEN 'CREDIT_NOTE'
                WHEN 'PAYMENT' THEN 'INVOICE' WHEN 'OVERPAYMENT' THEN 'INVOICE' ELSE 'PAYMENT' END
            ORDER BY p.created_at LIMIT 1), '') AS parent
    FROM xero_syncs s JOIN payment_links l ON l.id = s.link_id JOIN xero_connections c ON c.id = s.connection_id
    WHERE s.organization_id = :organization_id
"""
_OF_LINK = text(
    f"{_SHOWN} AND s.link_id = :link_id"
    " ORDER BY c.connected_at DESC, array_position(ARRAY['INVOICE', 'PAYMENT', 'FEE', 'OVERPAYMENT', 'CREDIT_NOTE',"
    " 'REFUND_PAYMENT', 'DISPUTE'], s.kind), s.created_at"
)
_QUEUE = text(
    f"{_SHOWN} AND c.state <> 'DISCONNECTED' AND (:state = '' OR s.state = ANY(string_to_array(:state, ',')))"
    " ORDER BY coalesce(s.synced_at, s.created_at) DESC, s.id DESC LIMIT :most"
)
_COUNTS = text("""
    SELECT count(*) FILTER (WHERE s.state = 'SUCCESS') AS synced,
        count(*) FILTER (WHERE s.state IN ('PENDING', 'RETRYING')) AS waiting,
        count(*) FILTER (WHERE s.state = 'FAILED') AS failed,
        count(*) FILTER (WHERE s.state = 'SKIPPED') AS skipped
    FROM xero_syncs s JOIN xero_connections c ON c.id = s.connection_id AND c.state <> 'DISCONNECTED'
    WHERE s.organization_id = :organization_id
""")
FILTERS = {"": "", "waiting": "PENDING,RETRYING", "failed": "FAILED", "synced": "SUCCESS", "skipped": "SKIPPED"}


@dataclass(frozen=True, slots=True)
class SyncRow:
    """One row for Xero with all a page says of it."""

    id: uuid.UUID
    kind: str
    state: str
    problem: str
    last_error: str
    document_number: str
    xero_document_id: uuid.UUID | None
    attempts: int
    next_attempt_at: dt.datetime | None
    synced_at: dt.datetime | None
    created_at: dt.datetime
    link_id: uuid.UUID
    description: str
    short_code: str
    amount_minor: int | None
    currency: str | None
    type: str
    company_code: str
    company: str
    connection_state: str
    paused_until: dt.datetime | None
    pause_reason: str | None
    parent: str
    """state and problem of what must be in Xero before it"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows stand where."""

    synced: int
    waiting: int
    failed: int
    skipped: int


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> list[SyncRow]:
    """Return a link's rows, in the order in which they are written."""
    rows = session.execute(_OF_LINK, {"organization_id": organization_id, "link_id": link_id})
    return [_row(row) for row in rows]


def queue(session: Session, organization_id: uuid.UUID, chosen: str) -> list[SyncRow]:
    """Return the newest rows of the connected company, by a filter's name."""
    given = {"organization_id": organization_id, "state": FILTERS.get(chosen, ""), "most": MOST_SHOWN}
    return [_row(row) for row in session.execute(_QUEUE, given)]


def counts(session: Session, organization_id: uuid.UUID) -> Counts:
    """Count the rows of the connected company."""
    row = session.execute(_COUNTS, {"organization_id": organization_id}).one()
    return Counts(row.synced, row.waiting, row.failed, row.skipped)


def _row(row: Any) -> SyncRow:
    return SyncRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for a row as a mapping
