"""The clock: claims what is due in PostgreSQL and rings for a worker; without an answer from Redis it does the work."""

from __future__ import annotations

import threading
import time

import structlog

from provvypay.jobs import scheduled
from provvypay.kit import queue
from provvypay.kit.db import DatabaseTrouble, transaction
from provvypay.kit.settings import Settings
from provvypay.services import schedule

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0


def prepare(settings: Settings) -> None:
    """Make the schedule's rows equal the table in jobs/scheduled.py, and what looks at the settings due."""
    with transaction() as session:
        schedule.ensure(session, scheduled.seconds_between(settings))
        schedule.bring_forward(session, scheduled.AT_THE_START)


def tick() -> list[str]:
    """Start what is due; return the names. Two clocks never start the same run."""
    with transaction() as session:
        due = schedule.claim_due(session, list(scheduled.JOBS))
    for name in due:
        # A ring that still waits, or runs, is not repeated within its while; after it its worker may be dead.
        within = int(time.time()) // scheduled.RINGS_ONCE_IN.get(name, 1)
        job_id = f"{name.replace('.', '-')}-{within}"
        rung = queue.ring(scheduled.QUEUE_OF.get(name, "default"), "provvypay.jobs.scheduled.run", name, job_id=job_id)
        if not rung:
            log.warning("clock.without_redis", job=name)
            scheduled.run(name)
    return due


def run(settings: Settings, stop: threading.Event) -> None:
    """Tick until told to stop; a database that is away for a while is waited for."""
    prepared = False
    while not stop.is_set():
        try:
            if not prepared:
                prepare(settings)
                prepared = True
            tick()
        except DatabaseTrouble as error:
            log.warning("clock.waits_for_database", error=type(error).__name__)
        stop.wait(TICK_SECONDS)
