"""Why a journal was posted: the fact it names, in words, and where to read of it.

A kind or a source this module has no words for is shown by its own name: the books never hide a journal because a page
does not know it yet.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.services.ledger import chart
from provvypay.services.numbers import exception_number, journal_number, receipt_number

TITLES = {
    "SALE": "Sale",
    "PAYMENT": "Payment",
    "CREDIT": "Money held for a customer",
    "SUSPENSE": "Money of unknown purpose",
    "FEE": "Processor fee",
    "CONVERSION_OUT": "Converted by Stripe, out",
    "CONVERSION_IN": "Converted by Stripe, in",
    "REVERSAL": "Reversal",
    "REFUND": "Refund",
    "REFUND_REVERSAL": "Refund taken back",
    "DISPUTE_WITHDRAWN": "Disputed money withdrawn",
    "DISPUTE_FEE": "Fee of a dispute",
    "DISPUTE_WON": "Dispute won",
    "DISPUTE_LOST": "Dispute lost",
    "WRITE_OFF": "Written off",
    "OWN_TRANSFER": "Own transfer",
}


def title_of(kind: str) -> str:
    """Return what a kind of journal is called; one without words of its own by its name."""
    return TITLES.get(kind) or spelled(kind)


def spelled(name: str) -> str:
    """Return a stored name as people would write it: `DISPUTE_LOST` is "Dispute lost"."""
    return name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Cause:
    """The business fact a journal was posted for, and where to read of it."""

    title: str
    detail: str | None
    link_id: uuid.UUID | None = None
    exception_id: uuid.UUID | None = None
    journal_id: uuid.UUID | None = None


_LINK = text("SELECT description FROM payment_links WHERE organization_id = :org AND id = :link_id")
_PAYMENT = text("""
    SELECT p.provider_reference, x.id AS exception_id FROM payments p
    LEFT JOIN payment_exceptions x ON x.organization_id = p.organization_id AND x.payment_id = p.id
    WHERE p.organization_id = :org AND p.id = :source_id
    ORDER BY (x.held_in = :held_in) DESC NULLS LAST LIMIT 1
""")
_RETURN = text("""
    SELECT provider_refund_id AS provider_id FROM refunds WHERE organization_id = :org AND id = :source_id
    UNION ALL
    SELECT provider_dispute_id FROM disputes WHERE organization_id = :org AND id = :source_id
""")
_RESOLUTION = text("""
    SELECT exception_id, action, reason FROM payment_resolutions WHERE organization_id = :org AND id = :source_id
""")
_BALANCE_TRANSACTION = text("""
    SELECT provider_id FROM balance_transactions WHERE organization_id = :org AND id = :source_id
""")


def of_journal(session: Session, organization_id: uuid.UUID, journal: Any) -> Cause:
    """Return why a journal was posted.

    :param journal: its row: kind, source_type, source_id, link_id, reverses_id
    """
    given = {"org": organization_id, "link_id": journal.link_id, "source_id": journal.source_id}
    # Money that was moved from suspense to a customer's credit is an exception in both places.
    given["held_in"] = chart.SUSPENSE if journal.kind == "SUSPENSE" else chart.CUSTOMER_CREDITS
    link = session.execute(_LINK, given).scalar() if journal.link_id else None
    found: Cause | None = None
    if journal.reverses_id is not None:
        found = Cause(f"It takes back {journal_number(journal.reverses_id)}", link, journal_id=journal.reverses_id)
    elif journal.source_type == "SETTLEMENT":
        receipt = f"settled by its payment, receipt {receipt_number(journal.source_id)}"
        found = Cause(link or "A settlement", receipt, link_id=journal.link_id)
    elif journal.source_type == "PAYMENT":
        found = _payment(session, given, link)
    elif journal.source_type == "BALANCE_TRANSACTION":
        found = _balance_transaction(session, given, link)
    elif journal.source_type in {"REFUND", "DISPUTE"}:
        provider_id = session.execute(_RETURN, given).scalar()
        detail = f"{spelled(journal.source_type)} {provider_id}" if provider_id else None
        found = Cause(link or "Money without a link", detail, link_id=journal.link_id)
    elif journal.source_type == "RESOLUTION":
        found = _resolution(session, given, link)
    source = spelled(journal.source_type)
    return found or Cause(link or source, source if link else None, link_id=journal.link_id)


def _payment(session: Session, given: dict[str, Any], link: str | None) -> Cause | None:
    row = session.execute(_PAYMENT, given).one_or_none()
    if row is None:
        return None
    if row.exception_id is not None:
        return Cause(f"Exception {exception_number(row.exception_id)}", link, exception_id=row.exception_id)
    return Cause(link or "Money without a link", f"payment {row.provider_reference}", link_id=given["link_id"])


def _resolution(session: Session, given: dict[str, Any], link: str | None) -> Cause | None:
    """Return the exception that was decided, and what was decided."""
    row = session.execute(_RESOLUTION, given).one_or_none()
    if row is None or row.exception_id is None:
        return None
    detail = " · ".join(part for part in (spelled(row.action), row.reason, link) if part)
    return Cause(f"Exception {exception_number(row.exception_id)}", detail, exception_id=row.exception_id)


def _balance_transaction(session: Session, given: dict[str, Any], link: str | None) -> Cause | None:
    provider_id = session.execute(_BALANCE_TRANSACTION, given).scalar()
    if provider_id is None:
        return None
    title = link or "Money without a link"
    return Cause(title, f"Stripe’s balance transaction {provider_id}", link_id=given["link_id"])
