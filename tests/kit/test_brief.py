"""A value kept in the process for a moment: fetched by one thread for all, and by nobody twice."""

from __future__ import annotations

import time

import pytest

from provvypay.kit.cache import Brief
from tests.support.database import together


def test_it_is_fetched_once_while_it_lasts_and_again_after():
    brief: Brief[int] = Brief(0.2)
    fetched = iter(range(10))

    assert brief.get(lambda: next(fetched)) == (0, True)
    assert brief.get(lambda: next(fetched)) == (0, False)
    deadline = time.monotonic() + 2
    while brief.get(lambda: next(fetched))[0] == 0:
        assert time.monotonic() < deadline
    assert brief.get(lambda: next(fetched)) == (1, False)


def test_a_crowd_waits_for_the_one_who_fetches():
    brief: Brief[int] = Brief(60)
    calls = []

    def fetch() -> int:
        calls.append(1)
        time.sleep(0.1)
        return len(calls)

    assert sorted(together(8, lambda _number: brief.get(fetch))) == [(1, False)] * 7 + [(1, True)]
    assert calls == [1]


def test_what_fails_is_not_kept():
    brief: Brief[int] = Brief(60)

    with pytest.raises(ZeroDivisionError):
        brief.get(lambda: 1 // 0)
    assert brief.get(lambda: 7) == (7, True)


def test_what_is_forgotten_is_fetched_anew():
    brief: Brief[int] = Brief(60)
    brief.get(lambda: 1)
    brief.forget()

    assert brief.get(lambda: 2) == (2, True)
