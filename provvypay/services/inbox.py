"""What vendors told us: stored first, once, then handled under a lease."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.kit.db import changed
from provvypay.kit.ids import uuid7
from provvypay.services.state_machine import MOST_ATTEMPTS, retry_wait

LEASE_SECONDS = 60

_STORE = text("""
    INSERT INTO inbox (id, provider, event_id, event_type, livemode, account, payload, state, note, handled_at)
    VALUES (:id, :provider, :event_id, :event_type, :livemode, :account, CAST(:payload AS jsonb), :state, :note,
        CASE WHEN :state = 'NEW' THEN NULL ELSE clock_timestamp() END)
    ON CONFLICT (provider, event_id) DO NOTHING
""")

# Claiming and finishing do not wait for the disk: of the time from an event to PAID a tenth and more. A claim that a
# crash of PostgreSQL takes back has left nothing behind, for what was written on its strength is flushed after it, and
# so with it. A finish that is taken back lets the event be handled once more.
_CLAIM = text("""
    UPDATE inbox SET lease_until = clock_timestamp() + make_interval(secs => :lease), lease_token = lease_token + 1,
        attempts = least(attempts + 1, 20)
    WHERE id = :id AND state = 'NEW' AND (lease_until IS NULL OR lease_until < clock_timestamp())
    RETURNING id, provider, event_type, payload, lease_token, attempts, set_config('synchronous_commit', 'off', true)
""")

_FINISH = text("""
    UPDATE inbox SET state = :state, note = :note, handled_at = clock_timestamp(), lease_until = NULL
    WHERE id = :id AND lease_token = :token AND state = 'NEW'
    RETURNING set_config('synchronous_commit', 'off', true)
""")


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event this process may handle until its lease ends."""

    id: uuid.UUID
    provider: str
    event_type: str
    payload: dict[str, Any]
    lease_token: int
    attempts: int


def store(
    session: Session,
    provider: str,
    event_id: str,
    event_type: str,
    payload: dict[str, Any],
    *,
    livemode: bool,
    account: str | None = None,
    ignored_because: str | None = None,
) -> uuid.UUID | None:
    """Store an event and return its row's id, or None when it was stored before.

    :param ignored_because: keep it as IGNORED with this note: it is true, and not for us
    """
    row_id = uuid7()
    stored = session.execute(
        _STORE,
        {
            "id": row_id,
            "provider": provider,
            "event_id": event_id,
            "event_type": event_type,
            "livemode": livemode,
            "account": account,
            "payload": json.dumps(payload),
            "state": "IGNORED" if ignored_because else "NEW",
            "note": ignored_because or "",
        },
    )
    return row_id if changed(stored) else None


def claim(session: Session, row_id: uuid.UUID) -> ClaimedEvent | None:
    """Take an event to handle it; None when it is handled already or somebody is at it."""
    row = session.execute(_CLAIM, {"id": row_id, "lease": LEASE_SECONDS}).one_or_none()
    if row is None:
        return None
    return ClaimedEvent(row.id, row.provider, row.event_type, row.payload, row.lease_token, row.attempts)


def finish(session: Session, event: ClaimedEvent, *, ignored_because: str | None = None) -> bool:
    """Mark an event handled or ignored; False when the lease was lost to another process, whose result counts."""
    done = session.execute(
        _FINISH,
        {
            "id": event.id,
            "token": event.lease_token,
            "state": "IGNORED" if ignored_because else "DONE",
            "note": ignored_because or "",
        },
    )
    return bool(changed(done))


def fail(session: Session, event: ClaimedEvent, error: str) -> bool:
    """Put an event back for later, or declare it DEAD after the last try; say whether it is dead."""
    wait = retry_wait(event.attempts)
    dead = wait is None or event.attempts >= MOST_ATTEMPTS
    session.execute(
        text(
            "UPDATE inbox SET lease_until = NULL, note = :error,"
            " next_attempt_at = clock_timestamp() + make_interval(secs => :seconds),"
            " state = CASE WHEN :dead THEN 'DEAD' ELSE state END,"
            " handled_at = CASE WHEN :dead THEN clock_timestamp() END"
            " WHERE id = :id AND lease_token = :token AND state = 'NEW'"
        ),
        {
            "id": event.id,
            "token": event.lease_token,
            "error": error[:500],
            "seconds": wait.total_seconds() if wait else 0.0,
            "dead": dead,
        },
    )
    return dead


def newest(session: Session, provider: str) -> dt.datetime | None:
    """Return when the newest event of a vendor we know of reached us."""
    found: dt.datetime | None = session.scalar(
        text("SELECT max(received_at) FROM inbox WHERE provider = :provider"), {"provider": provider}
    )
    return found


def waiting(session: Session, *, older_than: dt.timedelta, most: int = 100) -> list[uuid.UUID]:
    """Return events that nobody is handling although they are due: their ring was lost, or their worker died."""
    rows = session.execute(
        text(
            "SELECT id FROM inbox WHERE state = 'NEW'"
            " AND next_attempt_at <= clock_timestamp() - make_interval(secs => :seconds)"
            " AND (lease_until IS NULL OR lease_until < clock_timestamp()) ORDER BY next_attempt_at LIMIT :most"
        ),
        {"seconds": older_than.total_seconds(), "most": most},
    )
    return [row.id for row in rows]
