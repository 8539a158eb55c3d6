"""Corrections above the organization's limit: they wait until another member who may says yes, or no.

docs/decisions has why; docs/explanation/corrections.md tells the story.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.roles import Permission, roles_with
from provvypay.domain.statuses import CorrectionAction, RequestState
from provvypay.errors import Conflict, Forbidden, NotFound
from provvypay.kit.db import Statement
from provvypay.services import audit, refunds

WAITS = "correction.waits"
"""asks those who may correct to look at a correction"""
ANSWERED = {RequestState.APPROVED: "correction.approved", RequestState.REJECTED: "correction.rejected"}
"""tells who asked"""

_ALREADY = text("""
    SELECT 1 FROM correction_requests WHERE organization_id = :org AND state = 'WAITING' AND id <> :id
        AND CASE WHEN CAST(:exception AS uuid) IS NULL THEN exception_id IS NULL AND link_id = CAST(:link AS uuid)
            ELSE exception_id = CAST(:exception AS uuid) END
""")
_ASK = Statement("""
    INSERT INTO correction_requests
        (id, organization_id, action, exception_id, link_id, details, amount_minor, currency, reason, requested_by)
    VALUES (:id, :org, :action, :exception, :link, CAST(:details AS jsonb), :amount, :currency, :reason, :by)
    ON CONFLICT (id) DO NOTHING RETURNING id
""")
_ONE = """
    SELECT id, organization_id, action, exception_id, link_id, details, amount_minor, currency, reason, state,
        requested_by, created_at FROM correction_requests WHERE organization_id = :org AND id = :id
"""
_READ = text(_ONE)
_LOCK = text(_ONE + " FOR UPDATE")
_CLOSE = text("""
    UPDATE correction_requests SET state = :state, decided_by = :by, decided_at = :now
    WHERE organization_id = :org AND id = :id
""")
_TELL = text("""
    INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
    SELECT gen_random_uuid(), :org, m.user_id, :kind, :cause, :link, CAST(:data AS jsonb)
    FROM memberships m WHERE m.organization_id = :org AND m.role = ANY (:roles)
        AND CASE WHEN CAST(:only AS uuid) IS NULL THEN m.user_id <> :asker ELSE m.user_id = CAST(:only AS uuid) END
    ON CONFLICT (cause_id, kind, user_id) DO NOTHING
""")


class AlreadyAsked(Conflict):
    """The same matter waits for a second person already."""

    code = "correction_waits"
    public_message = "A correction of this waits for somebody to approve it already. Nothing was asked again."


@dataclass(frozen=True, slots=True)
class Wish:
    """A correction to be asked for."""

    request_id: uuid.UUID
    """chosen by the form, so that the same form sent twice asks once"""
    action: CorrectionAction
    exception_id: uuid.UUID | None
    link_id: uuid.UUID | None
    details: dict[str, Any]
    """what the person filled in, as the act will need it"""
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """A correction that was asked for."""

    id: uuid.UUID
    organization_id: uuid.UUID
    action: CorrectionAction
    exception_id: uuid.UUID | None
    link_id: uuid.UUID | None
    details: dict[str, Any]
    amount_minor: int
    currency: str
    reason: str
    state: RequestState
    requested_by: uuid.UUID
    created_at: dt.datetime

    @property
    def asker(self) -> audit.Actor:
        """Return who asked, as the one who acts once somebody else says yes."""
        return audit.Actor("USER", self.requested_by)


def needs_second_person(session: Session, organization_id: uuid.UUID, amount_minor: int, currency: str) -> bool:
    """Say whether a correction this large needs a yes from somebody else than who makes it; as with refunds.

    The limit is the organization's, in its own currency; where there is one, other currencies always need the yes.
    """
    return refunds.needs_second_person(session, organization_id, amount_minor, currency)


def ask(session: Session, organization_id: uuid.UUID, wish: Wish, *, actor: audit.Actor, title: str) -> None:
    """Write a correction down that waits for a second person, and tell those who may say yes; the same one once.

    What it is about is locked by the caller, so that two do not ask for the same at once.

    :param title: of the link it is about, for people
    :raises AlreadyAsked: when the same matter waits already
    """
    given = {"org": organization_id, "id": wish.request_id, "exception": wish.exception_id, "link": wish.link_id}
    if session.execute(_ALREADY, given).first() is not None:
        raise AlreadyAsked(f"exception {wish.exception_id} or link {wish.link_id} waits already")
    new = _ASK.run(
        session,
        given
        | {
            "action": wish.action,
            "details": json.dumps(wish.details),
            "amount": wish.amount_minor,
            "currency": wish.currency,
            "reason": wish.reason,
            "by": actor.id,
        },
    ).fetchone()
    if new is None:
        return
    row = get(session, organization_id, wish.request_id)
    _tell(session, row, WAITS, title=title)
    audit.record(session, "correction.requested", actor, **_about(row))


def get(session: Session, organization_id: uuid.UUID, request_id: uuid.UUID, *, locked: bool = False) -> Request:
    """Return a request, locked when somebody is about to answer it.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    given = {"org": organization_id, "id": request_id}
    row = session.execute(_LOCK if locked else _READ, given).one_or_none()
    if row is None:
        raise NotFound(f"correction request {request_id}")
    values = {name: getattr(row, name) for name in Request.__slots__}
    return Request(**values | {"action": CorrectionAction(row.action), "state": RequestState(row.state)})


