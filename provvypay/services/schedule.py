"""What repeats, claimed so that two clocks do no harm."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session


def ensure(session: Session, table: dict[str, int]) -> None:
    """Make the schedule's rows equal the clock's table: name → seconds between two runs."""
    for name, seconds in sorted(table.items()):
        session.execute(
            text(
                "INSERT INTO schedules (name, every_seconds) VALUES (:name, :seconds)"
                " ON CONFLICT (name) DO UPDATE SET every_seconds = excluded.every_seconds,"
                " next_run_at ="
                " least(schedules.next_run_at, clock_timestamp() + make_interval(secs => excluded.every_seconds))"
                " WHERE schedules.every_seconds <> excluded.every_seconds"
            ),
            {"name": name, "seconds": seconds},
        )


def bring_forward(session: Session, names: Sequence[str]) -> None:
    """Let these run at the next tick."""
    session.execute(
        text(
            "UPDATE schedules SET next_run_at = least(next_run_at, clock_timestamp()) WHERE name = ANY(:names)",
        ),
        {"names": list(names)},
    )


def last_error(session: Session, name: str) -> str:
    """Return how the last run of a job failed; empty when it did not, or when there was none."""
    found = session.scalar(text("SELECT last_error FROM schedules WHERE name = :name"), {"name": name})
    return found or ""


RETRY_SECONDS = 60
"""A run that failed, or that was started and never ended, comes again after this long."""

_CLAIM = text("""
    WITH due AS (
        SELECT name FROM schedules
        WHERE name = ANY(:names) AND (
            next_run_at <= clock_timestamp()
            -- Its ring was lost with Redis, or its worker was killed.
            OR (last_started_at < clock_timestamp() - make_interval(secs => :retry)
                AND coalesce(last_finished_at, '-infinity') < last_started_at))
        ORDER BY next_run_at FOR UPDATE SKIP LOCKED)
    UPDATE schedules s
    SET next_run_at = clock_timestamp() + make_interval(secs => s.every_seconds), last_started_at = clock_timestamp()
    FROM due WHERE s.name = due.name RETURNING s.name
""")

_FINISHED = text("""
    UPDATE schedules SET last_finished_at = clock_timestamp(), last_error = :error,
        next_run_at = CASE WHEN :error = '' THEN next_run_at
            ELSE least(next_run_at, clock_timestamp() + make_interval(secs => :retry)) END
    WHERE name = :name
""")


def claim_due(session: Session, names: list[str]) -> list[str]:
    """Return the names that are due and move each to its next time; whoever claims first has it."""
    return [row.name for row in session.execute(_CLAIM, {"names": names, "retry": RETRY_SECONDS})]


def finished(session: Session, name: str, error: str = "") -> None:
    """Write down that a run ended, and how; a failed one comes again within a minute."""
    session.execute(_FINISHED, {"name": name, "error": error[:500], "retry": RETRY_SECONDS})
