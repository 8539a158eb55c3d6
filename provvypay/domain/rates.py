"""Rates that travel: what one whole token is worth in a currency, where it came from and how old it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One observed rate."""

    asset: str
    currency: str
    value: Decimal
    """currency per one whole token, positive"""
    source: str
    """COINGECKO, later also MIRROR_NODE or CROSS"""
    as_of: dt.datetime
    """when the source says it was so"""
    fetched_at: dt.datetime
    """when we asked"""


class RateTable:
    """The latest rates, by asset and currency; may be empty, and missing pairs are normal."""

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        self._rates = {(rate.asset, rate.currency): rate for rate in rates}

    def get(self, asset: str, currency: str) -> Rate | None:
        """Return the rate of a pair, or None."""
        return self._rates.get((asset, currency))

    def __iter__(self) -> Iterator[Rate]:
        return iter(self._rates.values())

    def __len__(self) -> int:
        return len(self._rates)

    def fresh(self, asset: str, currency: str, *, now: dt.datetime, fetched_within: dt.timedelta) -> Rate | None:
        """Return the rate of a pair if we fetched it recently enough, else None."""
        rate = self.get(asset, currency)
        if rate is None or now - rate.fetched_at > fetched_within:
            return None
        return rate
