"""The budget of a host: what all processes get together, and that they leave a failing host alone together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from provvypay.kit import cache
from provvypay.kit.budget import LONGEST_ASKED_SECONDS, Budget, OverBudget
from provvypay.kit.ids import uuid7
from provvypay.launcher.valkey import EmbeddedValkey


@pytest.fixture(autouse=True)
def redis_of_these_tests(valkey: EmbeddedValkey) -> Iterator[None]:
    before = cache._url
    cache.configure(valkey.url)
    yield
    if before:
        cache.configure(before)


@pytest.fixture
def host() -> str:
    return uuid7().hex


def test_four_processes_together_stay_within_it_and_share_it_fairly(host):
    end = time.monotonic() + 1.0
    taken: list[int] = []

    def work(number: int) -> None:
        budget = Budget(host, 40)  # one each, as four processes would have
        while time.monotonic() < end:
            budget.take()
            taken.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 25 <= len(taken) <= 40 + 4 + len(threads)
    assert min(taken.count(number) for number in range(4)) >= len(taken) // 8


def test_who_would_wait_too_long_is_told_when_and_reserves_nothing(host):
    budget = Budget(host, 2)
    for _ in range(2):
        budget.take(most_wait=1)

    with pytest.raises(OverBudget) as refused:
        budget.take(most_wait=0.1)

    assert refused.value.retry_after == 1
    budget.take(most_wait=1)


def test_a_failing_host_is_left_alone_by_all_for_longer_each_time_until_it_answers(host):
    mine, others = Budget(host, 1000), Budget(host, 1000)

    assert mine.failed() == 1
    assert mine.failed() == 1, "two that failed at once are one failure"
    with pytest.raises(OverBudget):
        others.take(most_wait=0.01)
    others.take(most_wait=2)
    assert 1 <= others.failed() <= 2
    mine.take(most_wait=3)
    mine.worked()
    others.take(most_wait=0.01)
    assert others.failed() == 1


def test_what_the_host_asks_for_is_kept_within_reason(host):
    budget = Budget(host, 1000)

    assert budget.failed(retry_after=7) == 7
    assert budget.failed(retry_after=10**8) == LONGEST_ASKED_SECONDS
    with pytest.raises(OverBudget) as refused:
        budget.take()
    assert 590 <= refused.value.retry_after <= LONGEST_ASKED_SECONDS


def test_without_redis_a_process_takes_a_quarter_and_pauses_by_itself(host):
    cache.configure("redis://127.0.0.1:1/0")
    budget = Budget(host, 400)
    budget.take()
    started = time.monotonic()
    for _ in range(40):
        budget.take()

    assert time.monotonic() - started >= 0.2
    assert budget.failed(retry_after=30) == 30
    with pytest.raises(OverBudget):
        budget.take(most_wait=1)
    budget._level = 1
    budget.worked()
    budget.take(most_wait=1)