def to_answer(session: Session, organization_id: uuid.UUID, request_id: uuid.UUID, actor: audit.Actor) -> Request:
    """Lock a request somebody else than who asked is about to answer.

    :raises Conflict: when it was answered already
    :raises Forbidden: for who asked
    """
    row = _waiting(session, organization_id, request_id)
    if row.requested_by == actor.id:
        raise Forbidden(
            f"{actor.id} asked for correction {request_id}",
            public_message="You asked for this correction: somebody else has to approve it.",
        )
    return row


def to_withdraw(session: Session, organization_id: uuid.UUID, request_id: uuid.UUID, actor: audit.Actor) -> Request:
    """Lock a request that who asked for it takes back.

    :raises Conflict: when it was answered already
    :raises Forbidden: for anybody else
    """
    row = _waiting(session, organization_id, request_id)
    if row.requested_by != actor.id:
        raise Forbidden(
            f"{actor.id} did not ask for correction {request_id}",
            public_message="Only who asked for this correction can take it back; you can decline it.",
        )
    return row


def _waiting(session: Session, organization_id: uuid.UUID, request_id: uuid.UUID) -> Request:
    row = get(session, organization_id, request_id, locked=True)
    if row.state is not RequestState.WAITING:
        raise Conflict(
            f"correction {request_id} is {row.state}",
            public_message=f"This correction is {row.state.lower()} already. Nothing was done now.",
        )
    return row


def close(
    session: Session, row: Request, state: RequestState, *, actor: audit.Actor, now: dt.datetime, title: str
) -> None:
    """Write the answer down and tell who asked."""
    given = {"org": row.organization_id, "id": row.id, "state": state, "by": actor.id, "now": now}
    session.execute(_CLOSE, given)
    if state in ANSWERED:
        _tell(session, row, ANSWERED[state], title=title, only=row.requested_by)
    if state is RequestState.APPROVED:
        audit.record(session, "correction.approved", actor, **_about(row))
    elif state is RequestState.REJECTED:
        audit.record(session, "correction.rejected", actor, **_about(row))
    else:
        audit.record(session, "correction.withdrawn", actor, **_about(row))


def _about(row: Request) -> dict[str, Any]:
    return {
        "organization_id": row.organization_id,
        "subject_type": "correction_request",
        "subject_id": str(row.id),
        "correction": row.action,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "exception_id": str(row.exception_id) if row.exception_id else None,
        "link_id": str(row.link_id) if row.link_id else None,
        "reason": row.reason,
    }


def _tell(session: Session, row: Request, kind: str, *, title: str, only: uuid.UUID | None = None) -> None:
    facts = {
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "description": title,
        "correction": row.action,
        "reason": row.reason,
    }
    session.execute(
        _TELL,
        {
            "org": row.organization_id,
            "kind": kind,
            "cause": row.id,
            "link": row.link_id,
            "data": json.dumps(facts),
            "roles": roles_with(Permission.CORRECTIONS_MAKE),
            "only": only,
            "asker": row.requested_by,
        },
    )
