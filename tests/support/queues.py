"""Work the queues as a worker would, in this process and until they are empty."""

from __future__ import annotations

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from provvypay.kit import queue
from tests.support.database import acting_as


def run_jobs() -> int:
    """Run every job that waits, also those that these jobs ring for; return how many ran.

    A failed job fails the test.
    """
    connection = queue.client(socket_timeout=10)
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in queue.QUEUES]
    done = 0
    with acting_as("worker"):
        while waiting := sum(len(one) for one in queues):
            done += waiting
            worker = SimpleWorker(queues, connection=connection, serializer=JSONSerializer)
            worker.log.setLevel("ERROR")
            worker.work(burst=True, logging_level="ERROR")
    failed = [job for one in queues for job in one.failed_job_registry.get_job_ids()]
    for one in queues:
        for job in one.failed_job_registry.get_job_ids():
            one.failed_job_registry.remove(job, delete_job=True)
    assert not failed, f"jobs failed: {failed}"
    return done


def forget_jobs() -> None:
    """Empty the queues: what another test rang for is not this test's work."""
    connection = queue.client(socket_timeout=10)
    for name in queue.QUEUES:
        Queue(name, connection=connection, serializer=JSONSerializer).empty()
