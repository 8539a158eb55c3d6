"""What is asked to stop ends at once, also while it waits for something that is away."""

from __future__ import annotations

import time

import pytest
import redis

from provvypay.kit.queue import QUEUES
from tests.support.live import LiveApp


@pytest.mark.parametrize("seconds_without", [0.0, 2.5])
def test_a_worker_without_redis_ends_at_once_when_asked(live_app: LiveApp, seconds_without: float) -> None:
    with redis.Redis.from_url(live_app.settings.redis_url) as valkey:
        live_app.wait_for(lambda: valkey.scard("rq:workers") >= len(QUEUES), "the children of the worker to be at work")
    log = live_app.log("worker")
    before = log.stat().st_size
    assert live_app.valkey.process is not None
    live_app.valkey.process.kill()
    live_app.wait_for(lambda: b"redis" in log.read_bytes()[before:].lower(), "the worker to miss Redis")
    # how long it has been trying decides which of RQ's waits and ours it is in
    deadline = time.monotonic() + seconds_without
    live_app.wait_for(lambda: time.monotonic() >= deadline, "a few tries")

    asked = time.monotonic()
    live_app.stop("worker")

    assert time.monotonic() - asked < 4
