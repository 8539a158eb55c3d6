"""What is booked when money goes back: refunds, disputes, and what Stripe took or converted with them. Pure.

Source: docs/explanation/refunds-and-disputes.md, "What is booked".
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from provvypay.services.ledger import chart
from provvypay.services.ledger.postings import Draft, Line


@dataclass(frozen=True, slots=True)
class Returned:
    """The refund or dispute that is booked, and when."""

    id: uuid.UUID
    amount_minor: int
    """in `currency`, the payment's"""
    currency: str
    effective_at: dt.datetime
    link_id: uuid.UUID | None
    title: str
    of_credit: bool
    """whether it takes money held for a customer (2100)"""


@dataclass(frozen=True, slots=True)
class SettledLine:
    """A balance transaction of a refund or dispute, in its settlement currency."""

    id: uuid.UUID
    amount_minor: int
    """negative where money leaves"""
    fee_minor: int
    """negative where it is given back"""
    currency: str


def refund(what: Returned) -> Draft:
    """Return the journal of a refund whose money has left: 4090 Refunds, or 2100 for a credit / 1050."""
    words = "Credit given back" if what.of_credit else "Refund"
    return _draft("REFUND", "REFUND", what, (_account(what), chart.STRIPE_CLEARING), words)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that left, and the pool they left: one for each organization, token and currency."""

    clearing_account: str
    asset: str
    units: int
    """smallest units that went out"""
    pool_units: int
    """what the books held before"""
    pool_minor: int
    """at what that stood there"""


def average_cost(pool_units: int, pool_minor: int, out_units: int, agreed_minor: int) -> int:
    """Return at what tokens that leave a pool stood in the books: their share of it, rounded down.

    The last ones take all that is left, so that a pool without tokens has no value. What the pool does not hold goes at
    the value that was agreed, for nobody knows what it cost. At least one minor unit: a line of the books has one.
    PostgreSQL reckons the same (`average_cost`).
    """
    if out_units < pool_units:
        # Towards zero, as PostgreSQL divides: a pool that was overdrawn may stand below nothing.
        share = abs(pool_minor) * out_units // pool_units
        return max(1, share if pool_minor > 0 else -share)
    missing = out_units - max(pool_units, 0)
    return max(1, (pool_minor if pool_units > 0 else 0) + agreed_minor * missing // out_units)


def token_refund(what: Returned, sent: Tokens) -> Draft:
    """Return the journal of tokens that went back: 4090, or 2100 for a credit, at the agreed value / 105x at cost.

    The rest is a gain or a loss: 7000.
    """
    cost = average_cost(sent.pool_units, sent.pool_minor, sent.units, what.amount_minor)
    draft = refund(what)
    lines = [
        draft.lines[0],
        Line(sent.clearing_account, "CREDIT", cost, sent.asset, sent.units),
        Line(chart.FX_GAINS, "CREDIT", what.amount_minor - cost),
        Line(chart.FX_GAINS, "DEBIT", cost - what.amount_minor),
    ]
    return replace(draft, lines=tuple(line for line in lines if line.amount_minor > 0))


def manual_refund(what: Returned) -> Draft:
    """Return the journal of money that was given back outside, of a payment marked by hand: 4090 or 2100 / 1000."""
    accounts = (_account(what), chart.BANK)
    return _draft("REFUND", "REFUND", what, accounts, "Credit given back" if what.of_credit else "Refund")


def refund_reversal(what: Returned, journal_id: uuid.UUID) -> Draft:
    """Return the journal that takes a refund back whose money came back."""
    accounts = (chart.STRIPE_CLEARING, _account(what))
    return replace(_draft("REFUND", "REFUND_REVERSAL", what, accounts, "Refund failed"), reverses_id=journal_id)


def dispute_withdrawn(what: Returned) -> Draft:
    """Return the journal of disputed money: 1210 Disputed Funds / 1050. It is no loss until it is lost."""
    accounts = (chart.DISPUTED_FUNDS, chart.STRIPE_CLEARING)
    return _draft("DISPUTE", "DISPUTE_WITHDRAWN", what, accounts, "Withdrawn for a dispute")


def dispute_won(what: Returned) -> Draft:
    """Return the journal of disputed money that came back: 1050 / 1210."""
    return _draft("DISPUTE", "DISPUTE_WON", what, (chart.STRIPE_CLEARING, chart.DISPUTED_FUNDS), "Dispute won")


def dispute_lost(what: Returned) -> Draft:
    """Return the journal of disputed money that is lost: 6110, or 2100 for a credit / 1210."""
    account = chart.CUSTOMER_CREDITS if what.of_credit else chart.DISPUTE_LOSSES
    return _draft("DISPUTE", "DISPUTE_LOST", what, (account, chart.DISPUTED_FUNDS), "Dispute lost")


def line(what: Returned, settled: SettledLine, *, of_dispute: bool) -> tuple[Draft, ...]:
    """Return what Stripe took or converted with a refund or dispute.

    The two conversions mirror those of a charge: what leaves is bought with the settlement currency.
    """
    drafts: list[Draft] = []
    source = "BALANCE_TRANSACTION"
    its = replace(what, id=settled.id)
    if settled.currency != what.currency:
        foreign = replace(its, amount_minor=abs(settled.amount_minor), currency=settled.currency)
        leaves, comes = (foreign, its) if settled.amount_minor < 0 else (its, foreign)
        out = (chart.CURRENCY_CONVERSION, chart.STRIPE_CLEARING)
        drafts += [
            _draft(source, "CONVERSION_OUT", leaves, out, "Converted by Stripe"),
            _draft(source, "CONVERSION_IN", comes, out[::-1], "Converted by Stripe"),
        ]
    if settled.fee_minor:
        kind, account = ("DISPUTE_FEE", chart.DISPUTE_LOSSES) if of_dispute else ("FEE", chart.PROCESSOR_FEES)
        accounts = (account, chart.STRIPE_CLEARING)
        fee = replace(its, amount_minor=abs(settled.fee_minor), currency=settled.currency)
        words = "Stripe’s fee for the dispute" if of_dispute else "Stripe’s fee for the refund"
        drafts.append(_draft(source, kind, fee, accounts if settled.fee_minor > 0 else accounts[::-1], words))
    return tuple(drafts)


def _account(what: Returned) -> str:
    return chart.CUSTOMER_CREDITS if what.of_credit else chart.REFUNDS


def _draft(source: str, kind: str, what: Returned, accounts: tuple[str, str], words: str) -> Draft:
    """Return a journal of two lines.

    :param accounts: debit, credit
    """
    lines = (Line(accounts[0], "DEBIT", what.amount_minor), Line(accounts[1], "CREDIT", what.amount_minor))
    words = f"{words}: {what.title}"
    return Draft(kind, source, what.id, what.currency, what.effective_at, words, what.link_id, lines)
