"""May a token be offered, and if not, why: `services.fx.offers`, over tables made by hand and by Hypothesis."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import COINGECKO, CROSS, MIRROR_NODE, Rate, RateTable
from provvypay.services.fx.offers import Offered, Paused, ago, offer, per_cent, span

NOW = dt.datetime(2026, 11, 24, 14, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def rate(
    asset: str,
    currency: str,
    value: str | Decimal,
    *,
    source: str = COINGECKO,
    age: dt.timedelta = MINUTE,
    fetched: dt.timedelta = MINUTE,
) -> Rate:
    return Rate(asset, currency, Decimal(value), source, NOW - age, NOW - fetched, "two" if source == CROSS else "")


GOOD = (
    rate("HBAR", "AUD", "0.28"),
    rate("USDC", "AUD", "1.53"),
    rate("USDC", "USD", "0.9998"),
    rate("AUDD", "USD", "0.65"),
    rate("AUDD", "AUD", "0.9999"),
)


def sentence(asset: str, currency: str, *rates: Rate, held: tuple[Rate, ...] = (), said: tuple[Rate, ...] = ()) -> str:
    verdict = offer(asset, currency, RateTable(rates, held=held, said=said), NOW)
    return verdict.sentence if isinstance(verdict, Paused) else ""


def test_a_good_rate_is_offered_as_it_is():
    table = RateTable(GOOD)

    assert offer("HBAR", "AUD", table, NOW) == Offered(GOOD[0])
    assert offer("USDC", "AUD", table, NOW) == Offered(GOOD[1])
    assert offer("AUDD", "USD", table, NOW) == Offered(GOOD[3])


def test_without_a_rate_there_is_nothing_to_offer():
    assert sentence("USDT", "AUD", *GOOD) == "There is no rate for USDT in AUD at the moment."


def test_a_stablecoin_whose_peg_nobody_quotes_is_paused():
    unknown = "USDC is paused: we do not know for certain what it is worth in USD now."

    assert sentence("USDC", "AUD", GOOD[1]) == unknown
    assert sentence("USDC", "AUD", GOOD[1], rate("USDC", "USD", "1", fetched=16 * MINUTE)) == unknown
    assert sentence("USDC", "AUD", *GOOD, held=(rate("USDC", "USD", "0.5"),)) == unknown


def test_what_is_held_in_one_currency_pauses_that_currency_alone():
    held = (rate("HBAR", "AUD", "0.42"),)

    assert sentence("HBAR", "AUD", *GOOD, held=held).startswith("HBAR is paused: its rate in AUD jumped by 50 %")
    assert sentence("HBAR", "EUR", rate("HBAR", "EUR", "0.16"), held=held) == ""


def test_fallback_rates_follow_their_own_rules():
    hour = 60 * MINUTE

    assert sentence("HBAR", "USD", rate("HBAR", "USD", "0.18", source=MIRROR_NODE, age=hour)) == ""
    assert sentence("HBAR", "AUD", rate("HBAR", "AUD", "0.28", source=CROSS, age=23 * hour)) == ""
    assert "too old" in sentence("HBAR", "AUD", rate("HBAR", "AUD", "0.28", source=CROSS, age=25 * hour))
    assert "too old" in sentence("HBAR", "USD", rate("HBAR", "USD", "0.18", source=MIRROR_NODE, fetched=16 * MINUTE))


@pytest.mark.parametrize(("mirror", "paused"), [("0.18", False), ("0.139", False), ("0.138", True), ("0.24", True)])
def test_contradicting_sources_pause_hbar_and_nothing_else(mirror, paused):
    said = (rate("HBAR", "USD", "0.18"), rate("HBAR", "USD", mirror, source=MIRROR_NODE))

    assert ("two sources" in sentence("HBAR", "AUD", *GOOD, said=said)) is paused
    assert sentence("USDC", "AUD", *GOOD, said=said) == ""


ages = st.integers(0, 100).map(lambda minutes: minutes * MINUTE)
some_rates = st.builds(
    rate,
    st.sampled_from([*ASSETS]),
    st.sampled_from(["USD", "AUD", "EUR"]),
    st.sampled_from(["0.18", "0.97", "0.981", "1", "1.019", "1.03", "5"]),
    source=st.sampled_from([COINGECKO, MIRROR_NODE, CROSS]),
    age=ages,
    fetched=ages,
)


@given(
    st.lists(some_rates, max_size=12),
    st.lists(some_rates, max_size=3),
    st.lists(some_rates, max_size=2),
    st.sampled_from([*ASSETS]),
    st.sampled_from(["USD", "AUD", "EUR"]),
)
def test_whatever_is_offered_is_fresh_confirmed_and_on_its_peg(rates, held, said, asset, currency):
    table = RateTable(rates, held=held, said=said)

    verdict = offer(asset, currency, table, NOW)

    if isinstance(verdict, Paused):
        assert verdict.sentence.endswith(".")
        assert asset in verdict.sentence
        return
    assert verdict.rate == table.get(asset, currency)
    assert NOW - verdict.rate.fetched_at <= 15 * MINUTE
    assert rules.is_current(verdict.rate, NOW)
    assert (asset, currency) not in table.held
    peg = ASSETS[asset].peg
    if peg is not None:
        assert abs(table.get(asset, peg).value - 1) <= Decimal("0.02")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [("0.02", "2 %"), ("0.3799", "37 %"), ("0.0042", "0.4 %"), ("12.5", "1,250 %"), ("0", "0.0 %"), ("1", "100 %")],
)
def test_ratios_read_as_people_write_them(ratio, text):
    assert per_cent(Decimal(ratio)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (5399, "89 minutes"), (5400, "1 hour"),
     (129_599, "35 hours"), (129_600, "1 day"), (400_000, "4 days")],
)  # fmt: skip
def test_spans_read_as_people_say_them(seconds, text):
    assert span(dt.timedelta(seconds=seconds)) == text
    assert ago(dt.timedelta(seconds=seconds)) == (f"{text} ago" if seconds >= 60 else "just now")
