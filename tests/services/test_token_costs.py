"""What tokens cost that go back: their pool stays whole, to the minor unit and to the smallest unit."""

from __future__ import annotations

import datetime as dt
import uuid

from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain.assets import ASSETS, share_of_tokens, tokens_due, tokens_worth
from provvypay.services.ledger.returns import Returned, Tokens, average_cost, token_refund

minor = st.integers(1, 10**10)
units = st.integers(1, 10**16)


def booked(agreed: int, out: int, pool_units: int, pool_minor: int, *, of_credit: bool = False) -> dict[str, int]:
    """Return debit minus credit by account of a refund's journal."""
    what = Returned(uuid.uuid4(), agreed, "AUD", dt.datetime(2026, 11, 24, tzinfo=dt.UTC), None, "x", of_credit)
    draft = token_refund(what, Tokens("1051", "HBAR", out, pool_units, pool_minor))
    balances: dict[str, int] = {}
    for line in draft.lines:
        assert line.amount_minor >= 1
        assert (line.asset_amount == out) == (line.account == "1051")
        sign = 1 if line.side == "DEBIT" else -1
        balances[line.account] = balances.get(line.account, 0) + sign * line.amount_minor
    return balances


@given(minor, units, st.integers(-(10**16), 10**16), st.integers(-(10**10), 10**10), st.booleans())
def test_a_refund_s_journal_balances_whatever_the_pool(
    agreed: int, out: int, pool_units: int, pool_minor: int, of_credit: bool
) -> None:
    balances = booked(agreed, out, pool_units, pool_minor, of_credit=of_credit)

    assert sum(balances.values()) == 0
    assert balances["2100" if of_credit else "4090"] == agreed
    assert balances["1051"] == -average_cost(pool_units, pool_minor, out, agreed)


@given(st.lists(st.tuples(units, st.integers(10**6, 10**10)), min_size=1, max_size=6), st.data())
def test_the_last_tokens_take_all_that_is_left(came: list[tuple[int, int]], data: st.DataObject) -> None:
    pool_units, pool_minor = sum(one for one, _ in came), sum(value for _, value in came)
    while pool_units:
        out = data.draw(st.integers(max(1, pool_units // 4), pool_units))
        cost = average_cost(pool_units, pool_minor, out, agreed_minor=7)
        assert cost * pool_units <= max(pool_minor * out, pool_units) < (cost + 1) * pool_units + pool_units
        pool_units, pool_minor = pool_units - out, pool_minor - cost
    assert pool_minor <= 0
    assert pool_minor == 0 or cost == 1


@given(minor, units, st.data())
def test_parts_of_a_payment_never_send_more_tokens_than_came(value: int, amount: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, value))

    parts = [share_of_tokens(amount, value, part) for part in (first, value - first)]

    assert amount - 1 <= sum(parts) <= amount
    assert share_of_tokens(amount, value, value) == amount


@given(minor, st.decimals("0.000001", "100000", places=6))
def test_what_an_amount_buys_is_never_worth_more_than_it(amount: int, rate: object) -> None:
    bought = tokens_worth(amount, "AUD", rate, ASSETS["HBAR"])  # type: ignore[arg-type]
    due = tokens_due(amount, "AUD", rate, ASSETS["HBAR"])  # type: ignore[arg-type]

    assert due - 1 <= bought <= due
