"""Rates as rows of a table: value, source and age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from provvypay.domain.rates import RateTable


@dataclass(frozen=True, slots=True)
class RateRow:
    """One token in one currency; everything else is None when there is no rate."""

    asset: str
    currency: str
    rate: str | None
    source: str | None
    fetched_at: dt.datetime | None
    age: str | None


def rate_rows(table: RateTable, assets: Iterable[str], currency: str, *, now: dt.datetime) -> list[RateRow]:
    """Return a row for each token, also for those without a rate."""
    rows = []
    for asset in assets:
        rate = table.get(asset, currency)
        if rate is None:
            rows.append(RateRow(asset, currency, None, None, None, None))
        else:
            source = {"COINGECKO": "CoinGecko"}.get(rate.source, rate.source)
            rows.append(
                RateRow(asset, currency, plain(rate.value), source, rate.fetched_at, age(now - rate.fetched_at))
            )
    return rows


def plain(value: Decimal) -> str:
    """Return a rate with all its digits and no trailing zeros: `0.28114`."""
    return f"{value.normalize():f}"


def age(passed: dt.timedelta) -> str:
    """Return how long ago that is, in the unit people would use."""
    seconds = int(passed.total_seconds())
    if seconds < 60:
        return "just now"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes ago"
    if seconds < 129600:
        return f"{round(seconds / 3600)} hours ago"
    return f"{round(seconds / 86400)} days ago"
