"""The Hedera mirror node's REST API: so far only the network's own exchange rate of HBAR.

Reference: docs.hedera.com, REST API; github.com/hiero-ledger/hiero-mirror-node, rest/api/v1/openapi.yml 0.160, read
November 2026. Limit: 50 requests a second and address on the public nodes; 429, 502 and 504 come from the load balancer
and may be HTML. The rate is published every hour in US cents, answers may be a minute old (`max-age=60`), and a network
has been seen to answer 404. It prices network fees, so it is smoothed: a second opinion, not a market price.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from provvypay.domain.rate_rules import sensible
from provvypay.domain.rates import MIRROR_NODE, Rate
from provvypay.errors import ProvvypayError, Unavailable
from provvypay.kit.clock import from_unix, now
from provvypay.kit.http import HttpAnswer, HttpClient, HttpFailed, seconds_to_wait
from provvypay.kit.settings import Settings, settings

_PATH = "/api/v1/network/exchangerate"
_LATEST = 2**33


class MirrorNodeUnavailable(Unavailable):
    """No answer, a rate limit, or no rate that is in force; a later call may succeed."""

    code = "mirror_node_unavailable"


class MirrorNodeRefused(ProvvypayError):
    """The question is wrong; a person must look."""

    status = 502
    code = "mirror_node_refused"


class MirrorNodeMisunderstood(ProvvypayError):
    """The answer does not fit our reading."""

    status = 502
    code = "mirror_node_misunderstood"


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

    http: HttpClient

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
        try:
            answer = self.http.get(_PATH, {})
        except HttpFailed as error:
            raise MirrorNodeUnavailable(str(error)) from error
        body, moment = _read(answer), now()
        current, following = _one(body, "current_rate"), _one(body, "next_rate")
        published = _published(body)
        if moment < current[1]:
            return ExchangeRate(current[0], min(published, moment), current[1])
        if moment < following[1]:
            return ExchangeRate(following[0], current[1], following[1])
        raise MirrorNodeUnavailable(f"the exchange rate expired at {following[1]:%Y-%m-%dT%H:%M:%SZ}")


def _read(answer: HttpAnswer) -> dict[str, Any]:
    if answer.status == 429:
        limited = MirrorNodeUnavailable("rate limit")
        limited.retry_after = seconds_to_wait(answer)
        raise limited
    if answer.status == 404:
        raise MirrorNodeUnavailable("404: this network has no exchange rate")
    if answer.status != 200:
        raise MirrorNodeRefused(f"{answer.status}: {answer.text[:200]}")
    try:
        body = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError) as error:
        raise MirrorNodeMisunderstood("200: not JSON") from error
    if not isinstance(body, dict):
        raise MirrorNodeMisunderstood(f"200: {type(body).__name__}")
    return body


def _one(body: dict[str, Any], which: str) -> tuple[Decimal, dt.datetime]:
    """Return USD per HBAR and its expiry: so many cents are as much as so many HBAR."""
    rate = body.get(which)
    parts = [
        value
        for name in ("cent_equivalent", "hbar_equivalent", "expiration_time")
        if isinstance(rate, dict) and isinstance(value := rate.get(name), Decimal) and 0 < value < _LATEST
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
    return Client(HttpClient(chosen.hedera_mirror_node_url, retries=1, answer_seconds=5))


def client() -> Client:
    """Return the client of the configured mirror node."""
    return _client(settings())
