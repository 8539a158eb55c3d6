"""Start an RQ worker: `python worker.py QUEUE` works one queue, `python worker.py` starts one child for each.

One queue per process, because RQ dequeues reliably only then. JSON, never pickle. The worker runs jobs in its own
process: a door-bell job starts in 2 ms instead of 11, and what isolation forking would give comes from leases in
PostgreSQL.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def work(queue_name: str) -> None:
    """Work one queue until told to stop; Redis may come and go."""
    import redis
    import structlog
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    from provvypay.kit import process, queue
    from provvypay.kit.settings import settings

    process.start(settings(), role="worker")
    # Imported before the first ring, so that no job pays for it.
    import provvypay.jobs.messages
    import provvypay.jobs.scheduled  # noqa: F401

    log = structlog.get_logger("worker")
    asked_to_stop = threading.Event()

    class Worker(SimpleWorker):
        """An RQ worker that remembers a request to stop: without Redis it cannot end well, but it must end."""

        def handle_warm_shutdown_request(self) -> None:
            asked_to_stop.set()

    while not asked_to_stop.is_set():
        end_when_told()  # RQ puts its own handlers in this one's place as soon as it works
        try:
            connection = queue.client(socket_timeout=40)
            worker = Worker(
                [Queue(queue_name, connection=connection, serializer=JSONSerializer)],
                connection=connection,
                serializer=JSONSerializer,
                worker_ttl=30,
                job_monitoring_interval=5,
                maintenance_interval=10,
            )
            worker.log.setLevel("WARNING")
            worker.work(logging_level="WARNING")
        except redis.RedisError as error:
            if asked_to_stop.is_set():
                return
            end_when_told()
            log.warning("worker.waits_for_redis", queue=queue_name, error=type(error).__name__)
            time.sleep(1)
        else:
            return


def end_when_told() -> None:
    """End at once when told to: no job is under way."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def work_all() -> int:
    """Start one child per queue; when one ends, end all, so that whoever watches starts us anew."""
    from provvypay.kit.queue import QUEUES

    this_file = Path(__file__).absolute()
    children = [subprocess.Popen([sys.executable, this_file, name]) for name in QUEUES]  # noqa: S603 - a list, no shell

    def stop(*_: object) -> None:
        for child in children:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while all(child.poll() is None for child in children):
        time.sleep(0.2)
    stop()
    return max(abs(child.wait(timeout=30)) for child in children)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1])
    else:
        sys.exit(work_all())
