"""Carry a decision about held money out, as it was planned: rows, journals, and the link it settles, all or nothing."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind as Kind
from provvypay.domain.statuses import LinkStatus, ResolutionAction
from provvypay.kit.db import Statement
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.ids import uuid7
from provvypay.services import audit, settlement_rows, state_machine
from provvypay.services.corrections import held, plans
from provvypay.services.corrections.held import Credit, Target
from provvypay.services.corrections.plans import Plan
from provvypay.services.ledger import journals
from provvypay.services.ledger.postings import Draft

register("decide.locked", "decide.written")

Action = ResolutionAction

AUDITED = {
    Action.ACCEPTED: "exception.accepted",
    Action.APPLIED: "exception.applied",
    Action.MATCHED: "exception.matched",
    Action.KEPT: "exception.kept",
    Action.WRITTEN_OFF: "exception.written_off",
    Action.OWN_TRANSFER: "exception.own_transfer",
    Action.IGNORED: "exception.ignored",
}

_RESOLUTION = Statement("""
    INSERT INTO payment_resolutions (id, organization_id, exception_id, action, amount_minor, currency, link_id,
        value_minor, value_currency, actor_type, actor_id, reason, approved_by)
    VALUES (:id, :organization_id, :exception_id, :action, :amount_minor, :currency, :link_id, :value_minor,
        :value_currency, 'USER', :actor_id, :reason, :approved_by)
""")
_RESOLVED = Statement("""
    UPDATE payment_exceptions SET state = 'RESOLVED', resolved_at = coalesce(resolved_at, clock_timestamp()),
        version = version + 1
    WHERE organization_id = :organization_id AND id = :id
""")
_SUSPENSE = Statement("""
    SELECT id FROM journals WHERE organization_id = :organization_id AND source_type = 'PAYMENT'
        AND source_id = :payment_id AND kind = 'SUSPENSE'
""")
_MATCHED = Statement("""
    INSERT INTO payment_exceptions
        (id, organization_id, payment_id, link_id, kind, amount_minor, currency, held_in, resolution_id)
    VALUES (:id, :organization_id, :payment_id, :link_id, :kind, :amount_minor, :currency, '2100', :resolution_id)
""")
_EVENT = Statement("""
    INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
    VALUES (:id, :organization_id, :link_id, :payment_id, 'payment.matched', :dedupe, CAST('{}' AS jsonb), :at)
