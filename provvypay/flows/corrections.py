"""Take decisions about held money, mark links as paid by hand and take that back; above a limit with a second person.

Rates are fetched before the transaction. Afterwards the pay page asks anew and what is in the outbox is delivered: that
ends the card page of a link that is PAID now.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import CorrectionAction, RequestState
from provvypay.errors import Invalid
from provvypay.flows import doorbell, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.services.audit import Actor
from provvypay.services.corrections import asked, decide, held, marks, requests
from provvypay.services.corrections.decide import Decision
from provvypay.services.corrections.held import Changed, Target
from provvypay.services.corrections.marks import Mark
from provvypay.services.corrections.requests import Request, Wish

_SAY_WHY = "Say why: above your organization’s limit somebody else has to approve it."


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a decision."""

    settled_link: Target | None = None
    """the link that is PAID now"""
    waits: bool = False
    """nothing was done: a second person is asked"""


def take(organization_id: uuid.UUID, decision: Decision, *, request_id: uuid.UUID) -> Taken:
    """Carry a decision out; above the limit ask for a second person instead.

    :param request_id: of the request, should it come to one
    :raises Changed: when somebody else decided first; nothing is done
    :raises NotPossible: when it cannot be done, with why
    :raises requests.AlreadyAsked: when the same money waits for a second person already
    :raises Invalid: without a reason, where one is needed
    """
    if decision.action in asked.WITH_REASON and not decision.reason:
        raise Invalid({"reason": "Say why; it is kept with the decision."})
    rates = current_rates()
    with transaction(organization_id) as session:
        if held.read(session, organization_id, decision.exception_id).version != decision.version:
            raise Changed(f"exception {decision.exception_id} is no longer at version {decision.version}")
        credit, plan = decide.preview(session, organization_id, decision, now=now())
        kind = asked.SECOND_PERSON.get(decision.action)
        if kind and requests.needs_second_person(session, organization_id, plan.amount_minor, credit.currency):
            _must_say_why(decision.reason)
            held.lock(session, organization_id, decision.exception_id, version=decision.version)
            link_id = decision.link_id or credit.link_id
            details = {"write_off": decision.write_off, "named": str(decision.link_id) if decision.link_id else None}
            wish = Wish(
                request_id, kind, credit.id, link_id, details, plan.amount_minor, credit.currency, decision.reason
            )
            title = plan.target.title if plan.target else "Money without a link"
            requests.ask(session, organization_id, wish, actor=decision.actor, title=title)
            return Taken(waits=True)
        done = _decide(session, organization_id, decision, rates)
        limited = kind and requests.needs_second_person(
            session, organization_id, done.plan.amount_minor, credit.currency
        )
        if limited:
            raise Changed(f"exception {credit.id} held more than was seen")
    return Taken(done.settled_link)


def mark_paid(organization_id: uuid.UUID, mark: Mark) -> Target | None:
    """Mark a link as paid by hand and return it; above the limit ask for a second person and return None.

    :raises NotMarkable: for a link that is paid, or was never open
    :raises requests.AlreadyAsked: when marking it waits for a second person already
    """
    rates = current_rates()
    with transaction(organization_id) as session:
        link = held.target(session, organization_id, mark.link_id, locked=True)
        if marks.is_known(session, mark):
            return link
        due = marks.plan(session, organization_id, link, mark)[0].value_minor
        if requests.needs_second_person(session, organization_id, due, link.currency):
            details = {
                "mark_id": str(mark.mark_id),
                "method": mark.method,
                "paid_at": mark.paid_at.isoformat(),
                "reference": mark.reference,
            }
            wish = Wish(
                mark.mark_id, CorrectionAction.MARK_PAID, None, link.id, details, due, link.currency, mark.reason
            )
            requests.ask(session, organization_id, wish, actor=mark.actor, title=link.title)
            return None
        _mark(session, organization_id, mark, rates)
    return link


