"""What members were told in the app: newest first, each one's own, and what they have read."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from provvypay.models.notification import Notification

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Told:
    """One notification of one member."""

    kind: str
    """a dotted name of docs/reference/events.md"""
    cause_id: uuid.UUID
    link_id: uuid.UUID | None
    data: dict[str, Any]
    at: dt.datetime
    read: bool


def newest(session: Session, organization_id: uuid.UUID, user_id: uuid.UUID, *, most: int = MOST_SHOWN) -> list[Told]:
    """Return a member's newest notifications; muted ones are not shown."""
    rows = session.scalars(
        select(Notification)
        .where(
            Notification.organization_id == organization_id,
            Notification.user_id == user_id,
            Notification.muted.is_(False),
        )
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(most)
    )
    return [Told(r.kind, r.cause_id, r.link_id, r.data, r.created_at, r.read_at is not None) for r in rows]


def mark_all_read(session: Session, organization_id: uuid.UUID, user_id: uuid.UUID, *, now: dt.datetime) -> int:
    """Mark everything a member was told so far as read; return how many were new."""
    changed = session.execute(
        update(Notification)
        .where(
            Notification.organization_id == organization_id,
            Notification.user_id == user_id,
            Notification.read_at.is_(None),
            Notification.created_at <= now,
        )
        .values(read_at=now)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]
