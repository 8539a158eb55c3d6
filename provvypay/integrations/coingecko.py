"""CoinGecko: what tokens are worth, all of them in one call.

Reference: docs.coingecko.com, API v3, read November 2026. Limits: Demo 100 calls a minute and 10,000 a month, so one
call in five minutes; paid plans one a minute. An unknown id or currency is simply missing from a 200; a 429 has been
seen with status 200, so the body's shape is read before its prices. Numbers are read as Decimal, never through float.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.kit.clock import from_unix
from provvypay.kit.http import HttpClient, HttpFailed
from provvypay.kit.settings import Settings, settings


class CoinGeckoUnavailable(Unavailable):
    """No answer, or a rate limit: the last rates keep their age and a later fetch may succeed."""

    code = "coingecko_unavailable"


class CoinGeckoRefused(ProvvypayError):
    """The key or the question is wrong; a person must look."""

    status = 502
    code = "coingecko_refused"


class CoinGeckoMisunderstood(ProvvypayError):
    """The answer does not fit our reading."""

    status = 502
    code = "coingecko_misunderstood"


@dataclass(frozen=True, slots=True)
class Price:
    """One coin in one currency."""

    coin_id: str
    currency: str
    """upper case"""
    value: Decimal
    """currency per one coin, positive"""
    as_of: dt.datetime


@dataclass(frozen=True)
class Client:
    """Calls to one CoinGecko plan."""

    http: HttpClient

    def prices(self, coin_ids: Sequence[str], currencies: Sequence[str]) -> tuple[Price, ...]:
        """Return the prices there are; what CoinGecko does not know, or sends without sense, is missing.

        :raises CoinGeckoUnavailable: a later call may succeed
        :raises CoinGeckoRefused: wrong key or plan
        """
        try:
            answer = self.http.get(
                "/simple/price",
                {
                    "ids": ",".join(coin_ids),
                    "vs_currencies": ",".join(code.lower() for code in currencies),
                    "include_last_updated_at": "true",
                    "precision": "full",
                },
            )
        except HttpFailed as error:
            raise CoinGeckoUnavailable(str(error)) from error
        body = _read(answer.status, answer.text)
        return tuple(
            price
            for coin_id in coin_ids
            for code in currencies
            if (price := _price(body.get(coin_id), coin_id, code)) is not None
        )


def _read(http_status: int, text: str) -> dict[str, Any]:
    try:
        body = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        if http_status in {403, 429}:
            raise CoinGeckoUnavailable(f"{http_status}: not JSON") from error
        raise CoinGeckoMisunderstood(f"{http_status}: not JSON") from error
    if not isinstance(body, dict):
        raise CoinGeckoMisunderstood(f"{http_status}: {type(body).__name__}")
    trouble = body.get("status") or (body["error"].get("status") if isinstance(body.get("error"), dict) else None)
    code = int(trouble["error_code"]) if isinstance(trouble, dict) and "error_code" in trouble else None
    if http_status == 429 or code == 429:
        raise CoinGeckoUnavailable("rate limit")
    if http_status != 200 or code is not None:
        raise CoinGeckoRefused(f"{http_status}: {code or text[:200]}")
    return body


def _price(coin: Any, coin_id: str, code: str) -> Price | None:
    if not isinstance(coin, dict):
        return None
    value, updated = coin.get(code.lower()), coin.get("last_updated_at")
    if not isinstance(value, Decimal) or not isinstance(updated, Decimal) or not value.is_finite() or value <= 0:
        return None
    return Price(coin_id, code, value, from_unix(int(updated)))


@lru_cache(maxsize=4)
def _client(chosen: Settings) -> Client:
    header = "x-cg-pro-api-key" if chosen.coingecko_plan == "pro" else "x-cg-demo-api-key"
    headers = {header: chosen.coingecko_api_key} if chosen.coingecko_api_key else {}
    return Client(HttpClient(chosen.coingecko_api_base, headers))


def client() -> Client:
    """Return the client of the configured plan."""
    return _client(settings())