def undo_mark(
    organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor, reason: str, request_id: uuid.UUID
) -> bool:
    """Take a mark back and say so; above the limit ask for a second person and return False.

    :raises NotMarkable: for a link that was not marked by hand
    """
    with transaction(organization_id) as session:
        link = held.target(session, organization_id, link_id, locked=True)
        amount = marks.marked(session, organization_id, link).value_minor
        if requests.needs_second_person(session, organization_id, amount, link.currency):
            wish = Wish(request_id, CorrectionAction.UNDO_MARK, None, link.id, {}, amount, link.currency, reason)
            requests.ask(session, organization_id, wish, actor=actor, title=link.title)
            return False
        _undo(session, organization_id, link, actor=actor, reason=reason)
    return True


# ---------------------------------------------------------------- the second person


def approve(organization_id: uuid.UUID, request_id: uuid.UUID, *, actor: Actor, version: int) -> Request:
    """Do what somebody else asked for, planned anew as things are now; it counts as theirs, approved by this one.

    :param version: of the exception it is about, as the approver's page showed it
    :raises Forbidden: for who asked
    :raises Conflict: when it was answered already, or is not possible any more: then nothing is done, and it waits on
    """
    rates = current_rates()
    with transaction(organization_id) as session:
        row = requests.to_answer(session, organization_id, request_id, actor)
        if row.action is CorrectionAction.MARK_PAID:
            _mark(session, organization_id, asked.mark_of(row, approved_by=actor.id), rates)
        elif row.action is CorrectionAction.UNDO_MARK and row.link_id:
            link = held.target(session, organization_id, row.link_id, locked=True)
            _undo(session, organization_id, link, actor=row.asker, reason=row.reason, approved_by=actor.id)
        else:
            _decide(session, organization_id, asked.decision_of(row, version=version, approved_by=actor.id), rates)
        requests.close(session, row, RequestState.APPROVED, actor=actor, now=now(), title=_title(session, row))
    return row


def reject(organization_id: uuid.UUID, request_id: uuid.UUID, *, actor: Actor) -> Request:
    """Decline what somebody else asked for; nothing is done.

    :raises Forbidden: for who asked
    :raises Conflict: when it was answered already
    """
    with transaction(organization_id) as session:
        row = requests.to_answer(session, organization_id, request_id, actor)
        requests.close(session, row, RequestState.REJECTED, actor=actor, now=now(), title=_title(session, row))
    return row


def withdraw(organization_id: uuid.UUID, request_id: uuid.UUID, *, actor: Actor) -> Request:
    """Take back what one asked for oneself; nothing is done.

    :raises Forbidden: for anybody else
    :raises Conflict: when it was answered already
    """
    with transaction(organization_id) as session:
        row = requests.to_withdraw(session, organization_id, request_id, actor)
        requests.close(session, row, RequestState.WITHDRAWN, actor=actor, now=now(), title="")
    return row


# ---------------------------------------------------------------- what they share


def _decide(session: Session, organization_id: uuid.UUID, decision: Decision, rates: RateTable) -> decide.Decided:
    done = decide.decide(session, organization_id, decision, rates, now=now())
    if done.plan.target is not None:
        _afterwards(session, done.plan.target)
    return done


def _mark(session: Session, organization_id: uuid.UUID, mark: Mark, rates: RateTable) -> None:
    link = marks.mark_paid(session, organization_id, mark, rates, now=now())
    if link is not None:
        _afterwards(session, link)


def _undo(
    session: Session,
    organization_id: uuid.UUID,
    link: Target,
    *,
    actor: Actor,
    reason: str,
    approved_by: uuid.UUID | None = None,
) -> None:
    marks.undo(session, organization_id, link.id, actor=actor, reason=reason, now=now(), approved_by=approved_by)
    _afterwards(session, link)


def _afterwards(session: Session, link: Target) -> None:
    """Once it is committed the pay page asks anew, and the outbox is delivered."""
    on_commit(session, lambda: live.touch(link.short_code))
    doorbell.outbox_after_commit(session)


def _title(session: Session, row: Request) -> str:
    if row.link_id is None:
        return "Money without a link"
    return held.target(session, row.organization_id, row.link_id, locked=False).title


def _must_say_why(reason: str) -> None:
    if not reason:
        raise Invalid({"reason": _SAY_WHY})
