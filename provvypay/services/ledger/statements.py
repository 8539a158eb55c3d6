"""An account's entries with the balance after each, a page at a time, however many there are.

A page reads its own rows from one index (account, currency, date, journal, line), and one sum of what stands before
them from the same index. Nothing is ordered or kept for the whole account.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.errors import NotFound
from provvypay.services import keyset
from provvypay.services.ledger.causes import title_of
from provvypay.services.ledger.reads import SIGNED, Balance, balance, side_of
from provvypay.services.numbers import journal_number

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time: from its first instant to the first one after it; none is without an end."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def given(self) -> dict[str, Any]:
        """Return it as parameters of a statement."""
        return {"start": self.start, "end": self.end}


ALWAYS = Range()


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account in one currency, over a stretch of time."""

    code: str
    name: str
    kind: str
    archived: bool
    currency: str
    opening: Balance
    """before the stretch"""
    debit_minor: int
    credit_minor: int
    balance_minor: int
    """at its end"""
    balance_side: str
    """Dr, Cr, or nothing for zero"""
    currencies: tuple[str, ...]
    """all it has entries in"""
    tokens: tuple[Balance, ...]
    """quantities of the entries in this currency, at its end"""


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One entry of an account, and the balance after it."""

    at: dt.datetime
    journal_id: uuid.UUID
    line_no: int
    journal_number: str
    title: str
    description: str
    link_id: uuid.UUID | None
    moved_from: dt.datetime | None
    """when it happened, where that lay in a closed period"""
    debit_minor: int
    credit_minor: int
    asset: str | None
    asset_amount: int | None
    balance_minor: int
    balance_side: str


_OF_ACCOUNT = "e.organization_id = :org AND e.account_code = :code AND e.currency = :currency"
_BEGUN = "e.effective_at >= coalesce(CAST(:start AS timestamptz), '-infinity')"
_NOT_ENDED = "e.effective_at < coalesce(CAST(:end AS timestamptz), 'infinity')"

# Which currencies there are is asked from one to the next, so that the index is not read through for a handful.
_ACCOUNT = text(f"""
    WITH RECURSIVE known AS (
        SELECT min(currency) AS currency FROM ledger_entries WHERE organization_id = :org AND account_code = :code
        UNION ALL
        SELECT (SELECT min(e.currency) FROM ledger_entries e WHERE e.organization_id = :org
            AND e.account_code = :code AND e.currency > known.currency) FROM known WHERE known.currency IS NOT NULL)
    SELECT a.code, a.name, a.kind, a.archived_at IS NOT NULL AS archived, s.*,
        (SELECT array_agg(known.currency) FROM known WHERE known.currency IS NOT NULL) AS currencies
    FROM accounts a CROSS JOIN (
        SELECT coalesce(sum({SIGNED}) FILTER (WHERE NOT {_BEGUN}), 0)::bigint AS opening,
            coalesce(sum(e.amount_minor) FILTER (WHERE {_BEGUN} AND e.side = 'DEBIT'), 0)::bigint AS debit,
            coalesce(sum(e.amount_minor) FILTER (WHERE {_BEGUN} AND e.side = 'CREDIT'), 0)::bigint AS credit
        FROM ledger_entries e WHERE {_OF_ACCOUNT} AND {_NOT_ENDED}) AS s
    WHERE a.organization_id = :org AND a.code = :code
""")  # noqa: S608 - our own words

_TOKENS = text(f"""
    SELECT e.asset, sum(CASE e.side WHEN 'DEBIT' THEN e.asset_amount ELSE -e.asset_amount END)::bigint AS units
    FROM ledger_entries e WHERE {_OF_ACCOUNT} AND {_NOT_ENDED} AND e.asset IS NOT NULL
    GROUP BY e.asset ORDER BY e.asset
