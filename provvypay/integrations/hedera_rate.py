"""The Hedera mirror node's REST API: the network's own exchange rate of HBAR (all else: hedera_mirror.py).

Reference: docs.hedera.com, REST API; github.com/hiero-ledger/hiero-mirror-node, rest/api/v1/openapi.yml 0.160, read
November 2026. Limit: 50 requests a second and address on the public nodes; 429, 502 and 504 come from the load balancer
and may be HTML. The rate is published every hour in US cents, answers may be a minute old (`max-age=60`), and a network
has been seen to answer 404. It prices network fees, so it is smoothed: a second opinion, not a market price.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from provvypay.domain.rate_rules import sensible
from provvypay.domain.rates import MIRROR_NODE, Rate
from provvypay.integrations.mirror_transport import MirrorNodeMisunderstood, MirrorNodeUnavailable, Transport
from provvypay.kit.clock import from_unix, now
from provvypay.kit.http import HttpClient
from provvypay.kit.settings import Settings, settings

_PATH = "/api/v1/network/exchangerate"
_LATEST = 2**33


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """The network's rate that is in force."""

    usd_per_hbar: Decimal
    as_of: dt.datetime
    """since when it is: when the network published it, or when the rate before it ended"""
    expires_at: dt.datetime


@dataclass(frozen=True)
class Client:
    """Calls to one mirror node."""

    transport: Transport

    @property
    def name(self) -> str:
        return MIRROR_NODE

    def rates(self, currencies: Sequence[str]) -> tuple[Rate, ...]:
        """Return HBAR in USD, if that is asked for; it knows nothing else.

        :raises MirrorNodeUnavailable: as exchange_rate()
        """
        if "USD" not in currencies:
            return ()
        found = self.exchange_rate()
        return (Rate("HBAR", "USD", found.usd_per_hbar, MIRROR_NODE, found.as_of, now()),)

    def exchange_rate(self) -> ExchangeRate:
        """Return the rate in force: the current one, or the next one once the current has expired.

        :raises MirrorNodeUnavailable: no answer, or both have expired: an expired rate is no rate
        :raises MirrorNodeRefused: the question is wrong
        :raises MirrorNodeMisunderstood: no JSON, or another shape
        """
        body = self.transport.ask(_PATH)
        if body is None:
            raise MirrorNodeUnavailable("404: this network has no exchange rate")
        moment = now()
        current, following = _one(body, "current_rate"), _one(body, "next_rate")
        published = _published(body)
        if moment < current[1]:
            return ExchangeRate(current[0], min(published, moment), current[1])
        if moment < following[1]:
            return ExchangeRate(following[0], current[1], following[1])
        raise MirrorNodeUnavailable(f"the exchange rate expired at {following[1]:%Y-%m-%dT%H:%M:%SZ}")


def _one(body: dict[str, Any], which: str) -> tuple[Decimal, dt.datetime]:
    """Return USD per HBAR and its expiry: so many cents are as much as so many HBAR."""
    rate = body.get(which)
    told = [
        rate.get(name) for name in ("cent_equivalent", "hbar_equivalent", "expiration_time") if isinstance(rate, dict)
    ]
    parts = [
        Decimal(value)
        for value in told
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 < value < _LATEST
    ]
    if len(parts) < 3:
        raise MirrorNodeMisunderstood(f"{which}: {rate}")
    cents, hbars, expires = parts
    usd_per_hbar = sensible(cents / hbars / 100)
    if usd_per_hbar is None:
        raise MirrorNodeMisunderstood(f"{which}: {rate}")
    return usd_per_hbar, from_unix(int(expires))


def _published(body: dict[str, Any]) -> dt.datetime:
    """Return when the rates were published: `seconds.nanoseconds` as text."""
    seconds, _, nanos = str(body.get("timestamp", "")).partition(".")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 10 and (nanos.isdigit() or not nanos)):
        raise MirrorNodeMisunderstood(f"timestamp: {body.get('timestamp')}")
    return from_unix(int(seconds))


@lru_cache(maxsize=4)
def _client(chosen: Settings) -> Client:
    # Asked after CoinGecko in the same job, which has a minute for both.
    # Outside the budget: one request a minute at most.
    headers = dict(chosen.hedera_mirror_node_headers or ())
    return Client(Transport(HttpClient(chosen.hedera_mirror_node_url, headers, retries=1, answer_seconds=5)))


def client() -> Client:
    """Return the client of the configured mirror node."""
    return _client(settings())
