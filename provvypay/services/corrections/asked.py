"""What a request that waits for a second person is for, and the journals it would post now."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy.orm import Session

from provvypay.domain.statuses import CorrectionAction, ResolutionAction
from provvypay.services.corrections import decide, held, marks, outlook
from provvypay.services.corrections.decide import Decision
from provvypay.services.corrections.marks import Mark
from provvypay.services.corrections.requests import Request
from provvypay.services.ledger.postings import Draft

SECOND_PERSON = {
    ResolutionAction.ACCEPTED: CorrectionAction.ACCEPT,
    ResolutionAction.APPLIED: CorrectionAction.APPLY,
    ResolutionAction.MATCHED: CorrectionAction.MATCH,
    ResolutionAction.OWN_TRANSFER: CorrectionAction.OWN_TRANSFER,
}
"""Decisions that move money from where it stands; the others leave it there, or are about no more than 1.00."""
WITH_REASON = frozenset(
    {
        ResolutionAction.ACCEPTED,
        ResolutionAction.APPLIED,
        ResolutionAction.MATCHED,
        ResolutionAction.WRITTEN_OFF,
        ResolutionAction.IGNORED,
    }
)
"""Decisions nobody takes without saying why."""
_DECISIONS = {asked: action for action, asked in SECOND_PERSON.items()}


def decision_of(row: Request, *, version: int, approved_by: uuid.UUID | None = None) -> Decision:
    """Return the decision a request is for."""
    named = row.details.get("named")
    return Decision(
        exception_id=row.exception_id or uuid.UUID(int=0),
        version=version,
        action=_DECISIONS[row.action],
        actor=row.asker,
        reason=row.reason,
        link_id=uuid.UUID(named) if named else None,
        write_off=bool(row.details.get("write_off")),
        approved_by=approved_by,
    )


def mark_of(row: Request, *, approved_by: uuid.UUID | None = None) -> Mark:
    """Return the mark a request is for."""
    return Mark(
        mark_id=uuid.UUID(row.details["mark_id"]),
        link_id=row.link_id or uuid.UUID(int=0),
        method=row.details["method"],
        paid_at=dt.datetime.fromisoformat(row.details["paid_at"]),
        reference=row.details["reference"],
        reason=row.reason,
        actor=row.asker,
        approved_by=approved_by,
    )


def drafts(session: Session, row: Request, *, version: int, now: dt.datetime) -> list[Draft]:
    """Return the journals a request would post as things are now.

    :raises Conflict: when it is not possible any more
    """
    org = row.organization_id
    if row.link_id and row.action is CorrectionAction.MARK_PAID:
        link = held.target(session, org, row.link_id, locked=False)
        return list(marks.drafts(link, *marks.plan(session, org, link, mark_of(row))))
    if row.link_id and row.action is CorrectionAction.UNDO_MARK:
        link = held.target(session, org, row.link_id, locked=False)
        mark = marks.marked(session, org, link)
        return marks.reversals(session, org, mark.settlement_id, row.link_id, at=now)
    wanted = decision_of(row, version=version)
    credit, plan = decide.preview(session, org, wanted, now=now)
    then = outlook.after_match(session, credit, plan.target, plan, now=now) if plan.target else None
    return [*plan.drafts, *(then.drafts if then else ())]
