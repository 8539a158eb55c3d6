"""The sliding windows: what they allow, that Redis and memory judge alike, and that nobody waits for Redis."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from provvypay.kit import breaker, cache, limiter
from provvypay.kit.ids import uuid7
from provvypay.kit.limiter import Ask, Limit
from provvypay.launcher.valkey import EmbeddedValkey

PLAIN = Limit("plain", 5, 60)
GROWING = Limit("growing", 5, 60, first_wait=30, longest_wait=120)
START = 1_800_000_000


@pytest.fixture(scope="module", autouse=True)
def redis_of_these_tests(valkey: EmbeddedValkey) -> Iterator[None]:
    """Leave the product's own connection as it was."""
    before = cache._url
    cache.configure(valkey.url)
    yield
    if before:
        cache.configure(before)


@pytest.fixture
def subject() -> str:
    return uuid7().hex


def at(second: float, *questions: Ask) -> list[limiter.Answer]:
    with time_machine.travel(START + second, tick=False):
        return limiter.ask(*questions)


def in_memory(second: float, *questions: Ask) -> list[limiter.Answer]:
    return limiter._remembered.ask(questions, round((START + second) * 1000))


def test_as_many_as_the_limit_says_and_no_more(subject: str) -> None:
    answers = [at(0, Ask(PLAIN, subject))[0] for _ in range(6)]

    assert [one.allowed for one in answers] == [True] * 5 + [False]
    assert [one.left for one in answers] == [4, 3, 2, 1, 0, 0]


def test_after_the_wait_it_told_the_next_one_goes_through(subject: str) -> None:
    for _ in range(5):
        at(3, Ask(PLAIN, subject))
    wait = at(3, Ask(PLAIN, subject))[0].wait_seconds

    assert not at(3 + wait - 2, Ask(PLAIN, subject))[0].allowed
    assert at(3 + wait, Ask(PLAIN, subject))[0].allowed


@pytest.mark.parametrize("begin", [0, 59])
def test_no_edge_of_a_window_lets_twice_as_many_through(subject: str, begin: int) -> None:
    allowed = sum(at(begin + n, Ask(PLAIN, subject))[0].allowed for n in range(20))

    assert allowed <= 6


def test_what_one_limit_refuses_does_not_use_up_another(subject: str) -> None:
    wide = Limit("wide", 100, 60)
    for _ in range(5):
        at(0, Ask(PLAIN, subject), Ask(wide, subject))

    refused = at(0, Ask(PLAIN, subject), Ask(wide, subject))

    assert [one.allowed for one in refused] == [False, True]
    assert at(0, Ask(wide, subject))[0].left == 94


def test_the_wait_grows_and_is_forgotten_in_the_end(subject: str) -> None:
    waits = []
    second = 0.0
    for _ in range(4):
        while (answer := at(second, Ask(GROWING, subject))[0]).allowed:
            second += 0.1
        waits.append(answer.wait_seconds)
        assert at(second, Ask(GROWING, subject, cost=0))[0].wait_seconds == answer.wait_seconds
        second += answer.wait_seconds

    assert waits == [30, 60, 120, 120]
    assert limiter._numbers(Ask(GROWING, subject))[5] == 240_000


def test_looking_counts_nothing(subject: str) -> None:
    for _ in range(20):
        assert at(0, Ask(PLAIN, subject, cost=0))[0].left == 5


def test_sixteen_at_once_stay_within_the_limit(subject: str) -> None:
    allowed: list[bool] = []
    threads = [
        threading.Thread(target=lambda: allowed.append(limiter.ask(Ask(PLAIN, subject))[0].allowed)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(allowed) == 5


@given(st.lists(st.tuples(st.integers(0, 45_000), st.sampled_from([0, 1, 1, 1])), min_size=1, max_size=60))
@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("limit", [PLAIN, GROWING])
def test_redis_and_memory_judge_alike(limit: Limit, steps: list[tuple[int, int]]) -> None:
    subject, elapsed = uuid7().hex, 0
    for passed, cost in steps:
        elapsed += passed
        question = Ask(limit, subject, cost)
        ours, theirs = in_memory(elapsed / 1000, question)[0], at(elapsed / 1000, question)[0]

        assert (ours.wait_ms, ours.left) == (theirs.wait_ms, theirs.left)


def test_memory_forgets_the_oldest_before_it_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MOST_REMEMBERED", 100)
    for n in range(1000):
        in_memory(0, Ask(PLAIN, str(n)))

    assert len(limiter._remembered._held) == 100


def test_redis_reads_no_name_of_anybody() -> None:
    limiter.configure("a secret of this test " * 2)
    subject = limiter.subject_of("203.0.113.7")
    limiter.ask(Ask(PLAIN, subject))

    names = [key.decode() for key in cache.connection().keys("limit:plain:*")]

    assert f"limit:plain:{subject}" in names
    assert not any("203.0.113.7" in name for name in names)
    limiter.configure("another secret of this test " * 2)
    assert limiter.subject_of("203.0.113.7") != subject


def test_f_45_without_redis_this_process_counts(subject: str, valkey: EmbeddedValkey) -> None:
    cache.configure("redis://127.0.0.1:1/0")

    try:
        allowed = [limiter.ask(Ask(PLAIN, subject))[0].allowed for _ in range(7)]
    finally:
        cache.configure(valkey.url)

    assert allowed == [True] * 5 + [False] * 2


def test_f_47_a_slow_redis_holds_one_request_for_a_moment_and_the_others_not_at_all(
    subject: str, valkey: EmbeddedValkey
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache.configure(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        try:
            took = []
            for _ in range(5):
                started = time.monotonic()
                assert limiter.ask(Ask(PLAIN, subject))[0].allowed
                took.append(time.monotonic() - started)
        finally:
            cache.configure(valkey.url)

    assert took[0] < cache.TIMEOUT_SECONDS + 0.1
    assert max(took[1:]) < 0.02


def test_a_breaker_lets_one_ask_after_its_pause() -> None:
    broken = breaker.Breaker(pause_seconds=0.05)
    broken.failed()
    assert not broken.allows()

    deadline = time.monotonic() + 2
    while not broken.allows():
        assert time.monotonic() < deadline

    assert not broken.allows(), "the others wait for what the one finds"
    broken.worked()
    assert broken.allows()
