"""Calls to one account of a vendor with several limits: a minute, a day, so many at the same time, all accounts.

A call takes a slot and gives it back. The minute is kept by reserving moments (GCRA) with a small burst, so that
whichever sixty seconds the vendor counts, the limit holds; slots are leases that end by themselves when a process dies.
What the vendor says is left of the day counts more than what we counted, because its day begins when it likes.
Redis holds all of it by its own clock; without Redis a process makes one call at a time, at a quarter of the pace.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis

from provvypay.kit import cache

BURST = 4
"""calls that may come at once after a pause"""
MOST_WAIT_SECONDS = 3.0
LEASE_SECONDS = 60
DAY_SECONDS = 24 * 3600
LOOK_AGAIN_SECONDS = 15 * 60
"""after the vendor said that the day is used up, without saying until when"""
_LOCAL_SHARE = 4


class OverQuota(Exception):
    """No slot soon enough; nothing was reserved.

    :ivar reason: MINUTE, DAY or CONCURRENT
    :ivar retry_after: whole seconds, at least 1
    """

    def __init__(self, reason: str, wait_seconds: float) -> None:
        super().__init__(f"{reason} for {wait_seconds:.1f} s")
        self.reason = reason
        self.retry_after = max(1, -(-int(wait_seconds * 1000) // 1000))


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one account, and of all together."""

    per_minute: int
    per_day: int
    at_once: int
    all_per_minute: int
    reserve: int
    """calls of a day that are left to people"""


# KEYS: account's hash, account's slots, all accounts' hash. The answer: what is short (0 nothing, 1 minute, 2 day, 3 at
# once) and a wait in milliseconds.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local per_day, at_once, lease = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local all_interval, holder, reserve = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local held = redis.call('HMGET', KEYS[1], 'next', 'day', 'used', 'left', 'left_until')
local due, day, used = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[3] or 0)
local left, left_until = tonumber(held[4] or -1), tonumber(held[5] or 0)
if now - day >= 86400000000 then day = now; used = 0 end
if used >= per_day then return {2, math.ceil((day + 86400000000 - now) / 1000)} end
if left >= 0 and left <= reserve and now < left_until then return {2, math.ceil((left_until - now) / 1000)} end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) >= at_once then return {3, 250} end
local all_due = tonumber(redis.call('HGET', KEYS[3], 'next') or 0)
local at = math.max(now, due - burst, all_due - 1000000)
if at - now > most then return {1, math.ceil((at - now) / 1000)} end
redis.call('HSET', KEYS[1], 'next', string.format('%.0f', math.max(due, at) + interval),
  'day', string.format('%.0f', day), 'used', used + 1)
redis.call('PEXPIRE', KEYS[1], 172800000)
redis.call('HSET', KEYS[3], 'next', string.format('%.0f', math.max(all_due, at) + all_interval))
redis.call('PEXPIRE', KEYS[3], 3600000)
redis.call('ZADD', KEYS[2], now + lease, holder)
redis.call('PEXPIRE', KEYS[2], 600000)
return {0, math.ceil((at - now) / 1000)}
"""

_TELL = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('HSET', KEYS[1], 'left', ARGV[1], 'left_until', string.format('%.0f', now + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], 172800000)
return 1
"""

_REASONS = {1: "MINUTE", 2: "DAY", 3: "CONCURRENT"}


@contextlib.contextmanager
def slot(
    vendor: str, account: str, quota: Quota, *, in_person: bool = False, most_wait: float = MOST_WAIT_SECONDS
) -> Iterator[None]:
    """Hold a slot while the block calls the vendor; waits for its turn.

    :param in_person: somebody waits for a page: what is reserved of the day for people may be used
    :raises OverQuota: when the turn is further away than `most_wait` seconds
    """
    holder = uuid.uuid4().hex
    deadline = time.monotonic() + most_wait
    while True:
        answer = _ask(vendor, account, quota, holder, most_wait, in_person=in_person)
        if answer is None:
            with _local.slot(f"{vendor}:{account}", quota, most_wait):
                yield
            return
        short, wait_ms = int(answer[0]), int(answer[1])
        if short == 0:
            break
        if short != 3 or time.monotonic() + wait_ms / 1000 > deadline:
            raise OverQuota(_REASONS[short], wait_ms / 1000)
        time.sleep(wait_ms / 1000)
    if wait_ms:
        time.sleep(wait_ms / 1000)
    try:
        yield
    finally:
        cache.ask(lambda connection: connection.zrem(_key(vendor, account, "slots"), holder))


def _ask(
    vendor: str, account: str, quota: Quota, holder: str, most_wait: float, *, in_person: bool
) -> list[Any] | None:
    interval = 60 * 10**6 // quota.per_minute
    keys = [_key(vendor, account, "pace"), _key(vendor, account, "slots"), _key(vendor, "all", "pace")]
    given = [
        interval, interval * (BURST - 1), round(most_wait * 10**6), quota.per_day, quota.at_once,
        LEASE_SECONDS * 10**6, 60 * 10**6 // quota.all_per_minute, holder, 0 if in_person else quota.reserve,
    ]  # fmt: skip
    found: list[Any] | None = cache.ask(lambda connection: _prepared(connection, _TAKE)(keys=keys, args=given))
    return found


def tell_left(vendor: str, account: str, left: int) -> None:
    """Remember how many calls of the day the vendor says are left."""
    key = _key(vendor, account, "pace")
    given = [left, LOOK_AGAIN_SECONDS * 10**6]
    cache.ask(lambda connection: _prepared(connection, _TELL)(keys=[key], args=given))


def left_today(vendor: str, account: str) -> int | None:
    """Return how many calls the vendor said are left; None when it has not said so lately."""
    found = cache.ask(lambda connection: connection.hget(_key(vendor, account, "pace"), "left"))
    return int(found) if found is not None else None


def _key(vendor: str, account: str, what: str) -> str:
    return f"quota:{vendor}:{account}:{what}"


@lru_cache(maxsize=4)
def _prepared(connection: redis.Redis, script: str) -> Any:
    return connection.register_script(script)


class _Local:
    """What stands in while Redis is away: one call at a time for each account, far apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()

    @contextlib.contextmanager
    def slot(self, account: str, quota: Quota, most_wait: float) -> Iterator[None]:
        """Hold the account's one slot."""
        with self._lock:
            now = time.monotonic()
            wait = max(0.0, self._due.get(account, 0.0) - now)
            if account in self._busy or wait > most_wait:
                raise OverQuota("CONCURRENT" if account in self._busy else "MINUTE", max(wait, 1.0))
            self._busy.add(account)
            self._due[account] = now + wait + 60 * _LOCAL_SHARE / quota.per_minute
        try:
            time.sleep(wait)
            yield
        finally:
            with self._lock:
                self._busy.discard(account)


_local = _Local()
