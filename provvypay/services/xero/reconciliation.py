"""What we wrote, for a comparison with what stands in Xero, and what the comparison found."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

AT_ONCE = 50
DAYS = 35

_WRITTEN = text("""
    SELECT s.id, s.xero_document_id, s.document_number, CAST(s.document ->> 'amount_minor' AS bigint) AS amount_minor,
        s.document ->> 'currency' AS currency, EXISTS (SELECT FROM xero_syncs p WHERE p.connection_id = s.connection_id
            AND p.link_id = s.link_id AND p.kind = 'PAYMENT' AND p.source_id = s.source_id AND p.state = 'SUCCESS')
            AS is_paid
    FROM xero_syncs s JOIN xero_connections c ON c.id = s.connection_id AND c.state = 'CONNECTED'
    WHERE s.organization_id = :organization_id AND s.kind = 'INVOICE' AND s.state = 'SUCCESS'
        AND s.synced_at > clock_timestamp() - make_interval(days => :days)
    ORDER BY s.id
""")


@dataclass(frozen=True, slots=True)
class WrittenInvoice:
    """An invoice as we wrote it."""

    id: uuid.UUID
    document_id: uuid.UUID
    number: str
    amount_minor: int
    currency: str
    is_paid: bool
    """its payment was written too"""


def written(session: Session, organization_id: uuid.UUID) -> list[WrittenInvoice]:
    """Return the invoices of the last weeks."""
    rows = session.execute(_WRITTEN, {"organization_id": organization_id, "days": DAYS})
    return [WrittenInvoice(*row) for row in rows]


def keep(session: Session, organization_id: uuid.UUID, verdicts: Mapping[uuid.UUID, str]) -> int:
    """Write down what differs, and that what differed once does no more; return how many differ."""
    for row_id, problem in verdicts.items():
        session.execute(
            text(
                "UPDATE xero_syncs SET problem = :problem WHERE organization_id = :organization_id AND id = :id"
                " AND state = 'SUCCESS' AND problem <> :problem"
            ),
            {"organization_id": organization_id, "id": row_id, "problem": problem},
        )
    return sum(1 for problem in verdicts.values() if problem)


def done(session: Session, organization_id: uuid.UUID, connection_id: uuid.UUID) -> None:
    """Remember when the books were compared."""
    session.execute(
        text(
            "UPDATE xero_connections SET reconciled_at = clock_timestamp()"
            " WHERE organization_id = :organization_id AND id = :id"
        ),
        {"organization_id": organization_id, "id": connection_id},
    )
