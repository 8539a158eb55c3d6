"""Which rates are believed, how long they last, and how one is made from two."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.rate_rules import Cross
from provvypay.domain.rates import COINGECKO, CROSS, MIRROR_NODE, Rate, RateTable

NOW = dt.datetime(2026, 11, 24, 14, 0, tzinfo=dt.UTC)
values = st.decimals(min_value=Decimal("1e-6"), max_value=Decimal("1e6"), places=12).map(abs).filter(bool)


def rate(
    value: str | Decimal = "0.18",
    *,
    asset: str = "HBAR",
    currency: str = "USD",
    source: str = COINGECKO,
    age: dt.timedelta = dt.timedelta(seconds=30),
    fetched: dt.timedelta = dt.timedelta(),
) -> Rate:
    made_from = "two others" if source == CROSS else ""
    return Rate(asset, currency, Decimal(value), source, NOW - age, NOW - fetched, made_from)


def cross(currency: str, per_dollar: str, *, asset: str = "USDC", age: dt.timedelta = dt.timedelta(minutes=5)) -> Cross:
    return Cross(asset, currency, Decimal(per_dollar), Decimal(1), NOW - age)


# ---------------------------------------------------------------- what can be a rate at all


@pytest.mark.parametrize(
    "nonsense",
    [None, 0.18, 1, "0.18", True, [], Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"),
     Decimal(0), Decimal("-0.18"), Decimal("1e-13"), Decimal("1e10"), Decimal("1e400"), Decimal("1e-400")],
    ids=str,
)  # fmt: skip
def test_f_50_nonsense_is_no_rate(nonsense):
    assert rules.sensible(nonsense) is None


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_whatever_is_kept_fits_into_its_column(value):
    kept = rules.sensible(value)

    assert kept is None or (kept.is_finite() and 0 < kept < Decimal(10) ** 20 and kept == kept.quantize(rules.DIGITS))


@given(values)
def test_what_is_kept_is_what_was_said(value):
    assert rules.sensible(value) == value


# ---------------------------------------------------------------- believed at once, or by the next fetch


@pytest.mark.parametrize(
    ("after", "believed"),
    [
        ("0.216", True),
        ("0.21600001", False),
        ("0.144", True),
        ("0.14399999", False),
        ("0.18", True),
        ("1000000", False),
    ],
)
def test_a_change_of_more_than_a_fifth_waits(after, believed):
    assert rules.believable(rate(after), rate("0.18"), None) is believed


@pytest.mark.parametrize(
    ("after", "held", "believed"),
    [("0.30", "0.30", True), ("0.33", "0.30", True), ("0.50", "0.30", False), ("0.19", "0.30", True)],
)
def test_the_next_fetch_confirms_or_not(after, held, believed):
    assert rules.believable(rate(after), rate("0.18"), rate(held)) is believed


def test_the_first_rate_ever_has_nothing_to_be_measured_by():
    assert rules.believable(rate("1000"), None, None)


@given(values, values)
def test_what_is_held_once_is_believed_when_it_comes_again(accepted, new):
    assert rules.believable(rate(accepted), rate(new), rate(accepted))


@given(st.lists(st.sampled_from(["0.18", "0.2", "0.31", "0.33", "0.09", "9", "1000000"]).map(Decimal), max_size=30))
def test_no_single_figure_moves_the_accepted_rate_by_more_than_a_fifth(said):
    """Whatever a source says, in whatever order: a far jump has two fetches in a row behind it."""
    accepted, held, before = None, None, None
    for value in said:
        if rules.believable(rate(value), rate(accepted) if accepted else None, rate(held) if held else None):
            if accepted is not None and rules.jumps(accepted, value):
                assert before is not None
                assert not rules.jumps(before, value)
            accepted, held = value, None
        else:
            held = value
        before = value
    assert accepted is not None or not said


# ---------------------------------------------------------------- age


@pytest.mark.parametrize(
    ("asset", "source", "age", "fresh"),
    [
        ("HBAR", COINGECKO, dt.timedelta(minutes=10), True),
        ("HBAR", COINGECKO, dt.timedelta(minutes=10, seconds=1), False),
        ("AUDD", COINGECKO, dt.timedelta(minutes=60), True),
        ("AUDD", COINGECKO, dt.timedelta(minutes=60, seconds=1), False),
        ("HBAR", MIRROR_NODE, dt.timedelta(minutes=119), True),
        ("HBAR", CROSS, dt.timedelta(hours=24), True),
        ("HBAR", CROSS, dt.timedelta(hours=24, seconds=1), False),
    ],
)
def test_each_source_has_its_own_patience(asset, source, age, fresh):
    assert rules.is_fresh(rate(asset=asset, source=source, age=age), NOW) is fresh


@given(st.sampled_from([COINGECKO, MIRROR_NODE, CROSS]), st.timedeltas(dt.timedelta(minutes=15, microseconds=1)))
def test_nothing_fetched_more_than_15_minutes_ago_is_fresh(source, fetched):
    fetched = min(fetched, dt.timedelta(days=10_000))
    assert not rules.is_fresh(rate(source=source, age=dt.timedelta(), fetched=fetched), NOW)


# ---------------------------------------------------------------- two sources


@given(values, values)
def test_the_ratio_is_the_same_from_both_sides(one, other):
    assert rules.ratio_apart(one, other) == rules.ratio_apart(other, one) >= 0


@pytest.mark.parametrize(
    ("said", "apart"),
    [
        ([rate("0.18"), rate("0.15", source=MIRROR_NODE)], Decimal("0.2")),
        ([rate("0.15"), rate("0.18", source=MIRROR_NODE)], Decimal("0.2")),
        ([rate("0.18")], None),
        ([], None),
        # a figure that is too old contradicts nobody
        ([rate("0.18", age=dt.timedelta(hours=1)), rate("0.15", source=MIRROR_NODE)], None),
        ([rate("0.18"), rate("0.15", source=MIRROR_NODE, fetched=dt.timedelta(hours=1))], None),
    ],
)
def test_sources_are_apart_only_while_both_speak(said, apart):
    assert rules.sources_apart(RateTable(said=said), NOW) == apart


# ---------------------------------------------------------------- made from two


@given(values, values, values)
def test_a_cross_rate_is_the_product_in_twelve_figures(leg, in_currency, in_usd):
    found = rules.crossed(rate(leg, source=MIRROR_NODE), Cross("USDC", "AUD", in_currency, in_usd, NOW))

    exact = Fraction(leg) * Fraction(in_currency) / Fraction(in_usd)
    if found is None:
        assert not Fraction(rules.LEAST) * 2 < exact < Fraction(rules.MOST) / 2
    else:
        assert abs(Fraction(found.value) - exact) <= exact * Fraction(51, 10**13) + Fraction(1, 10**18)


@given(values, values, values)
def test_crossing_there_and_back_changes_nothing_that_matters(leg, in_currency, in_usd):
    there = rules.crossed(rate(leg, source=MIRROR_NODE), Cross("USDC", "AUD", in_currency, in_usd, NOW))

    if there is not None and there.value > Decimal("1e-4"):
        back = there.value * in_usd / in_currency
        assert abs(back - leg) <= leg * Decimal("1e-11")


def test_a_cross_rate_says_what_it_was_made_from_and_is_as_old_as_the_older():
    leg = rate("0.0713", source=MIRROR_NODE, age=dt.timedelta(minutes=40))

    found = rules.crossed(leg, cross("AUD", "1.5372", age=dt.timedelta(hours=3)))

    assert found == Rate(
        "HBAR", "AUD", Decimal("0.10960236"), CROSS, NOW - dt.timedelta(hours=3), NOW,
        "HBAR/USD (Hedera mirror node, 24 Nov 13:20) × AUD/USD (CoinGecko by USDC, 24 Nov 11:00 UTC)",
    )  # fmt: skip


def test_the_newest_cross_counts_and_the_tokens_own_between_equals():
    own, other, older, too_old = (
        cross("AUD", "1.51", asset="HBAR"),
        cross("AUD", "1.52"),
        cross("AUD", "1.40", asset="HBAR", age=dt.timedelta(hours=2)),
        cross("EUR", "0.86", age=dt.timedelta(hours=24, seconds=1)),
    )

    assert rules.best_crosses([older, other, own, too_old], "HBAR", NOW) == {"AUD": own}
    assert rules.best_crosses([own, older, other], "USDC", NOW) == {"AUD": other}
    assert rules.best_crosses([older], "HBAR", NOW) == {"AUD": older}


# ---------------------------------------------------------------- which one is considered


def pairs(found: list[Rate]) -> dict[str, tuple[Decimal, str]]:
    return {f"{one.asset}/{one.currency}": (one.value, one.source) for one in found}


def test_coingecko_comes_first():
    fetched = {COINGECKO: [rate("0.18"), rate("0.28", currency="AUD")], MIRROR_NODE: [rate("0.15", source=MIRROR_NODE)]}

    found = pairs(rules.chosen(fetched, [cross("AUD", "1.5")], ["USD", "AUD"], NOW))

    assert found == {"HBAR/USD": (Decimal("0.18"), COINGECKO), "HBAR/AUD": (Decimal("0.28"), COINGECKO)}


def test_case_66_without_coingecko_the_mirror_node_and_what_a_dollar_was():
    fetched = {MIRROR_NODE: [rate("0.15", source=MIRROR_NODE)]}

    found = pairs(rules.chosen(fetched, [cross("AUD", "1.5")], ["USD", "AUD", "EUR"], NOW))

    assert found == {"HBAR/USD": (Decimal("0.15"), MIRROR_NODE), "HBAR/AUD": (Decimal("0.225"), CROSS)}


def test_a_figure_that_is_too_old_gives_way_and_is_kept_when_there_is_no_other():
    old = dt.timedelta(hours=2)
    fetched = {
        COINGECKO: [rate("0.18", age=old), rate("0.28", currency="AUD", age=old), rate("1", asset="USDC", age=old)],
        MIRROR_NODE: [rate("0.15", source=MIRROR_NODE)],
    }

    found = pairs(rules.chosen(fetched, [cross("AUD", "1.5")], ["USD", "AUD"], NOW))

    assert found == {
        "HBAR/USD": (Decimal("0.15"), MIRROR_NODE),
        "HBAR/AUD": (Decimal("0.225"), CROSS),
        "USDC/USD": (Decimal(1), COINGECKO),
    }


def test_a_currency_coingecko_leaves_out_is_crossed_for_every_token():
    fetched = {COINGECKO: [rate("0.18"), rate("0.9998", asset="USDC")]}

    found = pairs(rules.chosen(fetched, [cross("NZD", "1.7", asset="USDT")], ["USD", "NZD"], NOW))

    assert found["HBAR/NZD"] == (Decimal("0.306"), CROSS)
    assert found["USDC/NZD"] == (Decimal("1.69966"), CROSS)
    assert set(found) == {"HBAR/USD", "HBAR/NZD", "USDC/USD", "USDC/NZD"}


def test_no_cross_rate_is_made_from_a_leg_that_is_too_old():
    fetched = {COINGECKO: [rate("1", asset="USDC", age=dt.timedelta(hours=2))]}

    assert pairs(rules.chosen(fetched, [cross("AUD", "1.5")], ["AUD"], NOW)) == {}


@given(
    st.dictionaries(st.tuples(st.sampled_from([*ASSETS]), st.sampled_from(["USD", "AUD", "EUR"])), values),
    st.one_of(st.none(), values),
    st.lists(st.tuples(st.sampled_from([*ASSETS]), st.sampled_from(["AUD", "EUR"]), values, values), max_size=8),
    st.booleans(),
)
def test_each_pair_is_considered_once_and_never_made_of_nothing(first, second, found, stale):
    age = dt.timedelta(hours=2) if stale else dt.timedelta()
    fetched = {COINGECKO: [rate(value, asset=a, currency=c, age=age) for (a, c), value in first.items()]}
    if second is not None:
        fetched[MIRROR_NODE] = [rate(second, source=MIRROR_NODE)]
    crosses = [Cross(asset, currency, one, other, NOW) for asset, currency, one, other in found]

    considered = rules.chosen(fetched, crosses, ["USD", "AUD", "EUR"], NOW)

    assert len({(one.asset, one.currency) for one in considered}) == len(considered)
    assert set(first) <= {(one.asset, one.currency) for one in considered}
    for one in considered:
        assert rules.sensible(one.value) == one.value
        assert (one.source == CROSS) == bool(one.made_from)
