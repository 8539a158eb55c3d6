"""How many requests a second a host gets from all our processes together, and for how long it is left alone.

Each request reserves its own moment (GCRA), so callers are served in the order they came and nobody fires in bursts.
When the host fails, all processes leave it alone for a while that doubles each time and differs by chance; the first
answer ends that. Redis holds it for all, by its own clock; without Redis a process takes a quarter of the budget for
itself, because it does not know how many others there are.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import redis

from provvypay.kit import cache

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 60
LONGEST_ASKED_SECONDS = 600
"""what the host may ask for; nobody is left alone for days because of one odd header"""
MOST_WAIT_SECONDS = 10.0
BURST_SECONDS = 0.1
"""what was not used may be caught up by this much"""
_LOCAL_SHARE = 4
_KEPT_MS = 10 * 60 * 1000


class OverBudget(Exception):
    """The host's turn for us comes too late, or it is left alone for now.

    :ivar retry_after: whole seconds, at least 1
    """

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"for {wait_ms} ms")
        self.retry_after = max(1, -(-wait_ms // 1000))


# In a hash: next (microseconds: the moment the next request may have), until (left alone until), level (how often in a
# row it failed). The answer: wait in milliseconds, negative when that is too long and nothing was reserved; then level.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local held = redis.call('HMGET', KEYS[1], 'next', 'until', 'level')
local due, until_, level = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[3] or 0)
local interval, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = math.max(now, due - burst, until_)
local wait = math.ceil((at - now) / 1000)
if at - now > most then return {-wait, level} end
redis.call('HSET', KEYS[1], 'next', string.format('%.0f', math.max(due, at) + interval))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {wait, level}
"""

_FAIL = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local held = redis.call('HMGET', KEYS[1], 'until', 'level')
local until_, level = tonumber(held[1] or 0), tonumber(held[2] or 0)
local asked = tonumber(ARGV[3])
if until_ <= now then
  level = level + 1
  local pause = math.min(tonumber(ARGV[1]) * 2 ^ math.min(level - 1, 20), tonumber(ARGV[2]))
  until_ = now + pause * (0.5 + tonumber(ARGV[4]) / 2)
end
until_ = math.max(until_, now + asked)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', until_), 'level', level)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {math.ceil((until_ - now) / 1000)}
"""


@dataclass
class Budget:
    """Requests to one host.

    :ivar name: what Redis holds it under, such as the host's own name
    """

    name: str
    per_second: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: float = 0.0
    _until: float = 0.0
    _level: int = 0

    def take(self, *, most_wait: float = MOST_WAIT_SECONDS) -> None:
        """Reserve the next moment there is, and wait for it.

        :param most_wait: seconds
        :raises OverBudget: when it is further away; nothing is reserved then
        """
        wait_ms, level = self._reserve(most_wait)
        if wait_ms < 0:
            raise OverBudget(-wait_ms)
        self._level = level
        if wait_ms:
            time.sleep(wait_ms / 1000)

    def failed(self, *, retry_after: int = 0) -> int:
        """Leave the host alone, all processes; return for how many seconds.

        :param retry_after: seconds it asked for
        """
        chance = random.random()  # noqa: S311 - jitter
        retry_after = min(retry_after, LONGEST_ASKED_SECONDS)
        arguments = [FIRST_PAUSE_SECONDS * 10**6, LONGEST_PAUSE_SECONDS * 10**6, retry_after * 10**6, chance, _KEPT_MS]
        found = self._redis(_FAIL, arguments)
        with self._lock:
            now = time.monotonic()
            if self._until <= now:
                self._level += 1
                pause = min(FIRST_PAUSE_SECONDS * 2 ** min(self._level - 1, 20), LONGEST_PAUSE_SECONDS)
                self._until = now + pause * (0.5 + chance / 2)
            self._until = max(self._until, now + retry_after)
            mine = self._until - now
        return max(1, -(-int(found[0] if found else mine * 1000) // 1000))

    def worked(self) -> None:
        """Say that an answer came: the next failure begins with a short pause again."""
        if self._level:
            self._level = 0
            self._until = 0.0
            cache.ask(lambda connection: connection.hdel(self._key, "level", "until"))

    @property
    def _key(self) -> str:
        return f"budget:{self.name}"

    def _reserve(self, most_wait: float) -> tuple[int, int]:
        interval = 10**6 // self.per_second
        found = self._redis(_TAKE, [interval, round(BURST_SECONDS * 10**6), round(most_wait * 10**6), _KEPT_MS])
        if found is not None:
            return int(found[0]), int(found[1])
        with self._lock:
            now = time.monotonic()
            at = max(now, self._due - BURST_SECONDS, self._until)
            if at - now > most_wait:
                return -round((at - now) * 1000), self._level
            self._due = max(self._due, at) + 1 / max(1, self.per_second // _LOCAL_SHARE)
            return round((at - now) * 1000), self._level

    def _redis(self, script: str, arguments: list[Any]) -> list[Any] | None:
        return cache.ask(lambda connection: _prepared(connection, script)(keys=[self._key], args=arguments))


@lru_cache(maxsize=4)
def _prepared(connection: redis.Redis, script: str) -> Any:
    return connection.register_script(script)
