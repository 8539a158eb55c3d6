"""Money that goes back through Stripe: refunds we ask for, refunds made in its dashboard, disputes.

The row is written first and its id is the call's key, so that a lost answer makes no second refund. Events are hints:
what counts is what Stripe says of the refunds of a payment when asked. docs/explanation/refunds-and-disputes.md.
"""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from sqlalchemy.orm import Session

from provvypay.domain.currencies import currency_of
from provvypay.domain.statuses import Provider, RefundState
from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows import doorbell, live
from provvypay.flows.stripe_return_facts import dispute_fact, refund_fact
from provvypay.integrations import stripe, stripe_returns
from provvypay.kit.clock import now
from provvypay.kit.db import in_transaction, on_commit, transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.models.refund import Refund
from provvypay.services import audit, disputes, payment_links, refund_facts, refund_orders, refunds, returns
from provvypay.services.disputes import DisputeFact
from provvypay.services.refund_orders import RefundOrder
from provvypay.services.refunds import RefundWish
from provvypay.services.returns import Returnable

log = structlog.get_logger(__name__)

register("refund.requested", "refund.answered", "refund.applied")


# ---------------------------------------------------------------- asking for a refund


def request_refund(organization_id: uuid.UUID, wish: RefundWish, *, actor: audit.Actor, may_approve: bool) -> Refund:
    """Write a refund down and, if this member may approve it, ask Stripe for it; return it as it is then.

    When Stripe does not answer it stays on its way: the janitor asks again with the same key.

    :raises AvailableChanged: see refunds.request()
    """
    with transaction(organization_id) as session:
        row = refunds.request(session, organization_id, wish, actor=actor, may_approve=may_approve, now=now())
        _touched(session, row.link_id)
    return _send(row)


def approve_refund(organization_id: uuid.UUID, refund_id: uuid.UUID, *, actor: audit.Actor) -> Refund:
    """Approve a refund that waits for a yes and ask Stripe for it, see request_refund()."""
    with transaction(organization_id) as session:
        row = refunds.approve(session, refund_id, actor=actor, now=now())
        _touched(session, row.link_id)
    return _send(row)


def withdraw_refund(
    organization_id: uuid.UUID, refund_id: uuid.UUID, *, actor: audit.Actor, may_approve: bool
) -> Refund:
    """Take a refund back that waits for a yes."""
    with transaction(organization_id) as session:
        row = refunds.withdraw(session, refund_id, actor=actor, may_approve=may_approve, now=now())
        _touched(session, row.link_id)
    return row


def _send(row: Refund) -> Refund:
    """Ask Stripe for a refund by card that is on its way, and return it as it is afterwards."""
    if row.state != RefundState.SUBMITTED or row.is_external or row.provider != Provider.STRIPE:
        return row
    failpoint("refund.requested")
    with transaction(row.organization_id) as session:
        order = refund_orders.order(session, row.id, now=now())
    try:
        _submit(order)
    except (stripe.StripeUnavailable, stripe.StripeMisunderstood) as error:
        log.warning("refund.without_answer", refund_id=str(row.id), error=str(error))
    with transaction(row.organization_id) as session:
        return refunds.get(session, row.id)


def _submit(order: RefundOrder) -> None:
    """Ask Stripe for a refund, again with the same key if need be, and apply the answer.

    :raises StripeUnavailable: the outcome is unknown
    """
    wanted = stripe_returns.RefundRequest(
        payment_intent_id=order.provider_reference,
        amount=currency_of(order.currency).to_stripe(order.amount_minor),
        refund_id=str(order.refund_id),
        reason=order.reason or None,
    )
    try:
        report = stripe.client().create_refund(wanted)
    except stripe.StripeUnavailable as error:
        # Stripe keeps a failure under this key for a day; whether it refunded before it failed, its list tells.
        if error.key_is_spent:
            _look_for(order, or_fail_as="processor_error")
            return
        raise
    except stripe.StripeRefused as error:
        _refused(order, error.vendor_code)
        return
    failpoint("refund.answered")
    _apply(order.organization_id, order.payment_id, (report,))


def _refused(order: RefundOrder, code: str) -> None:
    """End a refund Stripe refused, and look at what it knows of the payment that we do not."""
    with transaction(order.organization_id) as session:
        refund_orders.refuse(session, order.refund_id, code, now=now())
    try:
        sync_refunds(order.provider_reference)
    except ProvvypayError as error:
        log.warning("refund.look_failed", refund_id=str(order.refund_id), error=str(error))


# ---------------------------------------------------------------- learning what became of refunds


def sync_refunds(payment_intent_id: str) -> bool:
    """Bring every refund of a payment up to what Stripe says; False while the payment is not known.

    :raises StripeUnavailable: nothing was written; the next event or the janitor tries again
    """
    with transaction() as session:
        found = returns.find_payment(session, Provider.STRIPE, payment_intent_id)
    if found is None:
        return False
    _apply(*found, stripe.client().refunds_of(payment_intent_id))
    return True


