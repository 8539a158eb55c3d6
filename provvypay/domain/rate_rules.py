"""When a rate is believed, how long it lasts, and how one is made from two. Pure arithmetic on decimals.

Source: docs/explanation/money-and-fx.md, "Which rates are believed".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import COINGECKO, CROSS, MIRROR_NODE, SOURCE_NAMES, Rate, RateTable

FETCHED_WITHIN = dt.timedelta(minutes=15)
"""A rate fetched longer ago says nothing about now, whoever said it."""
CROSS_WITHIN = dt.timedelta(hours=24)
"""How old what a cross rate is made from may be."""
MOST_CHANGE = Decimal("0.20")
"""A change beyond this against the last accepted rate is believed once the next fetch confirms it."""
OFF_PEG = Decimal("0.02")
APART = Decimal("0.10")
"""Two sources of HBAR in USD that differ by more raise an alert: the mirror node's figure is smoothed and hourly."""
TOO_FAR_APART = Decimal("0.30")
"""Beyond this one of them is simply wrong, and nobody can say which."""

DIGITS = Decimal(1).scaleb(-18)
"""what PostgreSQL keeps"""
CROSS_DIGITS = Context(prec=12, rounding=ROUND_HALF_EVEN)
"""What is made from two figures is no more exact than they are; further digits would only look so."""
LEAST, MOST = Decimal("1e-12"), Decimal("1e9")
"""Nothing we quote is near either; beyond them a figure is noise. With 18 places it also has to fit into 28 digits."""


def sensible(value: object) -> Decimal | None:
    """Return a figure as we keep it, or None for what can be no rate: no number, not finite, zero, negative, absurd."""
    if not isinstance(value, Decimal) or not value.is_finite() or not LEAST <= value <= MOST:
        return None
    return value.quantize(DIGITS, rounding=ROUND_HALF_EVEN)


def jumps(before: Decimal, after: Decimal) -> bool:
    """Say whether a change is more than MOST_CHANGE of what was before."""
    return abs(after - before) > before * MOST_CHANGE


def believable(new: Rate, accepted: Rate | None, held: Rate | None) -> bool:
    """Say whether a rate may be accepted now; else it waits for the next fetch.

    :param accepted: the last accepted rate of the pair; the first one ever has nothing to be compared with
    :param held: what the fetch before brought and was not believed
    """
    if accepted is None or not jumps(accepted.value, new.value):
        return True
    return held is not None and not jumps(held.value, new.value)


def is_current(rate: Rate, now: dt.datetime) -> bool:
    """Say whether the source's own time is recent enough.

    A mirror node's rate ends at an hour the network names, and is refused when it is fetched after that.
    """
    if rate.source == MIRROR_NODE:
        return True
    within = CROSS_WITHIN if rate.source == CROSS else dt.timedelta(seconds=ASSETS[rate.asset].fresh_seconds)
    return now - rate.as_of <= within


def is_fresh(rate: Rate, now: dt.datetime) -> bool:
    """Say whether a rate may be used for something that happens now."""
    return now - rate.fetched_at <= FETCHED_WITHIN and is_current(rate, now)


def fresh(table: RateTable, asset: str, currency: str, now: dt.datetime) -> Rate | None:
    """Return the rate of a pair if it may be used now, else None."""
    rate = table.get(asset, currency)
    return rate if rate is not None and is_fresh(rate, now) else None


def ratio_apart(one: Decimal, other: Decimal) -> Decimal:
    """Return by how much of the smaller two figures differ: 0.10 for 1.00 and 1.10."""
    low, high = sorted((one, other))
    return high / low - 1


def sources_apart(table: RateTable, now: dt.datetime) -> Decimal | None:
    """Return by how much the two sources of HBAR in USD differ; None unless both have a fresh figure."""
    lately = [said.value for said in table.said.values() if is_fresh(said, now)]
    return ratio_apart(min(lately), max(lately)) if len(lately) > 1 else None


def off_peg(rate: Rate) -> Decimal:
    """Return how far a stablecoin is from one unit of its peg, above or below: 0.03 for 0.97."""
    return abs(rate.value - 1)


@dataclass(frozen=True, slots=True)
class Cross:
    """How much of a currency one US dollar was, read off one token quoted in both at the same moment."""

    asset: str
    currency: str
    in_currency: Decimal
    in_usd: Decimal
    as_of: dt.datetime
    """the older of the two"""


def crossed(leg: Rate, cross: Cross) -> Rate | None:
    """Make a rate in another currency from a token's rate in USD; None when that would be no rate.

    :param leg: in USD
    """
    value = sensible(CROSS_DIGITS.plus(leg.value * cross.in_currency / cross.in_usd))
    if value is None:
        return None
    made_from = (
        f"{leg.asset}/USD ({SOURCE_NAMES[leg.source]}, {leg.as_of:%d %b %H:%M}) ×"
        f" {cross.currency}/USD ({SOURCE_NAMES[COINGECKO]} by {cross.asset}, {cross.as_of:%d %b %H:%M} UTC)"
    )
    as_of = min(leg.as_of, cross.as_of)
    return Rate(leg.asset, cross.currency, value, CROSS, as_of, leg.fetched_at, made_from)


def best_crosses(found: Iterable[Cross], asset: str, now: dt.datetime) -> dict[str, Cross]:
    """Return the newest of each currency that is not too old; between two of one moment, the token's own."""
    best: dict[str, Cross] = {}
    for cross in found:
        if now - cross.as_of > CROSS_WITHIN:
            continue
        known = best.get(cross.currency)
        if known is None or (cross.as_of, cross.asset == asset) > (known.as_of, known.asset == asset):
            best[cross.currency] = cross
    return best


def chosen(
    fetched: Mapping[str, Iterable[Rate]], crosses: Sequence[Cross], currencies: Iterable[str], now: dt.datetime
) -> list[Rate]:
    """Return the one rate to consider for each pair: CoinGecko's, the mirror node's, or one made from two.

    A figure of CoinGecko's that is too old stands last: it is still a fact, and better than none.

    :param fetched: what each source said in this fetch; a source that failed is missing
    """
    first = {(rate.asset, rate.currency): rate for rate in fetched.get(COINGECKO, ())}
    second = {(rate.asset, rate.currency): rate for rate in fetched.get(MIRROR_NODE, ())}
    found: list[Rate] = []
    for asset in ASSETS:
        best = best_crosses(crosses, asset, now)
        leg = _direct(first.get((asset, "USD")), second.get((asset, "USD")), now)
        for currency in currencies:
            rate = _direct(first.get((asset, currency)), second.get((asset, currency)), now)
            if rate is None and leg is not None and currency in best:
                rate = crossed(leg, best[currency])
            rate = rate or first.get((asset, currency))
            if rate is not None:
                found.append(rate)
    return found


def _direct(first: Rate | None, second: Rate | None, now: dt.datetime) -> Rate | None:
    if first is not None and is_current(first, now):
        return first
    return second
