"""Counters in Redis: one figure for all processes, and never in anybody's way."""

from __future__ import annotations

import threading

import pytest

from provvypay.kit import cache, counters


@pytest.fixture(autouse=True)
def clean(app):
    counters.hand_over()
    cache.connection().delete("counters")
    yield
    counters.hand_over()
    cache.connection().delete("counters")


def test_what_is_counted_is_added_up():
    for _ in range(3):
        counters.count("tests.counter", "one")
    counters.count("tests.counter", "two", by=5)

    assert counters.totals() == {("tests.counter", "one"): 3, ("tests.counter", "two"): 5}


def test_redis_is_asked_once_a_second_at_most():
    counters.count("tests.counter", "one")
    counters.hand_over()
    for _ in range(100):
        counters.count("tests.counter", "one")

    assert cache.connection().hget("counters", "tests.counter one") == b"1"
    assert counters.totals() == {("tests.counter", "one"): 101}


def test_counts_wait_while_redis_is_away(settings):
    cache.configure("unix:///nowhere/at/all.sock")
    try:
        for _ in range(7):
            counters.count("tests.counter", "one")
        assert not counters.hand_over()
        assert counters.totals() == {}
    finally:
        cache.configure(settings.redis_url)

    assert counters.totals() == {("tests.counter", "one"): 7}


def test_no_count_is_lost_between_threads():
    def work() -> None:
        for _ in range(500):
            counters.count("tests.counter", "one")
            if threading.get_ident() % 3 == 0:
                counters.hand_over()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counters.totals() == {("tests.counter", "one"): 4000}
