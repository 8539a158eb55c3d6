"""Paying by card: make a session, learn how it ended, settle. Webhook, return page and janitor share confirm().

An event, a visit to the return page or a due check are only hints: what counts is what Stripe says of the session when
asked. docs/explanation/card-payments.md tells the story.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from provvypay.domain.currencies import currency_of
from provvypay.domain.payments import IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.short_codes import normalize
from provvypay.domain.statuses import Provider, SessionState
from provvypay.errors import Gone, NotFound, ProvvypayError
from provvypay.flows import doorbell, live
from provvypay.flows.card_guard import CardsPaused, was_declined, went_to_pay
from provvypay.flows.current_rates import current_rates
from provvypay.integrations import stripe
from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, in_transaction, on_commit, transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.models.payment import CheckoutSession
from provvypay.services import card_guard, checkout, fees, organizations, payment_links, timeline
from provvypay.services.ledger import chart
from provvypay.services.settlement import settle

log = structlog.get_logger(__name__)

register("checkout.prepared", "checkout.created", "confirm.fetched", "confirm.applied")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What confirm() found."""

    short_code: str | None
    """None when the session is not ours"""
    settled: SettleResult | None = None


# ---------------------------------------------------------------- making a session


def start_checkout(short_code: str, *, visitor: str | None = None) -> str:
    """Return the address of the hosted card page for a link: its open session's, or a new one's.

    :raises NotFound: for a code we do not know
    :param visitor: who asks, as a keyed hash; declined cards are counted against them
    :raises Gone: when the link cannot be paid
    :raises CardsPaused: when too many cards were declined on it
    :raises StripeUnavailable: nothing was charged; the same click later continues the same attempt
    """
    code = normalize(short_code)
    if code is None or not settings().card_payments_on:
        raise NotFound(f"no card payment for {short_code!r}")
    with transaction() as session:
        found = payment_links.find_by_code(session, code)
        if found is None:
            raise NotFound(f"short code {code}")
        organization_id, link_id = found
        enter_organization(session, organization_id)
        if not organizations.settings_of(session, organization_id).card_enabled:
            raise Gone("cards are off", public_message="The seller does not take cards at the moment.")
        if until := card_guard.paused_until(session, link_id, now=now()):
            raise CardsPaused(max(1, int((until - now()).total_seconds())))
        merchant = organizations.get(session, organization_id).name
        order = checkout.prepare(session, link_id, merchant, now=now())
    if visitor:
        went_to_pay(link_id, visitor)
    if isinstance(order, checkout.OpenSession):
        return order.url
    failpoint("checkout.prepared")
    state = _create(order)
    if state.url is None:
        raise Gone(f"session {state.id} is {state.status}", public_message="The card page has just ended. Try again.")
    return state.url


def _create(order: checkout.CardOrder) -> stripe.CheckoutState:
    """Ask Stripe for the order's session and store it; repeating it changes nothing."""
    base = f"{settings().public_base_url}/p/{order.short_code}"
    try:
        state = stripe.client().create_session(
            stripe.SessionRequest(
                amount=currency_of(order.currency).to_stripe(order.amount_minor),
                currency=order.currency,
                product_name=f"{order.merchant_name}: {order.description}"[:250],
                success_url=f"{base}/card/return?session_id={{CHECKOUT_SESSION_ID}}",
                cancel_url=f"{base}?card=canceled",
                client_reference_id=order.short_code,
                metadata={"payment_link_id": str(order.link_id), "short_code": order.short_code},
                expires_at=order.expires_at,
                idempotency_key=order.idempotency_key,
                method_types=settings().stripe_payment_methods,
            )
        )
    except (stripe.StripeRefused, stripe.StripeUnavailable) as error:
        if isinstance(error, stripe.StripeRefused) or error.key_is_spent:
            with transaction(order.organization_id) as session:
                checkout.refuse_attempt(session, order)
        raise
    failpoint("checkout.created")
    with transaction(order.organization_id) as session:
        checkout.record_session(
            session,
            order,
            provider_session_id=state.id,
            url=state.url,
            expires_at=state.expires_at,
            livemode=state.livemode,
            now=now(),
        )
        on_commit(session, lambda: live.touch(order.short_code))
    return state


# ---------------------------------------------------------------- learning how it ended


def confirm(provider_session_id: str) -> Confirmed:
    """Ask Stripe about a session and apply what it says; safe to call often, from anywhere, at the same time.

    :raises StripeUnavailable: nothing was written; the janitor or the next event tries again
    """
    with transaction() as session:
        found = checkout.find(session, provider_session_id)
    if found is None:
        return Confirmed(None)
    state = stripe.client().session(provider_session_id)
    failpoint("confirm.fetched")
    return _apply(*found, state)


def end_session(provider_session_id: str) -> Confirmed:
    """End a session that must not be paid any more, and apply how it ended: a customer may have been faster.

    :raises StripeUnavailable: try again later
    """
    with transaction() as session:
        found = checkout.find(session, provider_session_id)
    if found is None:
        return Confirmed(None)
    try:
        stripe.client().expire_session(provider_session_id)
    except stripe.StripeRefused as error:
        log.info("checkout.not_expired", session=provider_session_id, reason=error.vendor_code)
    return confirm(provider_session_id)


