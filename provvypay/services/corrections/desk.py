"""What members say about an exception, who works on it, and the history of what was decided."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import ResolutionAction
from provvypay.errors import Invalid, NotFound
from provvypay.kit.db import Statement
from provvypay.services import audit

LONGEST_COMMENT = 2000


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of what was decided, asked or said about an exception."""

    kind: str
    """an action of a decision, COMMENT, or ASKED_ and the state of a request"""
    who: str | None
    """None for the system"""
    approved_by: str | None
    amount_minor: int | None
    currency: str | None
    link_id: uuid.UUID | None
    link: str | None
    words: str
    """the reason, or the comment"""
    at: dt.datetime
    request_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member somebody may hand an exception to."""

    id: uuid.UUID
    name: str


_COMMENT = Statement("""
    INSERT INTO exception_comments (id, organization_id, exception_id, written_by, body)
    VALUES (:id, :org, :exception, :by, :body)
    ON CONFLICT (id) DO NOTHING RETURNING id
""")
_ASSIGN = Statement("""
    UPDATE payment_exceptions SET assigned_to = :to WHERE organization_id = :org AND id = :id RETURNING id
""")
_MEMBERS = text("""
    SELECT u.id, u.name FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.organization_id = :org AND u.disabled_at IS NULL ORDER BY u.name, u.id
""")
_HAPPENED = text("""
    SELECT d.action AS kind, u.name AS who, a.name AS approved_by, d.amount_minor, d.currency,
        coalesce(d.link_id, s.link_id) AS link_id, l.description AS link, d.reason AS words, d.created_at AS at,
        NULL::uuid AS request_id
    FROM payment_resolutions d LEFT JOIN users u ON u.id = d.actor_id LEFT JOIN users a ON a.id = d.approved_by
    LEFT JOIN settlements s ON s.organization_id = :org AND s.id = d.settlement_id
    LEFT JOIN payment_links l ON l.organization_id = :org AND l.id = coalesce(d.link_id, s.link_id)
    WHERE d.organization_id = :org AND d.exception_id = :id
    UNION ALL
    SELECT 'ASKED_' || q.state, u.name, a.name, q.amount_minor, q.currency, q.link_id, l.description, q.reason,
        coalesce(q.decided_at, q.created_at), q.id
    FROM correction_requests q LEFT JOIN users u ON u.id = q.requested_by LEFT JOIN users a ON a.id = q.decided_by
    LEFT JOIN payment_links l ON l.organization_id = :org AND l.id = q.link_id
    WHERE q.organization_id = :org AND q.exception_id = :id AND q.state <> 'APPROVED'
    UNION ALL
    SELECT 'COMMENT', u.name, NULL, NULL, NULL, NULL, NULL, c.body, c.created_at, NULL
    FROM exception_comments c LEFT JOIN users u ON u.id = c.written_by
    WHERE c.organization_id = :org AND c.exception_id = :id
    ORDER BY at DESC
""")
_OWN_DEED = text("""
    SELECT 1 FROM payment_resolutions d JOIN payment_exceptions x ON x.id = d.exception_id
    WHERE d.organization_id = :org AND d.exception_id = :id AND d.actor_id = :by AND d.action = :action
        AND x.version = :version + 1
""")


def comment(
    session: Session,
    organization_id: uuid.UUID,
    exception_id: uuid.UUID,
    body: str,
    *,
    comment_id: uuid.UUID,
    actor: audit.Actor,
) -> None:
    """Add a comment; the same form sent twice adds one.

    :raises Invalid: for an empty or too long one
    """
    words = body.replace("\r\n", "\n").strip()
    if not words or len(words) > LONGEST_COMMENT or "\x00" in words:
        raise Invalid({"body": f"Write a comment of at most {LONGEST_COMMENT:,} characters."})
    given = {"id": comment_id, "org": organization_id, "exception": exception_id, "by": actor.id, "body": words}
    if _COMMENT.run(session, given).fetchone() is not None:
        audit.record(
            session,
            "exception.commented",
            actor,
            organization_id=organization_id,
            subject_type="payment_exception",
            subject_id=str(exception_id),
        )


def assign(
    session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID, to: uuid.UUID | None, *, actor: audit.Actor
) -> str | None:
    """Hand an exception to a member, or to nobody; return the member's name.

    :raises NotFound: for an exception of another organization
    :raises Invalid: for somebody who is no member
    """
    names = {one.id: one.name for one in colleagues(session, organization_id)}
    if to is not None and to not in names:
        raise Invalid({"to": "Choose one of the members in the list."})
    if _ASSIGN.run(session, {"org": organization_id, "id": exception_id, "to": to}).fetchone() is None:
        raise NotFound(f"exception {exception_id}")
    audit.record(
        session,
        "exception.assigned",
        actor,
        organization_id=organization_id,
        subject_type="payment_exception",
        subject_id=str(exception_id),
        to=str(to) if to else None,
    )
    return names[to] if to else None


def colleagues(session: Session, organization_id: uuid.UUID) -> list[Colleague]:
    """Return the members of an organization by name."""
    return [Colleague(row.id, row.name) for row in session.execute(_MEMBERS, {"org": organization_id})]


def happened(session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID) -> list[Happened]:
    """Return what was decided, asked and said about an exception, newest first."""
    rows = session.execute(_HAPPENED, {"org": organization_id, "id": exception_id})
    return [Happened(**{name: getattr(row, name) for name in Happened.__slots__}) for row in rows]


def is_own_deed(
    session: Session,
    organization_id: uuid.UUID,
    exception_id: uuid.UUID,
    *,
    action: ResolutionAction,
    version: int,
    actor: audit.Actor,
) -> bool:
    """Say whether an exception changed by this very decision of the same person: a form sent twice."""
    given = {"org": organization_id, "id": exception_id, "by": actor.id, "action": action, "version": version}
    return session.execute(_OWN_DEED, given).first() is not None
