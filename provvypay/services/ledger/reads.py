"""Read what the accounts hold: the trial balance of any moment, and each account with its money and its tokens."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.orm import Session


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

    @property
    def balances(self) -> bool:
        """Say whether debits equal credits."""
        return self.debit_total == self.credit_total


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds in one currency, or of one token."""

    unit: str
    """a currency, or an asset"""
    units: int
    """minor units, or the token's smallest units; never negative: the side says which way"""
    side: str
    """Dr, Cr, or nothing for zero"""


@dataclass(frozen=True, slots=True)
class AccountBalances:
    """An account with all it holds."""

    code: str
    name: str
    kind: str
    money: list[Balance] = field(default_factory=list)
    tokens: list[Balance] = field(default_factory=list)


SIGNED = "CASE e.side WHEN 'DEBIT' THEN e.amount_minor ELSE -e.amount_minor END"

_TRIAL_BALANCE = text(f"""
    SELECT e.currency, a.code, a.name, a.kind, sum({SIGNED})::bigint AS balance
    FROM ledger_entries e
    JOIN accounts a ON a.organization_id = e.organization_id AND a.code = e.account_code
    WHERE e.organization_id = :org AND e.effective_at < coalesce(CAST(:before AS timestamptz), 'infinity')
    GROUP BY e.currency, a.code, a.name, a.kind ORDER BY e.currency, a.code
""")  # noqa: S608 - SIGNED is ours

_HOLDINGS = text(f"""
    SELECT e.account_code AS code, e.currency, e.asset, sum({SIGNED})::bigint AS money,
        coalesce(sum(CASE e.side WHEN 'DEBIT' THEN e.asset_amount ELSE -e.asset_amount END), 0)::bigint AS tokens
    FROM ledger_entries e WHERE e.organization_id = :org GROUP BY e.account_code, e.currency, e.asset
    ORDER BY e.account_code, e.currency, e.asset
""")  # noqa: S608 - SIGNED is ours
_ACCOUNTS = text("SELECT code, name, kind FROM accounts WHERE organization_id = :org ORDER BY code")


def trial_balance(
    session: Session, organization_id: uuid.UUID, *, before: dt.datetime | None = None
) -> list[TrialBalance]:
    """Return every account with its balance, by currency.

    :param before: count only what happened before this moment; None counts everything
    """
    found = session.execute(_TRIAL_BALANCE, {"org": organization_id, "before": before})
    balances: list[TrialBalance] = []
    for currency, accounts in groupby(found, key=lambda row: str(row.currency)):
        rows = [
            TrialBalanceRow(row.code, row.name, row.kind, max(row.balance, 0), max(-row.balance, 0)) for row in accounts
        ]
        balances.append(
            TrialBalance(currency, rows, sum(row.debit_minor for row in rows), sum(row.credit_minor for row in rows))
        )
    return balances


def overview(session: Session, organization_id: uuid.UUID, *, first: str) -> list[AccountBalances]:
    """Return every account that has entries, with what it holds in each currency and of each token.

    :param first: the currency that comes first, the organization's
    """
    money: dict[str, dict[str, int]] = {}
    tokens: dict[str, dict[str, int]] = {}
    for row in session.execute(_HOLDINGS, {"org": organization_id}):
        held = money.setdefault(row.code, {})
        held[row.currency] = held.get(row.currency, 0) + row.money
        if row.asset is not None:
            quantities = tokens.setdefault(row.code, {})
            quantities[row.asset] = quantities.get(row.asset, 0) + row.tokens
    return [
        AccountBalances(
            row.code,
            row.name,
            row.kind,
            [balance(unit, money[row.code][unit]) for unit in sorted(money[row.code], key=lambda u: (u != first, u))],
            [balance(asset, units) for asset, units in sorted(tokens.get(row.code, {}).items())],
        )
        for row in session.execute(_ACCOUNTS, {"org": organization_id})
        if row.code in money
    ]


def balance(unit: str, signed: int) -> Balance:
    """Return a signed sum as the books write it."""
    return Balance(unit, abs(signed), side_of(signed))


def side_of(balance: int) -> str:
    """Return the side a signed balance stands on; the books have no minus signs."""
    return "Dr" if balance > 0 else "Cr" if balance < 0 else ""
