"""A quote never asks for less than what is due, nor for more than one smallest unit more, and ends when it should."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES, digits_of
from provvypay.domain.quotes import (
    FOR_GOOD,
    MOST_UNITS,
    WITHOUT_A_SNAPSHOT,
    WORTH_KEEPING,
    Snapshot,
    may_serve_again,
    price,
)
from provvypay.domain.rates import COINGECKO, CROSS, Rate

NOW = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
QUARTER = dt.timedelta(minutes=15)
NEVER = dt.timedelta(0)

values = st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e9"), places=18)
windows = st.integers(0, 86400).map(lambda seconds: dt.timedelta(seconds=seconds))


def fresh(value="1.5321"):
    return Rate("USDC", "AUD", Decimal(value), COINGECKO, NOW, NOW)


def kept(value="1.5", *, age=dt.timedelta(minutes=1)):
    taken = NOW - age
    return Snapshot(Decimal(value), CROSS, taken, "from two", taken)


def quoted(amount_minor=1240_00, **changed):
    known = {"creation": None, "fresh": fresh(), "window": QUARTER, "ends_at": None, "now": NOW}
    return price("USDC", amount_minor, "AUD", **(known | changed))


@given(
    minor=st.integers(1, 99_999_999_999),
    value=values,
    code=st.sampled_from(sorted(ASSETS)),
    currency=st.sampled_from(sorted(CURRENCIES)),
)
def test_never_less_than_due_and_at_most_one_unit_more(minor, value, code, currency):
    rate = Rate(code, currency, value, COINGECKO, NOW, NOW)

    found = price(code, minor, currency, creation=None, fresh=rate, window=QUARTER, ends_at=None, now=NOW)

    exact = Fraction(minor) / 10 ** digits_of(currency) / Fraction(value) * 10 ** ASSETS[code].decimals
    if found is None:
        assert exact > MOST_UNITS
    else:
        assert exact <= found.units < exact + 1
        assert 0 < found.units <= MOST_UNITS


@given(
    window=windows,
    age=st.integers(0, 200_000).map(lambda seconds: dt.timedelta(seconds=seconds)),
    left=st.none() | st.integers(1, 400_000).map(lambda seconds: dt.timedelta(seconds=seconds)),
)
def test_the_first_rate_counts_while_it_is_young_and_no_quote_outlives_the_link(window, age, left):
    ends_at = NOW + left if left else None

    found = quoted(creation=kept(age=age), window=window, ends_at=ends_at)

    assert found.rate == (Decimal("1.5") if age < window or not window else Decimal("1.5321"))
    assert found.valid_until > NOW
    assert ends_at is None or found.valid_until <= ends_at
    assert found.valid_until - NOW <= (window or FOR_GOOD)


def test_a_quote_says_where_its_rate_is_from():
    first, later = quoted(creation=kept()), quoted(creation=kept(age=QUARTER))

    assert (first.source, first.made_from, first.as_of) == (CROSS, "from two", NOW - dt.timedelta(minutes=1))
    assert (later.source, later.made_from, later.as_of) == (COINGECKO, "", NOW)


def test_a_rate_for_life_that_was_never_known_is_a_fresh_one_for_a_quarter_of_an_hour():
    assert quoted(window=NEVER).valid_until == NOW + WITHOUT_A_SNAPSHOT


def test_without_a_rate_there_is_no_price():
    assert quoted(fresh=None) is None
    assert quoted(fresh=None, creation=kept(age=QUARTER)) is None
    assert quoted(fresh=None, creation=kept()).rate == Decimal("1.5")


@pytest.mark.parametrize(
    ("left", "next_left", "again"),
    [
        (900, 900, True),
        (60, 900, True),
        (59, 900, False),
        (59, 59, True),
        (30, 30, True),
        (0, 900, False),
        (-1, -5, False),
    ],
)
def test_a_quote_with_little_left_is_not_given_again(left, next_left, again):
    until, next_until = NOW + dt.timedelta(seconds=left), NOW + dt.timedelta(seconds=next_left)

    assert may_serve_again(until, next_until, NOW) is again
    assert WORTH_KEEPING.total_seconds() == 60