def _apply(organization_id: uuid.UUID, row_id: uuid.UUID, state: stripe.CheckoutState) -> Confirmed:
    if state.livemode != (settings().mode == "live"):
        raise ProvvypayError(f"session {state.id} is of the other mode", code="wrong_mode")
    rates = current_rates()
    confirmed = in_transaction(lambda session: _apply_in(session, row_id, state, rates), organization_id)
    failpoint("confirm.applied")
    return confirmed


def _apply_in(session: Session, row_id: uuid.UUID, state: stripe.CheckoutState, rates: RateTable) -> Confirmed:
    # The link is locked first, always, so that two who learn of the same session take their turns.
    row = checkout.get(session, row_id)
    link = payment_links.lock(session, row.link_id)
    session.refresh(row)
    # The first to be done after the commit: somebody is looking at that page.
    on_commit(session, lambda: live.touch(link.short_code))
    paid = state.status == "complete" and state.payment_status != "unpaid"
    charge = state.charge if paid else None
    moment = now()
    checkout.observe(
        session,
        row,
        checkout.Observed(
            state=SessionState(state.status.upper()),
            payment_status="failed" if state.has_failed else state.payment_status,
            payment_intent_id=state.payment_intent_id,
            url=state.url,
            decline_code=None if paid or state.decline is None else state.decline.code,
            fee_known=bool(charge and charge.balance),
        ),
        now=moment,
    )
    if state.decline and not paid:
        is_new = timeline.add(
            session,
            row.organization_id,
            row.link_id,
            "card.declined",
            dedupe=f"{row.id}:{state.decline.charge_id}",
            occurred_at=moment,
            reason=state.decline.code,
        )
        if is_new:
            on_commit(session, lambda: was_declined(row.link_id))
            if card_guard.consider(session, row.organization_id, row.link_id, cause_id=row.id, now=moment):
                log.warning("alert.cards_paused", link_id=str(row.link_id))
                doorbell.outbox_after_commit(session)
    result = None
    if paid:
        if charge is None or state.payment_intent_id is None:
            raise stripe.StripeMisunderstood(f"session {state.id} is paid without a charge")
        result = settle(session, _incoming(row, state.payment_intent_id, charge), rates, now=moment)
        if charge.balance:
            fees.record(session, Provider.STRIPE, state.payment_intent_id, _fee(charge.balance))
        if result.is_new:
            doorbell.outbox_after_commit(session)
    return Confirmed(link.short_code, result)


def _incoming(row: CheckoutSession, payment_intent_id: str, charge: stripe.ChargeState) -> IncomingPayment:
    """Match a charge to its link by our own session row; what the event or its metadata claims is never asked."""
    return IncomingPayment(
        organization_id=row.organization_id,
        link_id=row.link_id,
        provider=Provider.STRIPE,
        provider_reference=payment_intent_id,
        value_minor=currency_of(charge.currency).from_stripe(charge.amount),
        currency=charge.currency,
        occurred_at=charge.created,
        clearing_account=chart.STRIPE_CLEARING,
        attempt_id=row.attempt_id,
        evidence={"checkout_session": row.provider_session_id, "charge": charge.id},
    )


def _fee(balance: stripe.BalanceState) -> fees.ChargeSettled:
    return fees.ChargeSettled(
        provider_id=balance.id,
        amount_minor=balance.amount,
        fee_minor=balance.fee,
        currency=balance.currency,
        exchange_rate=balance.exchange_rate,
        available_on=balance.available_on,
        occurred_at=balance.created,
    )


# ---------------------------------------------------------------- the janitor


def check_sessions() -> int:
    """Ask about sessions whose time to be asked has come, and repeat calls whose answer was lost; return how many.

    This is what finds a payment whose webhook never came and whose customer never returned.
    """
    with transaction() as session:
        due = checkout.due(session)
        stale = checkout.stale_attempts(session)
    for provider_session_id in due:
        _quietly("session", provider_session_id, lambda id_=provider_session_id: confirm(id_))
    for organization_id, attempt_id in stale:
        _quietly("attempt", str(attempt_id), lambda org=organization_id, id_=attempt_id: _resume(org, id_))
    return len(due) + len(stale)


def end_sessions_of(provider_session_ids: Iterable[str]) -> None:
    """End several sessions; the first that Stripe does not answer stops the rest for this time.

    :raises StripeUnavailable: try again later
    """
    for provider_session_id in provider_session_ids:
        end_session(provider_session_id)


def _resume(organization_id: uuid.UUID, attempt_id: uuid.UUID) -> None:
    with transaction(organization_id) as session:
        merchant = organizations.get(session, organization_id).name
        order = checkout.resume(session, attempt_id, merchant)
    if order is not None:
        _create(order)


def _quietly(kind: str, name: str, work: object) -> None:
    """Do one of many: its failure is its own, and its row knows when to try again."""
    try:
        work()  # type: ignore[operator]
    except ProvvypayError as error:
        log.warning("janitor.failed", kind=kind, id=name, code=error.code, error=str(error))
