"""The door-bell: RQ jobs that say "look at this row". PostgreSQL keeps the work, so a lost ring only delays it."""

from __future__ import annotations

from functools import lru_cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

QUEUES = ("payments", "default", "hedera", "xero")

_url: str | None = None


def configure(url: str) -> None:
    """Say where Redis is."""
    global _url  # noqa: PLW0603 - one process, one Redis
    _url = url
    _queue.cache_clear()


def ring(queue: str, function: str, *arguments: str, job_id: str) -> bool:
    """Enqueue `function(*arguments)` unless the same ring still waits; say whether Redis took it.

    Never raises for a Redis that is down or slow: the sweep in PostgreSQL rings again.

    :param function: dotted path in `provvypay.jobs`
    :param job_id: what makes two rings the same; letters, digits, `-` and `_`
    """
    try:
        _queue(queue).enqueue_call(
            func=function,
            args=arguments,
            job_id=job_id,
            unique=True,
            result_ttl=0,
            failure_ttl=3600,
            timeout=60,
        )
    except DuplicateJobError:
        return True
    except redis.RedisError:
        return False
    return True


@lru_cache(maxsize=8)
def _queue(name: str) -> Queue:
    return Queue(name, connection=client(), serializer=JSONSerializer)


def client(*, socket_timeout: float = 0.5) -> redis.Redis:
    """Return a Redis client for RQ that fails fast; a worker passes a longer time-out for its blocking reads."""
    if _url is None:
        raise RuntimeError("queue.configure() was not called")
    return redis.Redis.from_url(
        _url, socket_connect_timeout=0.25, socket_timeout=socket_timeout, retry=Retry(NoBackoff(), 0)
    )
