"""Apply what a provider says of a refund: match it to the row that asked for it, or keep it as made elsewhere.

A refund is booked when its balance transaction exists, and taken back when the money returned. What is final stays so,
whatever an older answer says.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from provvypay.domain.statuses import ExceptionKind, RefundState
from provvypay.kit.ids import uuid7
from provvypay.models.refund import Refund
from provvypay.services import return_lines, tell, timeline
from provvypay.services.refund_orders import CHECK_WAITS
from provvypay.services.return_lines import LineFact
from provvypay.services.returns import Returnable

S = RefundState

_STATES = {
    "pending": S.PENDING,
    "requires_action": S.PENDING,
    "succeeded": S.SUCCEEDED,
    "failed": S.FAILED,
    "canceled": S.CANCELED,
}
_FORWARD: dict[RefundState, frozenset[RefundState]] = {
    S.CREATED: frozenset(),
    S.SUBMITTED: frozenset({S.PENDING, S.SUCCEEDED, S.FAILED, S.CANCELED}),
    S.PENDING: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELED}),
    S.SUCCEEDED: frozenset({S.FAILED}),
    S.FAILED: frozenset(),
    S.CANCELED: frozenset(),
}
"""the steps PostgreSQL allows too"""


TOLD = {S.PENDING: "refund.pending", S.FAILED: "refund.failed", S.CANCELED: "refund.canceled"}
"""the event of the timeline a step is told by"""


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A refund as its provider sees it now, in our shapes."""

    provider_refund_id: str
    amount_minor: int
    """in the payment's currency"""
    currency: str
    status: str
    """the provider's word"""
    pending_reason: str | None
    failure_code: str | None
    reason: str
    refund_id: str | None
    """the row that asked for it, as the refund names it; believed only if it fits"""
    occurred_at: dt.datetime
    left: LineFact | None
    """None until its money has left"""
    came_back: LineFact | None


def record(session: Session, found: Returnable, fact: RefundFact, *, now: dt.datetime) -> Refund:
    """Bring a refund's row up to what the provider says, and the books with it; safe to repeat.

    :param found: its payment, under the link's lock
    """
    row = _own(session, found, fact) or _external(session, found, fact)
    before = S(row.state)
    state = _next(session, row, fact)
    session.execute(
        update(Refund)
        .where(Refund.id == row.id)
        .values(
            state=state,
            provider_refund_id=fact.provider_refund_id,
            pending_reason=(fact.pending_reason or fact.status) if state is S.PENDING else None,
            failure_code=(fact.failure_code or fact.status) if state is S.FAILED else row.failure_code,
            occurred_at=fact.occurred_at,
            next_check_at=_next_check(row, state, fact, now),
            updated_at=now,
        )
    )
    session.refresh(row)
    _book(session, row, fact, found.title)
    _say(session, row, before, found.title, now)
    return row


def _own(session: Session, found: Returnable, fact: RefundFact) -> Refund | None:
    known = session.scalar(
        select(Refund).where(Refund.provider == found.provider, Refund.provider_refund_id == fact.provider_refund_id)
    )
    if known is not None or fact.refund_id is None:
        return known
    named: uuid.UUID | None = None
    with contextlib.suppress(ValueError):
        named = uuid.UUID(fact.refund_id)
    return session.scalar(
        select(Refund).where(
            Refund.id == named,
            Refund.payment_id == found.payment_id,
            Refund.provider_refund_id.is_(None),
            Refund.state == S.SUBMITTED,
            Refund.amount_minor == fact.amount_minor,
            Refund.currency == fact.currency,
        )
    )


def _external(session: Session, found: Returnable, fact: RefundFact) -> Refund:
    """Keep a refund that was made in the provider's own dashboard, and say so."""
    row_id = uuid7()
    session.execute(
        insert(Refund).values(
            id=row_id,
            organization_id=found.organization_id,
            payment_id=found.payment_id,
            link_id=found.link_id,
            provider=found.provider,
            provider_refund_id=fact.provider_refund_id,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            exception_id=found.exception_id,
            state=S.SUBMITTED,
            is_external=True,
            reason=fact.reason,
            occurred_at=fact.occurred_at,
            next_check_at=fact.occurred_at,
        )
    )
    row = session.scalars(select(Refund).where(Refund.id == row_id)).one()
    if row.link_id is not None:
        facts = {"amount_minor": row.amount_minor, "currency": row.currency, "refund_id": str(row.id)}
        timeline.add(
            session, row.organization_id, row.link_id, "refund.external", dedupe=str(row.id),
            occurred_at=fact.occurred_at, payment_id=row.payment_id, **facts,
        )  # fmt: skip
    tell.everybody(session, row, "refund.external", found.title)
    if found.exceeds(fact.amount_minor) and _STATES.get(fact.status, S.PENDING).goes_back:
        tell.exception(session, row, ExceptionKind.OVER_REFUNDED, found.title)
    return row


def _next(session: Session, row: Refund, fact: RefundFact) -> RefundState:
    """Return the state after this answer: never back, and not failed before what was booked can be taken back."""
    before, told = S(row.state), _STATES.get(fact.status, S.PENDING)
    if not told.goes_back:
        booked = fact.left is not None or return_lines.is_booked(session, row, return_lines.REFUND)
        if booked and fact.came_back is None:
            return S.SUCCEEDED if before in {S.SUBMITTED, S.PENDING} else before
        if booked or before is S.SUCCEEDED:
            told = S.FAILED
    return told if told in _FORWARD[before] else before


def _next_check(row: Refund, state: RefundState, fact: RefundFact, now: dt.datetime) -> dt.datetime | None:
    settled = state is S.SUCCEEDED and fact.left is not None and fact.status == "succeeded"
    if settled or not state.goes_back:
        return None
    wait = CHECK_WAITS[min(row.checks, len(CHECK_WAITS) - 1)]
    return now + dt.timedelta(seconds=wait)


def _book(session: Session, row: Refund, fact: RefundFact, title: str) -> None:
    if fact.left is not None:
        return_lines.keep(session, row, return_lines.REFUND, fact.left, title)
    if fact.came_back is not None and row.state == S.FAILED and return_lines.is_booked(session, row, "refund"):
        return_lines.keep(session, row, return_lines.REFUND_FAILURE, fact.came_back, title)


def _say(session: Session, row: Refund, before: RefundState, title: str, now: dt.datetime) -> None:
    """Tell of a step that a person should know of; what is booked is told with its line."""
    if row.state == before:
        return
    kind = TOLD.get(S(row.state))
    if kind is None:
        return
    facts = {"amount_minor": row.amount_minor, "currency": row.currency, "refund_id": str(row.id)}
    why = row.pending_reason if row.state == S.PENDING else row.failure_code
    if row.link_id is not None:
        timeline.add(
            session, row.organization_id, row.link_id, kind, dedupe=str(row.id), occurred_at=now,
            payment_id=row.payment_id, **facts, **({"reason": why} if why else {}),
        )  # fmt: skip
    if row.state == S.FAILED:
        # Somebody was promised this money, be it by us or in the dashboard, and does not have it.
        tell.exception(session, row, ExceptionKind.FAILED_REFUND, title)
    elif row.state == S.CANCELED:
        tell.everybody(session, row, "refund.canceled", title)
