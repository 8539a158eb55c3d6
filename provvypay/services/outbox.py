"""Effects outside PostgreSQL: written in the transaction of their cause, delivered later.

At least once, by whoever holds the lease.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.kit.db import changed
from provvypay.services.state_machine import MOST_ATTEMPTS, retry_wait

LEASE_SECONDS = 60

_ADD = text("""
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    VALUES (:organization_id, :topic, :dedupe, CAST(:payload AS jsonb))
    ON CONFLICT (topic, dedupe) DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message this process may deliver until its lease ends."""

    id: int
    organization_id: uuid.UUID
    topic: str
    payload: dict[str, Any]
    lease_token: int
    attempts: int


def add(session: Session, organization_id: uuid.UUID, topic: str, *, dedupe: str, **payload: str) -> None:
    """Leave a message; the same topic and `dedupe` only once, ever."""
    session.execute(
        _ADD, {"organization_id": organization_id, "topic": topic, "dedupe": dedupe, "payload": json.dumps(payload)}
    )


def claim(session: Session, *, most: int = 20) -> list[ClaimedMessage]:
    """Take messages that are due, of any organization; nobody else gets them until the lease ends."""
    rows = session.execute(text("SELECT * FROM claim_outbox(:most, :lease)"), {"most": most, "lease": LEASE_SECONDS})
    return [ClaimedMessage(r.id, r.organization_id, r.topic, r.payload, r.lease_token, r.attempts) for r in rows]


def finish(session: Session, message: ClaimedMessage) -> bool:
    """Mark a message delivered; False when the lease was lost to another process, whose result counts."""
    done = session.execute(
        text(
            "UPDATE outbox SET done_at = clock_timestamp(), lease_until = NULL"
            " WHERE id = :id AND lease_token = :token AND done_at IS NULL AND dead_at IS NULL"
        ),
        {"id": message.id, "token": message.lease_token},
    )
    return bool(changed(done))


def fail(session: Session, message: ClaimedMessage, error: str) -> bool:
    """Put a message back for later, or give it up after the last try; say whether it is given up."""
    wait = retry_wait(message.attempts)
    dead = wait is None or message.attempts >= MOST_ATTEMPTS
    session.execute(
        text(
            "UPDATE outbox SET lease_until = NULL, last_error = :error,"
            " available_at = clock_timestamp() + make_interval(secs => :seconds),"
            " dead_at = CASE WHEN :dead THEN clock_timestamp() END"
            " WHERE id = :id AND lease_token = :token AND done_at IS NULL"
        ),
        {
            "id": message.id,
            "token": message.lease_token,
            "error": error[:500],
            "seconds": wait.total_seconds() if wait else 0.0,
            "dead": dead,
        },
    )
    return dead
