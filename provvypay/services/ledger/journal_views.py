"""Read journals with their entries, and say what each was posted for."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.errors import NotFound
from provvypay.services.numbers import exception_number, journal_number

TITLES = {
    "SALE": "Sale",
    "PAYMENT": "Payment",
    "CREDIT": "Money held for a customer",
    "FEE": "Processor fee",
    "CONVERSION_OUT": "Converted by Stripe, out",
    "CONVERSION_IN": "Converted by Stripe, in",
    "REVERSAL": "Reversal",
}


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of a journal."""

    account_code: str
    account_name: str
    amount_minor: int
    currency: str
    asset: str | None
    asset_amount: int | None
    """smallest units of `asset`"""


@dataclass(frozen=True, slots=True)
class JournalView:
    """A journal with its entries, debit left."""

    id: uuid.UUID
    number: str
    kind: str
    title: str
    effective_at: dt.datetime
    currency: str
    description: str
    debits: list[EntryView]
    credits: list[EntryView]
    total_minor: int
    reverses: str | None
    """the number of the journal it takes back"""
    moved_from: dt.datetime | None = None
    """when the fact happened, where that lay in a closed period"""


@dataclass(frozen=True, slots=True)
class Cause:
    """The business fact a journal was posted for, and where to read of it."""

    title: str
    detail: str | None
    link_id: uuid.UUID | None = None
    exception_id: uuid.UUID | None = None
    journal_id: uuid.UUID | None = None


_JOURNALS = """
    SELECT j.id, j.kind, j.source_type, j.source_id, j.effective_at, j.currency, j.description, j.link_id,
        j.reverses_id, j.moved_from, e.line_no, e.side, e.amount_minor, e.asset, e.asset_amount, e.account_code,
        a.name AS account_name
    FROM journals j
    JOIN ledger_entries e ON e.organization_id = j.organization_id AND e.journal_id = j.id
    JOIN accounts a ON a.organization_id = e.organization_id AND a.code = e.account_code
    WHERE j.organization_id = :org AND {condition}
    ORDER BY j.effective_at, j.id, e.line_no
"""
_OF_LINK = text(_JOURNALS.format(condition="j.link_id = :id"))
_ONE_JOURNAL = text(_JOURNALS.format(condition="j.id = :id"))
_OF_SOURCE = text(_JOURNALS.format(condition="j.source_type = :source_type AND j.source_id = :id"))

_CAUSE = text("""
    SELECT l.description, x.id AS exception_id, b.provider_id
    FROM (SELECT 1) AS one
    LEFT JOIN payment_links l ON l.organization_id = :org AND l.id = :link_id
    LEFT JOIN payment_exceptions x ON x.organization_id = :org AND x.payment_id = :source_id
    LEFT JOIN balance_transactions b ON b.organization_id = :org AND b.id = :source_id
""")


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> list[JournalView]:
    """Return what was booked for a link, oldest first."""
    return _journals(session.execute(_OF_LINK, {"org": organization_id, "id": link_id}))


def of_payment(session: Session, organization_id: uuid.UUID, payment_id: uuid.UUID) -> JournalView | None:
    """Return the journal that holds money which settled nothing, or None."""
    given = {"org": organization_id, "source_type": "PAYMENT", "id": payment_id}
    found = _journals(session.execute(_OF_SOURCE, given))
    return found[0] if found else None


def one(session: Session, organization_id: uuid.UUID, journal_id: uuid.UUID) -> tuple[JournalView, Cause]:
    """Return a journal and why it was posted.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    rows = session.execute(_ONE_JOURNAL, {"org": organization_id, "id": journal_id}).all()
    if not rows:
        raise NotFound(f"journal {journal_id}")
    return _journals(rows)[0], _cause(session, organization_id, rows[0])


def _journals(rows: Iterable[Any]) -> list[JournalView]:
    views: list[JournalView] = []
    for _, lines in groupby(rows, key=lambda row: row.id):
        entries = list(lines)
        head = entries[0]
        debits = [_entry(row) for row in entries if row.side == "DEBIT"]
        views.append(
            JournalView(
                id=head.id,
                number=journal_number(head.id),
                kind=head.kind,
                title=TITLES.get(head.kind, head.kind),
                effective_at=head.effective_at,
                currency=head.currency,
                description=head.description,
                debits=debits,
                credits=[_entry(row) for row in entries if row.side == "CREDIT"],
                total_minor=sum(entry.amount_minor for entry in debits),
                reverses=journal_number(head.reverses_id) if head.reverses_id else None,
                moved_from=head.moved_from,
            )
        )
    return views


def _entry(row: Any) -> EntryView:
    return EntryView(row.account_code, row.account_name, row.amount_minor, row.currency, row.asset, row.asset_amount)


def _cause(session: Session, organization_id: uuid.UUID, head: Any) -> Cause:
    if head.reverses_id is not None:
        return Cause(f"It takes back {journal_number(head.reverses_id)}", None, journal_id=head.reverses_id)
    row = session.execute(
        _CAUSE, {"org": organization_id, "link_id": head.link_id, "source_id": head.source_id}
    ).first()
    if row is None:  # pragma: no cover - the statement always has one row
        return Cause("Unknown", None)
    if row.exception_id is not None:
        return Cause(f"Exception {exception_number(row.exception_id)}", row.description, exception_id=row.exception_id)
    title = row.description or "Money without a link"
    detail = f"Stripe’s balance transaction {row.provider_id}" if row.provider_id else "settled by its payment"
    return Cause(title, detail, link_id=head.link_id)
