"""CoinGecko: what tokens are worth, all of them in one call.

Reference: docs.coingecko.com, API v3, read November 2026. Limits: Demo 100 calls a minute and 10,000 a month, so one
call in five minutes; paid plans one a minute. An unknown id or currency is simply missing from a 200; a 429 has been
seen with status 200, so the body's shape is read before its prices. Numbers are read as Decimal, never through float.

Odd codes: 10002 no key · 10005 not in this plan · 10010, 10011 key and host do not match · 1020 blocked, as HTML.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from provvypay.domain.assets import ASSETS, Asset
from provvypay.domain.rate_rules import sensible
from provvypay.domain.rates import COINGECKO, Rate
from provvypay.errors import ProvvypayError, Unavailable
from provvypay.kit.clock import from_unix, now
from provvypay.kit.http import HttpAnswer, HttpClient, HttpFailed, seconds_to_wait
from provvypay.kit.settings import Settings, settings

_RATE_LIMITED = 429
# Unix seconds of a year far away; milliseconds, or noise, lie beyond.
_LATEST = 2**33


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


@dataclass(frozen=True)
class Client:
    """Calls to one CoinGecko plan."""

    http: HttpClient

    @property
    def name(self) -> str:
        return COINGECKO

    def rates(self, currencies: Sequence[str]) -> tuple[Rate, ...]:
        """Return the rates there are; what CoinGecko does not know, or sends without sense, is missing.

        :raises CoinGeckoUnavailable: a later call may succeed
        :raises CoinGeckoRefused: wrong key or plan
        :raises CoinGeckoMisunderstood: no JSON, or another shape
        """
        try:
            answer = self.http.get(
                "/simple/price",
                {
                    "ids": ",".join(asset.coingecko_id for asset in ASSETS.values()),
                    "vs_currencies": ",".join(code.lower() for code in currencies),
                    "include_last_updated_at": "true",
                    "precision": "full",
                },
            )
        except HttpFailed as error:
            raise CoinGeckoUnavailable(str(error)) from error
        body, fetched_at = _read(answer), now()
        return tuple(
            rate
            for asset in ASSETS.values()
            for code in currencies
            if (rate := _rate(body.get(asset.coingecko_id), asset, code, fetched_at)) is not None
        )

    def coins(self) -> frozenset[str]:
        """Return the ids of all coins CoinGecko knows; a list of a megabyte, so not to be asked for often.

        :raises CoinGeckoUnavailable: a later call may succeed
        :raises CoinGeckoRefused: wrong key or plan
        :raises CoinGeckoMisunderstood: no JSON, or another shape
        """
        try:
            answer = self.http.get("/coins/list", {})
        except HttpFailed as error:
            raise CoinGeckoUnavailable(str(error)) from error
        rows = _parse(answer)
        if not isinstance(rows, list):
            _judge(answer, rows)
            raise CoinGeckoMisunderstood(f"{answer.status}: no list of coins")
        return frozenset(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)


def _read(answer: HttpAnswer) -> dict[str, Any]:
    return _judge(answer, _parse(answer))


def _parse(answer: HttpAnswer) -> Any:
    try:
        return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError) as error:
        if answer.status == _RATE_LIMITED:
            raise _limited(answer) from error
        if answer.status == 403:
            raise CoinGeckoUnavailable("403: blocked in front of the API") from error
        raise CoinGeckoMisunderstood(f"{answer.status}: not JSON") from error


def _judge(answer: HttpAnswer, body: Any) -> dict[str, Any]:
    """Return the body when it is an answer, and raise what it says when it is a refusal."""
    if not isinstance(body, dict):
        raise CoinGeckoMisunderstood(f"{answer.status}: {type(body).__name__}")
    trouble = body.get("status")
    if trouble is None and isinstance(body.get("error"), dict):
        trouble = body["error"].get("status")
    code = trouble.get("error_code") if isinstance(trouble, dict) else None
    if _RATE_LIMITED in (answer.status, code):
        raise _limited(answer)
    if answer.status != 200 or code is not None or "error" in body:
        raise CoinGeckoRefused(f"{answer.status}: {code or answer.text[:200]}")
    return body


def _limited(answer: HttpAnswer) -> CoinGeckoUnavailable:
    error = CoinGeckoUnavailable("rate limit")
    error.retry_after = seconds_to_wait(answer)
    return error


def _rate(coin: Any, asset: Asset, code: str, fetched_at: dt.datetime) -> Rate | None:
    if not isinstance(coin, dict):
        return None
    value, updated = sensible(coin.get(code.lower())), coin.get("last_updated_at")
    if value is None or not isinstance(updated, Decimal) or not 0 < updated < _LATEST:
        return None
    # A vendor whose clock runs ahead of ours cannot know the future: it means now.
    return Rate(asset.code, code, value, COINGECKO, min(from_unix(int(updated)), fetched_at), fetched_at)


@lru_cache(maxsize=4)
def _client(chosen: Settings) -> Client:
    header = "x-cg-pro-api-key" if chosen.coingecko_plan == "pro" else "x-cg-demo-api-key"
    headers = {header: chosen.coingecko_api_key} if chosen.coingecko_api_key else {}
    return Client(HttpClient(chosen.coingecko_api_base, headers, answer_seconds=8))


def client() -> Client:
    """Return the client of the configured plan."""
    return _client(settings())
