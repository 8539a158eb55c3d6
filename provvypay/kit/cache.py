"""Small JSON values in Redis that hurry things along; losing them costs time, never truth."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from provvypay.kit.breaker import redis_breaker

# A request never waits longer than this for Redis, and once: the breaker then keeps it and all others from asking
# again for a moment. (redis-py's default retries held one for 3.8 s.)
TIMEOUT_SECONDS = 0.1

Kept = TypeVar("Kept")

_url: str | None = None


def configure(url: str) -> None:
    """Say where Redis is; connections are made when first used."""
    global _url  # noqa: PLW0603 - one process, one Redis
    _url = url
    connection.cache_clear()
    redis_breaker.worked()


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    """Return the process's client: fails fast, no retries."""
    if _url is None:
        raise RuntimeError("cache.configure() was not called")
    return redis.Redis.from_url(
        _url,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )


def get_json(key: str) -> Any | None:
    """Return the value under a key with numbers as Decimal, or None when missing or Redis does not answer."""
    raw = ask(lambda redis: redis.get(key))
    return None if raw is None else json.loads(raw, parse_float=Decimal)


def set_json(key: str, value: object, *, seconds: int) -> bool:
    """Keep a value for some seconds; say whether Redis took it."""
    return set_text(key, json.dumps(value, separators=(",", ":"), default=str), seconds=seconds)


def get_text(key: str) -> str | None:
    """Return the text under a key, or None when missing or Redis does not answer."""
    raw = ask(lambda redis: redis.get(key))
    return raw.decode() if isinstance(raw, bytes) else raw


def set_text(key: str, value: str, *, seconds: int) -> bool:
    """Keep a text for some seconds; say whether Redis took it."""
    return ask(lambda redis: redis.set(key, value, ex=seconds)) is not None


def ask(question: Callable[[redis.Redis], Any]) -> Any | None:
    """Return Redis's answer; None when it has none, does not answer, or did not a moment ago."""
    if not redis_breaker.allows():
        return None
    try:
        answer = question(connection())
    except redis.RedisError:
        redis_breaker.failed()
        return None
    redis_breaker.worked()
    return answer


def answers() -> bool:
    """Say whether Redis answers a ping in time."""
    try:
        return bool(connection().ping())
    except redis.RedisError:
        return False


class Brief(Generic[Kept]):
    """One value kept in this process for a moment, for all its threads: one of them fetches, the others wait for it.

    Whoever configures the cache anew (a test, another Redis) starts with nothing kept.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, str | None, Kept] | None = None

    def get(self, fetch: Callable[[], Kept]) -> tuple[Kept, bool]:
        """Return the value, and whether it had to be fetched just now.

        :raises Exception: whatever `fetch` raises; nothing is kept then
        """
        kept = self._kept
        if kept is not None and self._lasts(kept):
            return kept[2], False
        with self._lock:
            kept = self._kept
            if kept is not None and self._lasts(kept):
                return kept[2], False
            value = fetch()
            self._kept = (time.monotonic() + self._seconds, _url, value)
            return value, True

    def forget(self) -> None:
        """Fetch anew next time."""
        self._kept = None

    def _lasts(self, kept: tuple[float, str | None, Kept]) -> bool:
        return time.monotonic() < kept[0] and kept[1] == _url
