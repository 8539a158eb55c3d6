"""Rates that travel: what one whole token is worth in a currency, where it came from and how old it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

COINGECKO = "COINGECKO"
MIRROR_NODE = "MIRROR_NODE"
CROSS = "CROSS"
"""made from two rates, because no source quotes the pair at the moment"""

SOURCE_NAMES = {COINGECKO: "CoinGecko", MIRROR_NODE: "Hedera mirror node", CROSS: "Cross rate"}
"""as people read them"""


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate of one pair."""

    asset: str
    currency: str
    value: Decimal
    """currency per one whole token, positive"""
    source: str
    """COINGECKO, MIRROR_NODE or CROSS"""
    as_of: dt.datetime
    """when the source says it was so; of a CROSS rate, the older of the two it was made from"""
    fetched_at: dt.datetime
    """when we asked"""
    made_from: str = ""
    """what a CROSS rate was made from, in words; empty for others"""


class RateSource(Protocol):
    """One way to learn rates (strategy): each vendor has its own, and whoever asks need not know which it is."""

    @property
    def name(self) -> str:
        """Return COINGECKO or MIRROR_NODE."""

    def rates(self, currencies: Sequence[str]) -> tuple[Rate, ...]:
        """Ask for every token the source knows, in these currencies; what it does not know is missing.

        :raises Unavailable: a later call may succeed; its `retry_after` says in how many seconds, when the source did
        :raises ProvvypayError: a person must look
        """


class RateTable:
    """The accepted rates by asset and currency; may be empty, and missing pairs are normal.

    :ivar held: what was fetched last and waits to be confirmed, by pair
    :ivar said: what each source said last of HBAR in USD, believed or not, by source
    """

    def __init__(self, rates: Iterable[Rate] = (), *, held: Iterable[Rate] = (), said: Iterable[Rate] = ()) -> None:
        self._rates = {(rate.asset, rate.currency): rate for rate in rates}
        self.held = {(rate.asset, rate.currency): rate for rate in held}
        self.said = {rate.source: rate for rate in said}

    def get(self, asset: str, currency: str) -> Rate | None:
        """Return the accepted rate of a pair, or None."""
        return self._rates.get((asset, currency))

    def __iter__(self) -> Iterator[Rate]:
        return iter(self._rates.values())

    def __len__(self) -> int:
        return len(self._rates)