def check_refunds() -> int:
    """Ask about refunds whose time to be asked about has come; return how many.

    This is what repeats a call whose answer was lost, and finds the end of one whose event never came.
    """
    with transaction() as session:
        due = refund_orders.due(session)
    for organization_id, refund_id in due:
        try:
            _check(organization_id, refund_id)
        except ProvvypayError as error:
            log.warning("janitor.failed", kind="refund", id=str(refund_id), code=error.code, error=str(error))
    return len(due)


def _check(organization_id: uuid.UUID, refund_id: uuid.UUID) -> None:
    # Before the call, so that one that never ends does not keep the others from their turn.
    with transaction(organization_id) as session:
        order = refund_orders.order(session, refund_id, now=now())
        refund_orders.ask_later(session, refund_id, now=now())
    if order.provider_refund_id is not None:
        _apply(organization_id, order.payment_id, (stripe.client().refund(order.provider_refund_id),))
    elif _look_for(order) is None and order.key_is_good:
        _submit(order)
    elif not order.key_is_good:
        _look_for(order, or_fail_as="no_answer")


def _look_for(order: RefundOrder, *, or_fail_as: str | None = None) -> str | None:
    """Look for a refund of ours in Stripe's list, and apply the list; return its id there.

    :param or_fail_as: what to end it as when it is not there: no money has moved
    """
    reports = stripe.client().refunds_of(order.provider_reference)
    _apply(order.organization_id, order.payment_id, reports)
    known = next((report.id for report in reports if report.refund_id == str(order.refund_id)), None)
    if known is None and or_fail_as is not None:
        with transaction(order.organization_id) as session:
            refund_orders.refuse(session, order.refund_id, or_fail_as, now=now())
    return known


def _apply(organization_id: uuid.UUID, payment_id: uuid.UUID, reports: tuple[stripe_returns.RefundReport, ...]) -> None:
    def work(session: Session) -> None:
        for report in reports:
            found = _locked(session, organization_id, payment_id)
            refund_facts.record(session, found, refund_fact(report), now=now())
            doorbell.outbox_after_commit(session)

    in_transaction(work, organization_id)
    failpoint("refund.applied")


# ---------------------------------------------------------------- disputes


def sync_dispute(dispute_id: str) -> bool:
    """Bring a dispute up to what Stripe says; False while its payment is not known.

    :raises StripeUnavailable: nothing was written
    """
    report = stripe.client().dispute(dispute_id)
    try:
        return _dispute(report.payment_intent_id, dispute_fact(report))
    except disputes.UnknownStatus as error:
        raise stripe.StripeMisunderstood(str(error)) from error


def keep_warning(raw: dict[str, Any]) -> bool:
    """Keep an early fraud warning as its signed event tells of it; it moves no money. False while it is not ours."""
    try:
        report = stripe_returns.read_warning(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise stripe.StripeMisunderstood(f"early fraud warning: {type(error).__name__}: {error}") from error
    fact = DisputeFact(report.id, 0, "early_warning", report.fraud_type, None, report.created, None, None)
    return _dispute(report.payment_intent_id, fact)


def _dispute(payment_intent_id: str | None, fact: DisputeFact) -> bool:
    with transaction() as session:
        found = returns.find_payment(session, Provider.STRIPE, payment_intent_id or "")
    if found is None:
        return False

    def work(session: Session) -> None:
        disputes.record(session, _locked(session, *found), fact, now=now())
        doorbell.outbox_after_commit(session)

    in_transaction(work, found[0])
    return True


# ---------------------------------------------------------------- what they share


def is_of_link(organization_id: uuid.UUID, refund_id: uuid.UUID, link_id: uuid.UUID) -> bool:
    """Say whether a refund is one of this link's.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    with transaction(organization_id) as session:
        return refunds.get(session, refund_id).link_id == link_id


def is_known(payment_intent_id: str) -> bool:
    """Say whether the payment of an intent is in the books."""
    with transaction() as session:
        return returns.find_payment(session, Provider.STRIPE, payment_intent_id) is not None


def parked(payment_intent_id: str) -> Unavailable:
    """Return the error that lets an event wait until its payment is known."""
    return Unavailable(f"the payment of {payment_intent_id} is not known yet")


def _locked(session: Session, organization_id: uuid.UUID, payment_id: uuid.UUID) -> Returnable:
    """Return a payment under its link's lock: two who learn of what goes back of it take their turns."""
    found = returns.of_payment(session, organization_id, payment_id)
    if found.link_id is None:
        return found
    payment_links.lock(session, found.link_id)
    _touched(session, found.link_id)
    return returns.of_payment(session, organization_id, payment_id)


def _touched(session: Session, link_id: uuid.UUID | None) -> None:
    """Let the link's pages look anew after the commit."""
    if link_id is not None:
        short_code = payment_links.get(session, link_id).short_code
        on_commit(session, lambda: live.touch(short_code))