""")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, and as what they saw."""

    exception_id: uuid.UUID
    version: int
    """of the exception, as the page showed it"""
    action: Action
    actor: audit.Actor
    reason: str = ""
    link_id: uuid.UUID | None = None
    """the link to apply it to, or to match it with"""
    write_off: bool = False
    """let up to 1.00 be missing"""
    approved_by: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What was done."""

    plan: Plan
    settled_link: Target | None = None
    """the link that is PAID now"""


def preview(
    session: Session, organization_id: uuid.UUID, decision: Decision, *, now: dt.datetime
) -> tuple[Credit, Plan]:
    """Return what a decision would do, without doing it.

    :raises NotFound: for an exception or link that is not this organization's
    :raises NotPossible: when it cannot be done, with why
    """
    credit = held.read(session, organization_id, decision.exception_id)
    link_id = decision.link_id or credit.link_id
    link = held.target(session, organization_id, link_id, locked=False) if link_id else None
    return credit, _plan(session, credit, link, decision, now=now)


def decide(
    session: Session, organization_id: uuid.UUID, decision: Decision, rates: RateTable, *, now: dt.datetime
) -> Decided:
    """Carry a decision out; of two at once the second is told.

    :raises Changed: when somebody else decided first; nothing is done
    :raises NotPossible: when it cannot be done, with why
    """
    seen = held.read(session, organization_id, decision.exception_id)
    link_id = decision.link_id or seen.link_id
    # The link first, as every settlement does.
    link = held.target(session, organization_id, link_id, locked=True) if link_id else None
    credit = held.lock(session, organization_id, decision.exception_id, version=decision.version)
    failpoint("decide.locked")
    plan = _plan(session, credit, link, decision, now=now)
    if plan.made_up is not None and plan.target is not None:
        _settle(session, credit, plan, decision=decision, rates=rates, now=now)
        settled: Target | None = plan.target
    elif plan.action is Action.MATCHED and link is not None:
        settled = _match(session, credit, plan, decision=decision, rates=rates, now=now)
    else:
        resolution_id = _resolve(session, credit, plan, decision)
        journals.post(session, organization_id, [replace(draft, source_id=resolution_id) for draft in plan.drafts])
        settled = None
    failpoint("decide.written")
    audit.record(
        session,
        AUDITED[plan.action],
        decision.actor,
        organization_id=organization_id,
        subject_type="payment_exception",
        subject_id=str(credit.id),
        amount_minor=plan.amount_minor,
        currency=credit.currency,
        link_id=str(link.id) if link else None,
        reason=decision.reason,
        approved_by=str(decision.approved_by) if decision.approved_by else None,
    )
    return Decided(plan, settled)


def _plan(session: Session, credit: Credit, link: Target | None, decision: Decision, *, now: dt.datetime) -> Plan:
    action = decision.action
    if action in {Action.ACCEPTED, Action.APPLIED, Action.MATCHED}:
        if link is None:
            raise held.NotPossible("no link named", public_message="Say which link this money is for.")
        if action is Action.MATCHED:
            return plans.match(session, credit, link)
        return plans.settle_with(session, credit, link, write_off=decision.write_off, now=now, action=action)
    if action is Action.KEPT:
        return plans.keep(credit)
    if action is Action.WRITTEN_OFF:
        return plans.write_off(credit, now=now)
    if action is Action.OWN_TRANSFER:
        return plans.own_transfer(credit, now=now)
    return plans.ignore(credit)


def _settle(
    session: Session,
    credit: Credit,
    plan: Plan,
    *,
    decision: Decision,
    rates: RateTable,
    now: dt.datetime,
) -> None:
    if plan.made_up is None or plan.target is None:
        raise ValueError("only a settlement settles")
    link = plan.target
    state_machine.check_step(link.status, LinkStatus.PAID, plan.event)
    act = settlement_rows.Act(
        organization_id=credit.organization_id,
        link_id=link.id,
        currency=link.currency,
        made_up=plan.made_up,
        source=link.status,
        event=plan.event,
        moment=now,
        actor=decision.actor,
        reason=decision.reason,
    )
    facts: dict[str, object] = {
        "amount_minor": link.amount_minor,
        "currency": link.currency,
        "description": link.description,
        "short_code": link.short_code,
        "provider": credit.provider,
        "kind": credit.kind,
    }
    settlement_id = settlement_rows.write_settlement(session, act, facts, rates, now=now)
    settlement_rows.use_parts(
        session,
        act,
        settlement_id,
        decided=plan.made_up.parts[0],
        action=plan.action,
        approved_by=decision.approved_by,
    )
    journals.post(session, credit.organization_id, [replace(draft, source_id=settlement_id) for draft in plan.drafts])


def _match(
    session: Session,
    credit: Credit,
    plan: Plan,
    *,
    decision: Decision,
    rates: RateTable,
    now: dt.datetime,
) -> Target | None:
    """Take money out of suspense for a link, and let it settle the link if it is enough; return the link if it did."""
    if plan.value is None or plan.target is None or credit.payment_id is None:
        raise ValueError("a match has a value, a link and a payment")
    link = plan.target
    resolution_id = _resolve(session, credit, plan, decision)
    given = {"organization_id": credit.organization_id, "payment_id": credit.payment_id}
    suspense = _SUSPENSE.run(session, given).fetchone()
    if suspense is None:
        raise ValueError(f"payment {credit.payment_id} is in no suspense journal")
    back, anew = plan.drafts
    drafts: list[Draft] = [
        replace(back, source_id=suspense.id, reverses_id=suspense.id),
        replace(anew, source_id=resolution_id),
    ]
    journals.post(session, credit.organization_id, drafts)
    fitting = link.status in {LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED}
    held_id = _hold_anew(session, credit, plan, resolution_id, kind=Kind.SHORT if fitting else Kind.DOUBLE, now=now)
    if not fitting:
        return None
    anew_held = held.read(session, credit.organization_id, held_id)
    try:
        accepted = plans.settle_with(session, anew_held, link, write_off=True, now=now, action=Action.ACCEPTED)
    except plans.NotEnough:
        return None
    _settle(session, anew_held, accepted, decision=decision, rates=rates, now=now)
    return link


def _hold_anew(
    session: Session, credit: Credit, plan: Plan, resolution_id: uuid.UUID, *, kind: Kind, now: dt.datetime
) -> uuid.UUID:
    """Hold matched money as a credit for its link; return the exception."""
    if plan.value is None or plan.target is None:
        raise ValueError("a match has a value and a link")
    held_id = uuid7()
    given = {
        "id": held_id,
        "organization_id": credit.organization_id,
        "payment_id": credit.payment_id,
        "link_id": plan.target.id,
        "kind": kind,
        "amount_minor": plan.value.value_minor,
        "currency": plan.target.currency,
        "resolution_id": resolution_id,
    }
    _MATCHED.run(session, given)
    _EVENT.run(session, given | {"id": uuid7(), "dedupe": str(resolution_id), "at": now})
    return held_id


def _resolve(session: Session, credit: Credit, plan: Plan, decision: Decision) -> uuid.UUID:
    """Write the decision and close the exception."""
    resolution_id = uuid7()
    uses = plan.action in {Action.MATCHED, Action.WRITTEN_OFF, Action.OWN_TRANSFER}
    matched = plan.action is Action.MATCHED and plan.target is not None and plan.value is not None
    _RESOLUTION.run(
        session,
        {
            "id": resolution_id,
            "organization_id": credit.organization_id,
            "exception_id": credit.id,
            "action": plan.action,
            "amount_minor": plan.amount_minor if uses else None,
            "currency": credit.currency if uses else None,
            "link_id": plan.target.id if matched and plan.target else None,
            "value_minor": plan.value.value_minor if matched and plan.value else None,
            "value_currency": plan.target.currency if matched and plan.target else None,
            "actor_id": decision.actor.id,
            "reason": decision.reason,
            "approved_by": decision.approved_by,
        },
    )
    _RESOLVED.run(session, {"organization_id": credit.organization_id, "id": credit.id})
    return resolution_id
