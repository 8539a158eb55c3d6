"""What documents for Xero are made of: one link's facts, whom it was for, and what is in Xero already."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from provvypay.domain import xero_mapping
from provvypay.domain import xero_problems as why
from provvypay.domain.xero_mapping import Chosen
from provvypay.services import link_contacts


class Wait(Exception):
    """Something is missing that will come by itself; burns no try."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Stop(Exception):
    """Something is missing that only a person can give."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Ground:
    """What documents of one link are made of."""

    organization_id: uuid.UUID
    link_id: uuid.UUID
    chart: Mapping[str, Any]
    chosen: Chosen
    facts: Row[Any]
    contact: link_contacts.Contact
    revision: int
    invoice_id: str = ""
    contact_id: str = ""
    credit_note_id: str = ""

    @property
    def number(self) -> str:
        """Return the invoice's number: the merchant's prefix and the link's code."""
        again = f"-{self.revision + 1}" if self.revision else ""
        return f"{self.chosen.prefix}-{self.facts.short_code}{again}"

    @property
    def rail(self) -> str:
        """Return where the money arrived: the provider."""
        return str(self.facts.provider)

    @property
    def taxed(self) -> bool:
        """Say whether the company pays tax on sales at all."""
        return bool(self.chart.get("pays_tax", True))


_FACTS = text("""
    SELECT l.short_code, l.description, l.reference, l.currency, s.id AS settlement_id, s.amount_minor, s.settled_at,
        s.written_off_minor, s.rounded_off_minor, s.voided_at, p.id AS payment_id, p.provider, p.provider_reference,
        p.asset, p.asset_amount, p.value_minor, o.time_zone, o.name AS organization
    FROM payment_links l
    JOIN organizations o ON o.id = l.organization_id
    LEFT JOIN settlements s ON s.link_id = l.id AND (s.id = :source_id OR (s.voided_at IS NULL AND NOT EXISTS
        (SELECT FROM settlements t WHERE t.id = :source_id)))
    LEFT JOIN LATERAL (SELECT p.* FROM settlement_parts part JOIN payments p ON p.id = part.payment_id
        WHERE part.settlement_id = s.id
        ORDER BY part.resolution_id IS NOT NULL, p.occurred_at DESC LIMIT 1) AS p ON true
    WHERE l.organization_id = :organization_id AND l.id = :link_id
""")
_WRITTEN = text("""
    SELECT kind, xero_document_id, document, revision FROM xero_syncs
    WHERE connection_id = :connection_id AND link_id = :link_id AND state = 'SUCCESS'
        AND (kind = 'INVOICE' OR (kind = 'CREDIT_NOTE' AND source_id = :source_id))
    ORDER BY created_at
""")


def ground(
    session: Session,
    organization_id: uuid.UUID,
    *,
    connection_id: uuid.UUID,
    link_id: uuid.UUID,
    source_id: uuid.UUID,
    chart: Mapping[str, Any],
    mapping: Mapping[str, Any],
    revision: int = 0,
) -> Ground:
    """Read what a document of a link is made of.

    :raises Wait: while the merchant has chosen nothing
    """
    chosen = xero_mapping.read(mapping)
    if chosen is None:
        raise Wait(why.WAITS_FOR_MAPPING)
    given = {"organization_id": organization_id, "link_id": link_id, "source_id": source_id}
    facts = session.execute(_FACTS, given).one()
    written = {row.kind: row for row in session.execute(_WRITTEN, {**given, "connection_id": connection_id})}
    invoice, note = written.get("INVOICE"), written.get("CREDIT_NOTE")
    return Ground(
        organization_id, link_id, chart, chosen, facts, link_contacts.of_link(session, link_id),
        revision=invoice.revision if invoice else revision,
        invoice_id=str(invoice.xero_document_id) if invoice else "",
        contact_id=str(invoice.document.get("contact_id", "")) if invoice else "",
        credit_note_id=str(note.xero_document_id) if note else "",
    )  # fmt: skip
