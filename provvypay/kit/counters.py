"""Counters shared by all processes of all machines, kept in Redis: losing them loses nothing but a figure.

A process adds up by itself and hands over once a second at most, so counting costs no round trip of its own.
See docs/decisions for why they do not live in the processes that are scraped.
"""

from __future__ import annotations

import threading
import time

import redis

from provvypay.kit import cache

_KEY = "counters"
HAND_OVER_SECONDS = 1.0

_lock = threading.Lock()
_waiting: dict[str, int] = {}
_handed_over = 0.0


def count(name: str, label: str, by: int = 1) -> None:
    """Add to a counter; never raises, and never waits for long.

    :param name: dotted, such as rates.cache; stands in docs/reference/events.md
    :param label: which kind, such as hit
    """
    with _lock:
        field = f"{name} {label}"
        _waiting[field] = _waiting.get(field, 0) + by
        due = time.monotonic() - _handed_over >= HAND_OVER_SECONDS
    if due:
        hand_over()


def hand_over() -> bool:
    """Add what this process counted to what all have; say whether Redis took it. What it did not take is kept."""
    global _handed_over  # noqa: PLW0603 - one process, one tally
    with _lock:
        _handed_over = time.monotonic()
        sent = dict(_waiting)
        _waiting.clear()
    if not sent:
        return True
    if cache.ask(lambda redis: _add(redis, sent)) is not None:
        return True
    with _lock:
        for field, amount in sent.items():
            _waiting[field] = _waiting.get(field, 0) + amount
    return False


def _add(connection: redis.Redis, sent: dict[str, int]) -> list[object]:
    with connection.pipeline(transaction=False) as pipeline:
        for field, amount in sent.items():
            pipeline.hincrby(_KEY, field, amount)
        return pipeline.execute()


def totals() -> dict[tuple[str, str], int]:
    """Return what all processes have handed over, by name and label; empty when Redis does not answer."""
    hand_over()
    found = cache.ask(lambda redis: redis.hgetall(_KEY)) or {}
    fields = ((key.decode() if isinstance(key, bytes) else key, int(value)) for key, value in found.items())
    return {(field.partition(" ")[0], field.partition(" ")[2]): value for field, value in fields}
