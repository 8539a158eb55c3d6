"""Write down who did what; the rows are never changed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from provvypay.models.audit import AuditLog


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where."""

    type: str
    """USER, SYSTEM or ANONYMOUS"""
    id: uuid.UUID | None = None
    ip: str | None = None
    request_id: str = ""


SYSTEM = Actor("SYSTEM")


def record(
    session: Session,
    action: str,
    actor: Actor,
    *,
    organization_id: uuid.UUID | None = None,
    subject_type: str = "",
    subject_id: str = "",
    **detail: Any,
) -> None:
    """Add one audit row to the open transaction: it exists exactly if the act does.

    :param action: a dotted name of docs/reference/events.md
    :param detail: ids and values, never a secret
    """
    # A plain INSERT: an ORM object would read its defaults back, and neither the worker nor an act without an
    # organization may read audit rows.
    session.execute(
        insert(AuditLog).values(
            organization_id=organization_id,
            actor_type=actor.type,
            actor_id=actor.id,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            detail=detail,
            request_id=actor.request_id,
            ip=actor.ip,
        )
    )
