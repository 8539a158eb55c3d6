"""Read journals with their entries: of a link, of a payment, or one with what it was posted for."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.errors import NotFound
from provvypay.services.ledger import causes
from provvypay.services.ledger.causes import TITLES, Cause, title_of
from provvypay.services.ledger.reads import Balance, balance
from provvypay.services.numbers import journal_number

__all__ = ["TITLES", "Cause", "EntryView", "JournalView", "LinkAccount", "by_account", "of_link", "of_payment", "one"]


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
    reverses_id: uuid.UUID | None = None
    reversed_by: str | None = None
    """the number of the journal that takes it back"""
    reversed_by_id: uuid.UUID | None = None
    moved_from: dt.datetime | None = None
    """when the fact happened, where that lay in a closed period"""
    written_at: dt.datetime | None = None
    link_id: uuid.UUID | None = None
    source_type: str = ""
    source_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class LinkAccount:
    """What the journals of a link did to one account, in one currency."""

    code: str
    name: str
    currency: str
    debit_minor: int
    credit_minor: int
    balance: Balance
    tokens: tuple[Balance, ...]


_JOURNALS = """
    SELECT j.id, j.kind, j.source_type, j.source_id, j.effective_at, j.currency, j.description, j.link_id,
        j.reverses_id, j.moved_from, j.created_at AS written_at, r.id AS reversed_by_id,
        e.line_no, e.side, e.amount_minor, e.asset, e.asset_amount, e.account_code, a.name AS account_name
    FROM journals j
    JOIN ledger_entries e ON e.organization_id = j.organization_id AND e.journal_id = j.id
    JOIN accounts a ON a.organization_id = e.organization_id AND a.code = e.account_code
    LEFT JOIN journals r ON r.organization_id = j.organization_id AND r.reverses_id = j.id
    WHERE j.organization_id = :org AND {condition}
    ORDER BY j.effective_at, j.id, e.line_no
"""
_OF_LINK = text(_JOURNALS.format(condition="j.link_id = :id"))
_ONE_JOURNAL = text(_JOURNALS.format(condition="j.id = :id"))
_OF_SOURCE = text(_JOURNALS.format(condition="j.source_type = :source_type AND j.source_id = :id"))


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
    return _journals(rows)[0], causes.of_journal(session, organization_id, rows[0])


def by_account(journals: Sequence[JournalView]) -> list[LinkAccount]:
    """Sum journals up by currency and account, in that order."""
    names: dict[tuple[str, str], str] = {}
    sums: dict[tuple[str, str], list[int]] = {}
    tokens: dict[tuple[str, str], dict[str, int]] = {}
    sides = [(entry, 0) for one in journals for entry in one.debits]
    sides += [(entry, 1) for one in journals for entry in one.credits]
    for entry, side in sides:
        key = (entry.currency, entry.account_code)
        names[key] = entry.account_name
        sums.setdefault(key, [0, 0])[side] += entry.amount_minor
        if entry.asset is not None and entry.asset_amount is not None:
            held = tokens.setdefault(key, {})
            held[entry.asset] = held.get(entry.asset, 0) + (-entry.asset_amount if side else entry.asset_amount)
    return [
        LinkAccount(
            key[1], names[key], key[0], debit, credit, balance(key[0], debit - credit),
            tuple(balance(asset, units) for asset, units in sorted(tokens.get(key, {}).items())),
        )
        for key, (debit, credit) in sorted(sums.items())
    ]  # fmt: skip


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
                title=title_of(head.kind),
                effective_at=head.effective_at,
                currency=head.currency,
                description=head.description,
                debits=debits,
                credits=[_entry(row) for row in entries if row.side == "CREDIT"],
                total_minor=sum(entry.amount_minor for entry in debits),
                reverses=journal_number(head.reverses_id) if head.reverses_id else None,
                reverses_id=head.reverses_id,
                reversed_by=journal_number(head.reversed_by_id) if head.reversed_by_id else None,
                reversed_by_id=head.reversed_by_id,
                moved_from=head.moved_from,
                written_at=head.written_at,
                link_id=head.link_id,
                source_type=head.source_type,
                source_id=head.source_id,
            )
        )
    return views


def _entry(row: Any) -> EntryView:
    return EntryView(row.account_code, row.account_name, row.amount_minor, row.currency, row.asset, row.asset_amount)
