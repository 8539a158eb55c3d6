"""Read corrections that wait for a second person, for the pages that show them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.errors import NotFound


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request as pages show it."""

    id: uuid.UUID
    action: str
    state: str
    exception_id: uuid.UUID | None
    link_id: uuid.UUID | None
    description: str
    amount_minor: int
    currency: str
    reason: str
    details: dict[str, Any]
    requested_by: uuid.UUID
    asked_by: str
    answered_by: str | None
    created_at: dt.datetime
    decided_at: dt.datetime | None


_SELECT = """
    SELECT q.id, q.action, q.state, q.exception_id, q.link_id, q.amount_minor, q.currency, q.reason, q.details,
        coalesce(l.description, 'Money without a link') AS description, q.requested_by, u.name AS asked_by,
        a.name AS answered_by, q.created_at, q.decided_at
    FROM correction_requests q JOIN users u ON u.id = q.requested_by LEFT JOIN users a ON a.id = q.decided_by
    LEFT JOIN payment_links l ON l.organization_id = q.organization_id AND l.id = q.link_id
    WHERE q.organization_id = :org
"""
_ONE = text(_SELECT + " AND q.id = :id")
_WAITING = text(_SELECT + " AND q.state = 'WAITING' ORDER BY q.created_at DESC LIMIT :most")
_OF_EXCEPTION = text(_SELECT + " AND q.state = 'WAITING' AND q.exception_id = :id")
_OF_LINK = text(_SELECT + " AND q.state = 'WAITING' AND q.exception_id IS NULL AND q.link_id = :id")


def one(session: Session, organization_id: uuid.UUID, request_id: uuid.UUID) -> RequestView:
    """Return a request in whatever state.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.execute(_ONE, {"org": organization_id, "id": request_id}).one_or_none()
    if row is None:
        raise NotFound(f"correction request {request_id}")
    return _view(row)


def all_of(session: Session, organization_id: uuid.UUID, *, most: int = 5) -> list[RequestView]:
    """Return what waits for a second person, newest first."""
    return [_view(row) for row in session.execute(_WAITING, {"org": organization_id, "most": most})]


def of_exception(session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID) -> RequestView | None:
    """Return the request about an exception that waits, or None."""
    row = session.execute(_OF_EXCEPTION, {"org": organization_id, "id": exception_id}).first()
    return _view(row) if row else None


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> RequestView | None:
    """Return the request to mark a link or to undo its mark that waits, or None."""
    row = session.execute(_OF_LINK, {"org": organization_id, "id": link_id}).first()
    return _view(row) if row else None


def _view(row: Any) -> RequestView:
    return RequestView(**{name: getattr(row, name) for name in RequestView.__slots__})
