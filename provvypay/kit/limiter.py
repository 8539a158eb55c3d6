"""How often somebody may do something: sliding windows in Redis, shared by all processes; in memory without it.

Several limits are asked about in one round trip, and only when all of them agree is any of them counted: what one
refuses does not use up another. A window slides by weight: of the window before this one counts the share that still
lies within the last so many seconds. Redis holds two numbers per limit and subject, and no name of anybody: subjects
are hashed with a key (docs/decisions/0019-limits-are-our-own-sliding-windows.md).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
import structlog

from provvypay.kit import cache, clock
from provvypay.kit.breaker import redis_breaker

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 20_000
"""subjects a process remembers while Redis is away; the oldest are forgotten first"""

_hash_key = b""
_factor = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """So many times within so many seconds; who goes on beyond it may be told to wait longer each time."""

    name: str
    most: int
    seconds: int
    first_wait: int = 0
    """seconds; 0: the wait does not grow, it ends as soon as the window has room"""
    longest_wait: int = 0
    """seconds; the wait doubles up to here, and is forgotten when nothing happened for twice as long"""

    @property
    def kept_seconds(self) -> int:
        """How long a subject's numbers are worth keeping."""
        return max(2 * self.seconds, 2 * self.longest_wait)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question about one limit and one subject."""

    limit: Limit
    subject: str
    cost: int = 1
    """0 asks whether a growing wait is on, and counts nothing"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question."""

    limit: Limit
    wait_ms: int
    """0: go on"""
    left: int
    """how often more within this window"""

    @property
    def allowed(self) -> bool:
        """Say whether to go on."""
        return self.wait_ms == 0

    @property
    def wait_seconds(self) -> int:
        """Return the whole seconds until another try may succeed."""
        return -(-self.wait_ms // 1000)


def configure(secret: str, *, factor: int = 1) -> None:
    """Say with what subjects are hashed, and forget what this process remembered.

    :param factor: every limit is so many times as wide
    """
    global _hash_key, _factor  # noqa: PLW0603 - one process, one key
    _hash_key = hashlib.sha256(b"limits:" + secret.encode()).digest()
    _factor = factor
    _remembered.forget()


def subject_of(*parts: str) -> str:
    """Return what stands for somebody in Redis: nobody reads an address or a code from it."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=15, key=_hash_key).hexdigest()


def ask(*questions: Ask) -> list[Answer]:
    """Count all questions if all limits agree, else none; say for each how long to wait.

    Never waits long for Redis, and never raises for it: without it this process counts by itself.
    """
    return ask_and_get("", *questions)[0]


def ask_and_get(key: str, *questions: Ask) -> tuple[list[Answer], str | None]:
    """Do the same, and return the text under a key of Redis with it: one round trip instead of two.

    :param key: of kit/cache; empty: none
    """
    now_ms = round(clock.now().timestamp() * 1000)
    if redis_breaker.allows():
        try:
            found = _script()(
                keys=[*(f"limit:{one.limit.name}:{one.subject}" for one in questions), key or "limit:nothing"],
                args=[now_ms, *(number for one in questions for number in _numbers(one))],
            )
        except redis.RedisError as error:
            redis_breaker.failed()
            log.warning("limits.redis_away", error=type(error).__name__)
        else:
            redis_breaker.worked()
            text = found[-1].decode() if isinstance(found[-1], bytes) else None
            judged = zip(questions, found[0::2], found[1::2], strict=False)
            return [Answer(one.limit, int(wait), int(left)) for one, wait, left in judged], text
    return _remembered.ask(questions, now_ms), None


def _numbers(one: Ask) -> tuple[int, int, int, int, int, int]:
    """Return most, window, cost, first and longest wait, and time to live; times in milliseconds."""
    limit = one.limit
    return (
        limit.most * _factor,
        limit.seconds * 1000,
        one.cost,
        limit.first_wait * 1000,
        limit.longest_wait * 1000,
        limit.kept_seconds * 1000,
    )


# KEYS: a hash per question, then a key to read along. In a hash: i (which window), c and p (counts in it and in the one
# before), u (wait until), l (level). ARGV: now, then per question what _numbers() says. Kept the same as _Remembered
# below; a test compares the two.
_LUA = """
local now = tonumber(ARGV[1])
local all, refused = {}, false
local count = #KEYS - 1
for n = 1, count do
  local at = 1 + (n - 1) * 6
  local most, window, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local first, longest = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local held = redis.call('HMGET', KEYS[n], 'i', 'c', 'p', 'u', 'l')
  local one = {i = tonumber(held[1] or 0), c = tonumber(held[2] or 0), p = tonumber(held[3] or 0),
    u = tonumber(held[4] or 0), l = tonumber(held[5] or 0), cost = cost, wait = 0, kept = ARGV[at + 6]}
  local index = math.floor(now / window)
  if index > one.i then
    one.p = (index == one.i + 1) and one.c or 0
    one.c, one.i = 0, index
  end
  local passed = math.max(0, now - one.i * window)
  local used = one.c + math.floor(one.p * (window - passed) / window)
  if one.u > now then
    one.wait = one.u - now
  elseif cost > 0 and used + cost > most then
    if first > 0 then
      one.l = one.l + 1
      one.wait = math.min(first * 2 ^ math.min(one.l - 1, 20), longest)
      one.u, one.c, one.p, one.changed = now + one.wait, 0, 0, true
    elseif one.c + cost > most then
      one.wait = window - passed + math.max(0, math.floor(window * (one.c - (most - cost + 1)) / one.c) + 1)
    else
      one.wait = math.max(1, math.floor(window * (one.p - (most - cost - one.c + 1)) / one.p) + 1 - passed)
    end
  end
  one.left = math.max(0, most - used - cost)
  if one.wait > 0 then refused, one.left = true, 0 end
  all[n] = one
end
local answer = {}
for n = 1, count do
  local one = all[n]
  if not refused and one.cost > 0 then one.c, one.changed = one.c + one.cost, true end
  if one.changed then
    redis.call('HSET', KEYS[n], 'i', one.i, 'c', one.c, 'p', one.p, 'u', one.u, 'l', one.l)
    redis.call('PEXPIRE', KEYS[n], one.kept)
  end
  answer[2 * n - 1], answer[2 * n] = math.ceil(one.wait), one.left
end
answer[2 * count + 1] = redis.call('GET', KEYS[count + 1])
return answer
"""


@lru_cache(maxsize=2)
def _script_of(connection: redis.Redis) -> Any:
    return connection.register_script(_LUA)


def _script() -> Any:
    return _script_of(cache.connection())


@dataclass(slots=True)
class _Numbers:
    """What is held of one subject of one limit; the letters of the script."""

    i: int = 0
    c: int = 0
    p: int = 0
    u: int = 0
    l: int = 0  # noqa: E741 - as in the script
    ends: int = 0


class _Remembered:
    """The same in this process, for as long as Redis is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], _Numbers] = {}

    def forget(self) -> None:
        with self._lock:
            self._held.clear()

    def ask(self, questions: Sequence[Ask], now: int) -> list[Answer]:
        with self._lock:
            judged = [self._judge(one, now) for one in questions]
            agreed = all(wait == 0 for _, wait, _ in judged)
            for one, (numbers, _, _) in zip(questions, judged, strict=True):
                if agreed:
                    numbers.c += one.cost
                self._keep(one, numbers, now)
        return [
            Answer(one.limit, wait, 0 if wait else left) for one, (_, wait, left) in zip(questions, judged, strict=True)
        ]

    def _judge(self, one: Ask, now: int) -> tuple[_Numbers, int, int]:
        """Return the subject's numbers as they are now, how long to wait, and how often more."""
        most, window, cost, first, longest, _ = _numbers(one)
        held = self._held.get((one.limit.name, one.subject))
        if held is None or held.ends <= now:
            held = _Numbers()
        index = now // window
        if index > held.i:
            held.p = held.c if index == held.i + 1 else 0
            held.c, held.i = 0, index
        passed = max(0, now - held.i * window)
        used = held.c + held.p * (window - passed) // window
        wait = 0
        if held.u > now:
            wait = held.u - now
        elif cost > 0 and used + cost > most:
            if first:
                held.l += 1
                wait = min(first * 2 ** min(held.l - 1, 20), longest)
                held.u, held.c, held.p = now + wait, 0, 0
            elif held.c + cost > most:
                wait = window - passed + max(0, window * (held.c - (most - cost + 1)) // held.c + 1)
            else:
                wait = max(1, window * (held.p - (most - cost - held.c + 1)) // held.p + 1 - passed)
        return held, wait, max(0, most - used - cost)

    def _keep(self, one: Ask, numbers: _Numbers, now: int) -> None:
        key = (one.limit.name, one.subject)
        self._held.pop(key, None)
        numbers.ends = now + one.limit.kept_seconds * 1000
        self._held[key] = numbers
        while len(self._held) > MOST_REMEMBERED:
            del self._held[next(iter(self._held))]


_remembered = _Remembered()