""")  # noqa: S608 - our own words

# Page and sum come from one statement, so from one moment.
_STATEMENT = """
    WITH page AS (
        SELECT e.effective_at AS at, e.journal_id, e.line_no, e.side, e.amount_minor, e.asset, e.asset_amount
        FROM ledger_entries e WHERE {of_account} AND {begun} AND {not_ended} {condition}
        ORDER BY e.effective_at {direction}, e.journal_id {direction}, e.line_no {direction} LIMIT :most
    ), oldest AS (SELECT at, journal_id, line_no FROM page ORDER BY at, journal_id, line_no LIMIT 1)
    SELECT page.*, j.kind, j.description, j.link_id, j.moved_from, before.balance AS before
    FROM oldest CROSS JOIN LATERAL (
        SELECT coalesce(sum({signed}), 0)::bigint AS balance FROM ledger_entries e
        WHERE {of_account}
            AND (e.effective_at, e.journal_id, e.line_no) < (oldest.at, oldest.journal_id, oldest.line_no)) AS before
    CROSS JOIN page JOIN journals j ON j.organization_id = :org AND j.id = page.journal_id
    ORDER BY page.at, page.journal_id, page.line_no
"""
_OLDER = "AND (e.effective_at, e.journal_id, e.line_no) < (:at, :id, :line)"
_NEWER = "AND (e.effective_at, e.journal_id, e.line_no) > (:at, :id, :line)"


def account(
    session: Session, organization_id: uuid.UUID, code: str, currency: str, *, within: Range = ALWAYS
) -> AccountView:
    """Return an account with its sums in one currency.

    :raises NotFound: for a code that is not in the organization's chart
    """
    given = {"org": organization_id, "code": code, "currency": currency} | within.given()
    row = session.execute(_ACCOUNT, given).one_or_none()
    if row is None:
        raise NotFound(f"account {code}")
    tokens = tuple(balance(one.asset, one.units) for one in session.execute(_TOKENS, given))
    closing = row.opening + row.debit - row.credit
    return AccountView(
        row.code, row.name, row.kind, row.archived, currency, balance(currency, row.opening), row.debit, row.credit,
        abs(closing), side_of(closing), tuple(row.currencies or ()), tokens,
    )  # fmt: skip


def page(
    session: Session,
    organization_id: uuid.UUID,
    code: str,
    currency: str,
    *,
    within: Range = ALWAYS,
    cursor: keyset.Cursor | None = None,
    size: int = PAGE_SIZE,
) -> keyset.Page[StatementRow]:
    """Return one page of an account's entries, newest first, each with the balance after it."""
    backwards = cursor is not None and cursor.newer
    given: dict[str, Any] = {"org": organization_id, "code": code, "currency": currency, "most": size + 1}
    given |= within.given()
    if cursor is not None:
        given |= {"at": cursor.at, "id": cursor.id, "line": cursor.line}
    query = _STATEMENT.format(
        of_account=_OF_ACCOUNT,
        begun=_BEGUN,
        not_ended=_NOT_ENDED,
        signed=SIGNED,
        condition="" if cursor is None else _NEWER if backwards else _OLDER,
        direction="ASC" if backwards else "DESC",
    )
    found = _with_balances(session.execute(text(query), given))
    if not backwards:
        found.reverse()
    if keyset.leads_before_the_first_page(found, cursor, size):
        return page(session, organization_id, code, currency, within=within, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.at, row.journal_id, row.line_no))


def _with_balances(rows: Any) -> list[StatementRow]:
    """Return entries, oldest first, with the balance after each."""
    found: list[StatementRow] = []
    running: int | None = None
    for row in rows:
        debit, credit = (row.amount_minor, 0) if row.side == "DEBIT" else (0, row.amount_minor)
        running = (row.before if running is None else running) + debit - credit
        found.append(
            StatementRow(
                row.at,
                row.journal_id,
                row.line_no,
                journal_number(row.journal_id),
                title_of(row.kind),
                row.description,
                row.link_id,
                row.moved_from,
                debit,
                credit,
                row.asset,
                row.asset_amount,
                abs(running),
                side_of(running),
            )
        )
    return found
