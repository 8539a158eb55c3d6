"""Which rows for Xero there must be, and adding those that are missing: once per company, link, kind and source.

INVOICE and PAYMENT are written with their settlement (settlement_rows.py); the others here, soon after their source.
The same statements are the backfill of links paid before the company was connected, and the daily look for gaps.
"""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.kit.db import changed

# What each kind comes from: link, source, and when it became known.
_SOURCES = """
    SELECT s.organization_id, s.link_id, k.kind, s.id AS source_id, s.settled_at AS at, s.created_at AS known_at, k.seq
    FROM settlements s CROSS JOIN (VALUES ('INVOICE', 1), ('PAYMENT', 2)) AS k (kind, seq)
    WHERE s.organization_id = :organization_id AND s.voided_at IS NULL
    UNION ALL
    SELECT b.organization_id, p.link_id, 'FEE', b.id, b.occurred_at, b.created_at, 3
    FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
    JOIN settlements s ON s.link_id = p.link_id AND s.voided_at IS NULL
    WHERE b.organization_id = :organization_id AND b.type IN ('charge', 'adjustment') AND b.fee_minor <> 0
        AND p.outcome = 'SETTLED'
    UNION ALL
    SELECT e.organization_id, e.link_id, 'OVERPAYMENT', e.id, p.occurred_at, e.created_at, 4
    FROM payment_exceptions e JOIN payments p ON p.id = e.payment_id
    JOIN settlements s ON s.link_id = e.link_id AND s.voided_at IS NULL
    WHERE e.organization_id = :organization_id AND e.kind = 'OVER'
    UNION ALL
    SELECT r.organization_id, r.link_id, k.kind, r.id, b.occurred_at, b.created_at, k.seq
    FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id AND b.type = 'refund'
    JOIN settlements s ON s.link_id = r.link_id AND s.voided_at IS NULL
    CROSS JOIN (VALUES ('CREDIT_NOTE', 5), ('REFUND_PAYMENT', 6)) AS k (kind, seq)
    WHERE r.organization_id = :organization_id AND r.exception_id IS NULL AND r.state = 'SUCCEEDED'
    UNION ALL
    SELECT b.organization_id, p.link_id, 'DISPUTE', b.id, b.occurred_at, b.created_at, 7
    FROM balance_transactions b JOIN payments p ON p.id = b.payment_id
    JOIN settlements s ON s.link_id = p.link_id AND s.voided_at IS NULL
    WHERE b.organization_id = :organization_id AND b.type IN ('dispute', 'dispute_reversal') AND b.net_minor <> 0
        AND p.outcome = 'SETTLED'
"""

_MISSING = f"""
    SELECT c.id AS connection_id, w.*
    FROM ({_SOURCES}) AS w
    JOIN xero_connections c ON c.organization_id = w.organization_id AND c.state <> 'DISCONNECTED'
    LEFT JOIN xero_syncs x ON x.connection_id = c.id AND x.link_id = w.link_id AND x.kind = w.kind
        AND x.source_id = w.source_id
    WHERE x.id IS NULL AND w.link_id IS NOT NULL
"""  # noqa: S608 - our own words

# What follows a sale is written where the sale is: a fee of a link that was never sent is not sent either.
_FOLLOWS = """
    AND (w.seq <= 2 OR EXISTS (SELECT FROM xero_syncs i WHERE i.connection_id = c.id AND i.link_id = w.link_id
        AND i.kind = 'INVOICE'))
"""

_INSERT = "INSERT INTO xero_syncs (id, organization_id, connection_id, link_id, kind, source_id)"
_ADD = text(f"""
    {_INSERT}
    SELECT gen_random_uuid(), m.organization_id, m.connection_id, m.link_id, m.kind, m.source_id
    FROM ({_MISSING} {_FOLLOWS} AND (w.seq > 2 OR w.known_at >= c.connected_at)) AS m ORDER BY m.at, m.seq
    ON CONFLICT DO NOTHING
""")  # noqa: S608
_BACKFILL = text(f"""
    {_INSERT}
    SELECT gen_random_uuid(), m.organization_id, m.connection_id, m.link_id, m.kind, m.source_id
    FROM ({_MISSING} AND w.at >= :since) AS m ORDER BY m.at, m.seq
    ON CONFLICT DO NOTHING
""")  # noqa: S608
_WAITING = text(f"SELECT count(*) FROM ({_MISSING}) AS m WHERE m.kind = 'INVOICE'")  # noqa: S608


def plan(session: Session, organization_id: uuid.UUID) -> int:
    """Add the rows that are missing since the company was connected; return how many."""
    return changed(session.execute(_ADD, {"organization_id": organization_id}))


def backfill(session: Session, organization_id: uuid.UUID, since: dt.datetime) -> int:
    """Add rows for everything since a moment, also from before the company was connected; return how many."""
    return changed(session.execute(_BACKFILL, {"organization_id": organization_id, "since": since}))


def never_sent(session: Session, organization_id: uuid.UUID) -> int:
    """Return how many paid links have no row for the connected company."""
    return int(session.scalar(_WAITING, {"organization_id": organization_id}) or 0)


def organizations(session: Session) -> list[uuid.UUID]:
    """Return the organizations whose Xero is connected."""
    return [row.organization_id for row in session.execute(text("SELECT * FROM xero_organizations()"))]
