"""Apply what a provider says of a dispute: withdrawn, won, lost, or a warning that moves no money.

A warning never takes a dispute back, and what is decided stays so, whatever an older answer says.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from provvypay.domain.statuses import DisputeState, ExceptionKind
from provvypay.kit.ids import uuid7
from provvypay.models.refund import Dispute
from provvypay.services import return_lines, tell, timeline
from provvypay.services.ledger import journals
from provvypay.services.ledger import returns as postings
from provvypay.services.return_lines import LineFact
from provvypay.services.returns import Returnable

S = DisputeState

_STATES = {
    "warning_needs_response": S.WARNING_NEEDS_RESPONSE,
    "warning_under_review": S.WARNING_UNDER_REVIEW,
    "warning_closed": S.WARNING_CLOSED,
    "prevented": S.WARNING_CLOSED,
    "needs_response": S.NEEDS_RESPONSE,
    "under_review": S.UNDER_REVIEW,
    "won": S.WON,
    "lost": S.LOST,
}
_RANKS = (
    S.WARNING_NEEDS_RESPONSE,
    S.WARNING_UNDER_REVIEW,
    S.WARNING_CLOSED,
    S.NEEDS_RESPONSE,
    S.UNDER_REVIEW,
    S.WON,
    S.LOST,
)
"""only ever upwards; the order PostgreSQL keeps too"""
_FINAL = frozenset({S.EARLY_WARNING, S.WON, S.LOST})
TOLD = {
    S.NEEDS_RESPONSE: "dispute.opened",
    S.UNDER_REVIEW: "dispute.opened",
    S.WARNING_NEEDS_RESPONSE: "dispute.inquiry",
    S.WARNING_UNDER_REVIEW: "dispute.inquiry",
    S.WARNING_CLOSED: "dispute.inquiry_closed",
    S.EARLY_WARNING: "dispute.warning",
    S.WON: "dispute.won",
    S.LOST: "dispute.lost",
}


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """A dispute as its provider sees it now, in our shapes."""

    provider_dispute_id: str
    amount_minor: int
    """in the payment's currency; 0: all of it"""
    status: str
    """the provider's word; `early_warning` for a warning of its own"""
    reason: str
    evidence_due_by: dt.datetime | None
    occurred_at: dt.datetime
    withdrawn: LineFact | None
    reinstated: LineFact | None


class UnknownStatus(ValueError):
    """The provider's word for a dispute's state is none we know."""


def record(session: Session, found: Returnable, fact: DisputeFact, *, now: dt.datetime) -> Dispute:
    """Bring a dispute's row up to what the provider says, and the books with it; safe to repeat.

    :param found: its payment, under the link's lock
    :raises UnknownStatus: for a state we do not know; nothing is written
    """
    told = S.EARLY_WARNING if fact.status == "early_warning" else _STATES.get(fact.status)
    if told is None:
        raise UnknownStatus(f"dispute {fact.provider_dispute_id} is {fact.status}")
    row, before = _row(session, found, fact, told)
    state = told if before is None or _is_ahead(before, told) else before
    loses_credit = state is S.LOST and before is not S.LOST and found.exception_id is not None
    values: dict[str, object] = {
        "state": state,
        "is_inquiry": state.is_inquiry,
        "evidence_due_by": fact.evidence_due_by or row.evidence_due_by,
        "updated_at": now,
    }
    if loses_credit and fact.withdrawn is not None:
        values["exception_id"] = found.exception_id
    session.execute(update(Dispute).where(Dispute.id == row.id).values(**values))
    session.refresh(row)
    _book(session, row, fact, found.title, now)
    if state is not before:
        _say(session, row, found, now)
    return row


def _row(session: Session, found: Returnable, fact: DisputeFact, told: S) -> tuple[Dispute, S | None]:
    """Return the dispute's row and its state before; None when it is new."""
    query = select(Dispute).where(
        Dispute.provider == found.provider, Dispute.provider_dispute_id == fact.provider_dispute_id
    )
    if (known := session.scalar(query.with_for_update())) is not None:
        return known, S(known.state)
    session.execute(
        insert(Dispute).values(
            id=uuid7(),
            organization_id=found.organization_id,
            payment_id=found.payment_id,
            link_id=found.link_id,
            provider=found.provider,
            provider_dispute_id=fact.provider_dispute_id,
            amount_minor=fact.amount_minor or found.value_minor,
            currency=found.currency,
            state=told,
            is_inquiry=told.is_inquiry,
            reason=fact.reason,
            evidence_due_by=fact.evidence_due_by,
            occurred_at=fact.occurred_at,
        )
    )
    return session.scalars(query).one(), None


def _is_ahead(before: S, told: S) -> bool:
    return before not in _FINAL and told in _RANKS and _RANKS.index(told) > _RANKS.index(before)


def _book(session: Session, row: Dispute, fact: DisputeFact, title: str, now: dt.datetime) -> None:
    if fact.withdrawn is not None:
        return_lines.keep(session, row, return_lines.DISPUTE, fact.withdrawn, title)
    if fact.reinstated is not None:
        return_lines.keep(session, row, return_lines.DISPUTE_REVERSAL, fact.reinstated, title)
    if row.state != S.LOST or journals.find(session, "DISPUTE", row.id, "DISPUTE_LOST"):
        return
    if return_lines.is_booked(session, row, return_lines.DISPUTE):
        what = return_lines.described(row, title, now)
        journals.post(session, row.organization_id, (postings.dispute_lost(what),))


def _say(session: Session, row: Dispute, found: Returnable, now: dt.datetime) -> None:
    """Tell of a step: in the link's timeline, to the members, and as an exception where too much goes back."""
    kind = TOLD[S(row.state)]
    if row.link_id is not None:
        facts = {"amount_minor": row.amount_minor, "currency": row.currency, "reason": row.reason}
        timeline.add(
            session, row.organization_id, row.link_id, kind, dedupe=str(row.id),
            occurred_at=row.occurred_at if kind in {"dispute.opened", "dispute.inquiry", "dispute.warning"} else now,
            payment_id=row.payment_id, dispute_id=str(row.id), **facts,
        )  # fmt: skip
    tell.everybody(session, row, kind, found.title, reason=row.reason)
    if not row.is_inquiry and row.state != S.WON and found.disputed_minor == 0 and found.exceeds(row.amount_minor):
        tell.exception(session, row, ExceptionKind.OVER_REFUNDED, found.title)
