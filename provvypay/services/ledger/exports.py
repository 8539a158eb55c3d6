"""The books as rows of files: columns that stay, read in batches, so that memory does not grow with them.

docs/reference/exports.md says what each column holds; new ones come at the end.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.money import format_plain
from provvypay.services import keyset
from provvypay.services.ledger import accounts, reads, statements
from provvypay.services.ledger.causes import title_of
from provvypay.services.ledger.journal_list import Filter, where
from provvypay.services.numbers import journal_number

BATCH = 1000

CHART = ("code", "name", "kind", "system", "used", "archived_at")
TRIAL_BALANCE = ("as_of", "currency", "code", "name", "kind", "debit", "credit")
STATEMENT = (
    "account", "currency", "date", "journal", "title", "description", "debit", "credit", "balance", "side",
    "asset", "asset_amount", "happened_at", "journal_id", "line",
)  # fmt: skip
JOURNALS = (
    "journal_id", "journal", "kind", "date", "happened_at", "written_at", "currency", "line", "account", "account_name",
    "debit", "credit", "asset", "asset_amount", "description", "link", "source", "source_id", "reverses", "reversed_by",
)  # fmt: skip

Begin = Callable[[], AbstractContextManager[Session]]
"""opens a transaction of the organization"""


def chart(session: Session, organization_id: uuid.UUID, zone: str) -> list[list[str]]:
    """Return every account."""
    when = _clock(zone)
    return [
        [row.code, row.name, row.kind, _yes(row.is_system), _yes(row.is_used), when(row.archived_at)]
        for row in accounts.chart(session, organization_id)
    ]


def trial_balance(balances: list[reads.TrialBalance], as_of: str) -> list[list[str]]:
    """Return the rows of a trial balance; the totals are the reader's to make."""
    return [
        [as_of, one.currency, row.code, row.name, row.kind, *_sides(row.debit_minor, row.credit_minor, one.currency)]
        for one in balances
        for row in one.rows
    ]


def statement(
    begin: Begin, organization_id: uuid.UUID, code: str, currency: str, within: statements.Range, *, zone: str
) -> Iterator[list[str]]:
    """Yield the entries of an account, newest first, each batch in a transaction of its own."""
    cursor: keyset.Cursor | None = None
    when = _clock(zone)
    while True:
        with begin() as session:
            found = statements.page(session, organization_id, code, currency, within=within, cursor=cursor, size=BATCH)
        for row in found.rows:
            yield [
                code, currency, when(row.at), row.journal_number, row.title, row.description,
                *_sides(row.debit_minor, row.credit_minor, currency), format_plain(row.balance_minor, currency),
                row.balance_side, *_token(row.asset, row.asset_amount), when(row.moved_from or row.at),
                str(row.journal_id), str(row.line_no),
            ]  # fmt: skip
        cursor = keyset.decode(found.older)
        if cursor is None:
            return


_LINES = """
    WITH page AS (
        SELECT j.* FROM journals j WHERE j.organization_id = :org {conditions}
        ORDER BY j.effective_at DESC, j.id DESC LIMIT :most)
    SELECT page.*, page.created_at AS written_at, l.short_code, r.id AS reversed_by_id, e.line_no, e.account_code,
        a.name AS account_name, e.side, e.amount_minor, e.asset, e.asset_amount
    FROM page JOIN ledger_entries e ON e.organization_id = :org AND e.journal_id = page.id
    JOIN accounts a ON a.organization_id = :org AND a.code = e.account_code
    LEFT JOIN payment_links l ON l.organization_id = :org AND l.id = page.link_id
    LEFT JOIN journals r ON r.organization_id = :org AND r.reverses_id = page.id
    ORDER BY page.effective_at DESC, page.id DESC, e.line_no
"""


def journals(begin: Begin, organization_id: uuid.UUID, chosen: Filter, *, zone: str) -> Iterator[list[str]]:
    """Yield the entries of journals, newest journal first, each batch in a transaction of its own."""
    conditions, given = where(chosen)
    given |= {"org": organization_id, "most": BATCH}
    when = _clock(zone)
    place = ""
    while True:
        with begin() as session:
            found = session.execute(text(_LINES.format(conditions=conditions + place)), given).all()
        last, count = None, 0
        for _, lines in groupby(found, key=lambda row: row.id):
            count += 1
            for last in lines:
                yield _line(last, when)
        if last is None or count < BATCH:
            return
        place = " AND (j.effective_at, j.id) < (:at, :id)"
        given |= {"at": last.effective_at, "id": last.id}


def _line(row: Any, when: Callable[[dt.datetime | None], str]) -> list[str]:
    debit, credit = (row.amount_minor, 0) if row.side == "DEBIT" else (0, row.amount_minor)
    return [
        str(row.id), journal_number(row.id), title_of(row.kind), when(row.effective_at),
        when(row.moved_from or row.effective_at), when(row.written_at), row.currency, str(row.line_no),
        row.account_code, row.account_name, *_sides(debit, credit, row.currency),
        *_token(row.asset, row.asset_amount), row.description, row.short_code or "", row.source_type,
        str(row.source_id), journal_number(row.reverses_id) if row.reverses_id else "",
        journal_number(row.reversed_by_id) if row.reversed_by_id else "",
    ]  # fmt: skip


def _sides(debit_minor: int, credit_minor: int, currency: str) -> tuple[str, str]:
    """Return the two sides of a row; the empty one has no figure."""
    return (
        format_plain(debit_minor, currency) if debit_minor else "",
        format_plain(credit_minor, currency) if credit_minor else "",
    )


def _token(asset: str | None, units: int | None) -> tuple[str, str]:
    if asset is None or units is None:
        return "", ""
    decimals = ASSETS[asset].decimals
    digits = f"{units:0{decimals + 1}d}"
    return asset, f"{digits[:-decimals]}.{digits[-decimals:]}"


def _clock(zone: str) -> Callable[[dt.datetime | None], str]:
    local = ZoneInfo(zone)
    return lambda at: at.astimezone(local).isoformat(timespec="seconds") if at else ""


def _yes(value: bool) -> str:  # noqa: FBT001 - a word for a value
    return "yes" if value else "no"
