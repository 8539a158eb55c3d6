"""Tell members of money that goes back: one notification each, once per cause; and raise what needs a person."""

from __future__ import annotations

import json
import uuid
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.roles import Permission, roles_with
from provvypay.domain.statuses import ExceptionKind
from provvypay.kit.ids import uuid7
from provvypay.models.refund import Dispute, Refund
from provvypay.services import outbox

WAITS = "refund.waits"
"""asks those who may approve a refund to look at it"""

_TOLD = text("""
    INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
    SELECT gen_random_uuid(), :org, m.user_id, :kind, :cause, :link, CAST(:data AS jsonb)
    FROM memberships m WHERE m.organization_id = :org AND (CAST(:roles AS text[]) IS NULL OR m.role = ANY (:roles))
    ON CONFLICT (cause_id, kind, user_id) DO NOTHING
""")
_RAISED = text("""
    INSERT INTO payment_exceptions (id, organization_id, refund_id, dispute_id, transfer_id, link_id, kind)
    VALUES (:id, :org, :refund, :dispute, :transfer, :link, :kind)
    ON CONFLICT DO NOTHING RETURNING id
""")


def everybody(session: Session, about: Refund | Dispute, kind: str, title: str, **more: str) -> None:
    """Tell all members of a refund or a dispute.

    :param kind: a dotted name of docs/reference/events.md
    """
    _tell(session, about, (kind, about.id), _facts(about, title, **more))


def approvers(session: Session, refund: Refund, title: str) -> None:
    """Ask those who may approve a refund to look at it."""
    facts = _facts(refund, title)
    _tell(session, refund, (WAITS, refund.id), facts, roles=roles_with(Permission.REFUNDS_APPROVE))


def exception(
    session: Session,
    about: Refund | Dispute,
    kind: ExceptionKind,
    title: str,
    *,
    transfer_id: uuid.UUID | None = None,
) -> bool:
    """Raise what needs a person about a refund or a dispute, once, and tell all members; say whether it is new.

    :param transfer_id: what it is about, where that is not the refund but what was sent for it
    """
    exception_id = session.scalar(
        _RAISED,
        {
            "id": uuid7(),
            "org": about.organization_id,
            "refund": about.id if isinstance(about, Refund) and transfer_id is None else None,
            "transfer": transfer_id,
            "dispute": about.id if isinstance(about, Dispute) else None,
            "link": about.link_id,
            "kind": kind,
        },
    )
    if exception_id is None:
        return False
    facts = _facts(about, title, kind=kind)
    _tell(session, about, ("payment.exception", exception_id), facts)
    outbox.add(
        session,
        about.organization_id,
        "payment.exception",
        dedupe=str(exception_id),
        **({"link_id": str(about.link_id)} if about.link_id else {}),
    )
    return True


def _facts(about: Refund | Dispute, title: str, **more: str) -> dict[str, Any]:
    return {"amount_minor": about.amount_minor, "currency": about.currency, "description": title, **more}


def _tell(
    session: Session,
    about: Refund | Dispute,
    cause: tuple[str, uuid.UUID],
    facts: dict[str, Any],
    *,
    roles: list[str] | None = None,
) -> None:
    given = {"org": about.organization_id, "kind": cause[0], "cause": cause[1], "link": about.link_id, "roles": roles}
    session.execute(_TOLD, given | {"data": json.dumps(facts)})
