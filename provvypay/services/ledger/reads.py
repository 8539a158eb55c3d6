"""Read the books: the trial balance, and account statements with a running balance."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.errors import NotFound
from provvypay.services import keyset
from provvypay.services.ledger.journal_views import TITLES
from provvypay.services.numbers import journal_number

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One account's balance: on its debit or on its credit side, or on neither."""

    code: str
    name: str
    kind: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All balances in one currency. The books are right only while both totals are equal."""

    currency: str
    rows: list[TrialBalanceRow]
    debit_total: int
    credit_total: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account in one currency, with its balance as it is now."""

    code: str
    name: str
    kind: str
    currency: str
    balance_minor: int
    balance_side: str
    """Dr, Cr, or nothing for zero"""


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One entry of an account, and the balance after it."""

    at: dt.datetime
    journal_id: uuid.UUID
    line_no: int
    journal_number: str
    title: str
    description: str
    debit_minor: int
    credit_minor: int
    balance_minor: int
    balance_side: str


_SIGNED = "CASE e.side WHEN 'DEBIT' THEN e.amount_minor ELSE -e.amount_minor END"

_BALANCES = """
    SELECT e.currency, a.code, a.name, a.kind, sum({signed})::bigint AS balance
    FROM ledger_entries e
    JOIN accounts a ON a.organization_id = e.organization_id AND a.code = e.account_code
    {journals}
    WHERE e.organization_id = :org
    GROUP BY e.currency, a.code, a.name, a.kind ORDER BY e.currency, a.code
"""
_TRIAL_BALANCE = text(_BALANCES.format(signed=_SIGNED, journals=""))
_TRIAL_BALANCE_AT = text(
    _BALANCES.format(
        signed=_SIGNED,
        journals="JOIN journals j ON j.organization_id = e.organization_id AND j.id = e.journal_id"
        " AND j.effective_at < :before",
    )
)

_ACCOUNT = text("""
    SELECT a.code, a.name, a.kind,
        (SELECT coalesce(sum(CASE e.side WHEN 'DEBIT' THEN e.amount_minor ELSE -e.amount_minor END), 0)::bigint
         FROM ledger_entries e
         WHERE e.organization_id = :org AND e.account_code = :code AND e.currency = :currency) AS balance
    FROM accounts a WHERE a.organization_id = :org AND a.code = :code
""")

# The balance after an entry is the sum of it and everything before it by date, id and line: a window over the account,
# whose newest part is shown. The entries found and their balances come from one statement, so from one moment.
_STATEMENT = """
    SELECT * FROM (
        SELECT j.effective_at AS at, j.id AS journal_id, e.line_no, j.kind, j.description, e.side, e.amount_minor,
            sum({signed}) OVER (ORDER BY j.effective_at, j.id, e.line_no ROWS UNBOUNDED PRECEDING)::bigint AS balance
        FROM ledger_entries e JOIN journals j ON j.organization_id = e.organization_id AND j.id = e.journal_id
        WHERE e.organization_id = :org AND e.account_code = :code AND e.currency = :currency) AS s
    {condition} ORDER BY at {direction}, journal_id {direction}, line_no {direction} LIMIT :most
"""
_OLDER = "WHERE (at, journal_id, line_no) < (:at, :id, :line)"
_NEWER = "WHERE (at, journal_id, line_no) > (:at, :id, :line)"


def trial_balance(
    session: Session, organization_id: uuid.UUID, *, before: dt.datetime | None = None
) -> list[TrialBalance]:
    """Return every account with its balance, by currency.

    :param before: count only what happened before this moment; None counts everything
    """
    statement = _TRIAL_BALANCE if before is None else _TRIAL_BALANCE_AT
    found = session.execute(
        statement, {"org": organization_id, "before": before} if before else {"org": organization_id}
    )
    balances: list[TrialBalance] = []
    for currency, accounts in groupby(found, key=lambda row: str(row.currency)):
        rows = [
            TrialBalanceRow(row.code, row.name, row.kind, max(row.balance, 0), max(-row.balance, 0)) for row in accounts
        ]
        balances.append(
            TrialBalance(currency, rows, sum(row.debit_minor for row in rows), sum(row.credit_minor for row in rows))
        )
    return balances


def account(session: Session, organization_id: uuid.UUID, code: str, currency: str) -> AccountView:
    """Return an account with its balance in one currency.

    :raises NotFound: for a code that is not in the organization's chart
    """
    row = session.execute(_ACCOUNT, {"org": organization_id, "code": code, "currency": currency}).one_or_none()
    if row is None:
        raise NotFound(f"account {code}")
    return AccountView(row.code, row.name, row.kind, currency, abs(row.balance), side_of(row.balance))


def statement(
    session: Session,
    organization_id: uuid.UUID,
    code: str,
    currency: str,
    *,
    cursor: keyset.Cursor | None = None,
    size: int = PAGE_SIZE,
) -> keyset.Page[StatementRow]:
    """Return one page of an account's entries, newest first, each with the balance after it."""
    backwards = cursor is not None and cursor.newer
    given: dict[str, Any] = {"org": organization_id, "code": code, "currency": currency, "most": size + 1}
    if cursor is not None:
        given |= {"at": cursor.at, "id": cursor.id, "line": cursor.line}
    condition = "" if cursor is None else _NEWER if backwards else _OLDER
    query = _STATEMENT.format(signed=_SIGNED, condition=condition, direction="ASC" if backwards else "DESC")
    found = [_statement_row(row) for row in session.execute(text(query), given)]
    if keyset.leads_before_the_first_page(found, cursor, size):
        return statement(session, organization_id, code, currency, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.at, row.journal_id, row.line_no))


def side_of(balance: int) -> str:
    """Return the side a signed balance stands on; the books have no minus signs."""
    return "Dr" if balance > 0 else "Cr" if balance < 0 else ""


def _statement_row(row: Any) -> StatementRow:
    return StatementRow(
        at=row.at,
        journal_id=row.journal_id,
        line_no=row.line_no,
        journal_number=journal_number(row.journal_id),
        title=TITLES.get(row.kind, row.kind),
        description=row.description,
        debit_minor=row.amount_minor if row.side == "DEBIT" else 0,
        credit_minor=row.amount_minor if row.side == "CREDIT" else 0,
        balance_minor=abs(row.balance),
        balance_side=side_of(row.balance),
    )
