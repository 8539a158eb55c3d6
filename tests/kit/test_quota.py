"""Calls to one account keep its pace, its number at once and its day, over all threads; and without Redis too."""

from __future__ import annotations

import time
import uuid

import pytest

from provvypay.kit import cache, quota
from provvypay.kit.breaker import redis_breaker
from provvypay.kit.quota import OverQuota, Quota
from tests.support.database import together

FAST = Quota(per_minute=1200, per_day=10_000, at_once=4, all_per_minute=100_000, reserve=20)


def test_no_second_holds_more_than_its_share_and_a_burst(app):
    account, begun = uuid.uuid4().hex, []

    def call(_number: int) -> None:
        for _ in range(8):
            with quota.slot("tests", account, FAST, most_wait=20):
                begun.append(time.monotonic())

    assert [one for one in together(4, call) if one is not None] == []
    begun.sort()
    fullest = max(sum(1 for at in begun if start <= at < start + 1) for start in begun)
    assert len(begun) == 32
    assert fullest <= 20 + quota.BURST + 1


def test_no_more_than_so_many_at_once_and_a_slot_comes_back(app):
    account = uuid.uuid4().hex
    held = [quota.slot("tests", account, FAST) for _ in range(4)]
    for one in held:
        one.__enter__()
    with pytest.raises(OverQuota, match="CONCURRENT"), quota.slot("tests", account, FAST, most_wait=0.3):
        pass
    held[0].__exit__(None, None, None)
    with quota.slot("tests", account, FAST):
        pass
    for one in held[1:]:
        one.__exit__(None, None, None)


def test_what_the_vendor_says_is_left_of_the_day_ends_it_but_for_people(app):
    account = uuid.uuid4().hex
    quota.tell_left("tests", account, 15)

    with pytest.raises(OverQuota, match="DAY"), quota.slot("tests", account, FAST):
        pass
    with quota.slot("tests", account, FAST, in_person=True):
        assert quota.left_today("tests", account) == 15


def test_without_redis_a_process_makes_one_call_at_a_time(app):
    account, url = uuid.uuid4().hex, cache._url
    cache.configure("redis://127.0.0.1:1/0")
    try:
        with quota.slot("tests", account, FAST), pytest.raises(OverQuota), quota.slot("tests", account, FAST):
            pass
    finally:
        cache.configure(str(url))
        redis_breaker.worked()
