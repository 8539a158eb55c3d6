"""What happens when a payer submits the card page: success, decline, block, 3-D Secure, delayed bank debit.

Everything here runs under the lock from its first look at the session to its last event, so two submits at once
pay once, and a payment and an expiry can never both win.
Order of events: https://docs.stripe.com/payments/paymentintents/lifecycle, checked 2026-11-22.
"""

import time
from dataclasses import dataclass
from typing import Any

from provvypay.sandbox.stripe import cards, disputes, events, fees, objects, payment_objects
from provvypay.sandbox.stripe.cards import Card, Payer
from provvypay.sandbox.stripe.state import StripeState


@dataclass(frozen=True, slots=True)
class Result:
    """How a submission went.

    `kind`: succeeded · processing (bank debit under way) · requires_action (3-D Secure) · declined ·
    rejected (something typed is wrong, no API object exists) · closed (the session is not open).
    """

    kind: str
    message: str = ""
    problems: dict[str, str] | None = None
    completed_event: str | None = None
    """Id of checkout.session.completed, when there is one."""


def submit(state: StripeState, session: dict[str, Any], payer: Payer) -> Result:
    """Pay a session with what the payer typed."""
    with state.core.lock:
        state.core.run_due()
        if session["status"] != "open":
            return Result("closed")
        if wrong := cards.problems(payer, time.gmtime(state.core.clock.now())[:2]):
            return Result("rejected", problems=wrong)
        intent = _intent(state, session)
        state.notes[session["id"]].pop("authentication", None)
        if payer.method != "card":
            return _debit(state, session, intent, payer)
        card = cards.card_for(payer.digits)
        method = _card_method(state, payer, card)
        if card.three_d_secure:
            return _ask_for_authentication(state, session, intent, method, payer)
        return _charge_card(state, session, intent, (method, payer.digits), None)


def authenticate(state: StripeState, session: dict[str, Any], *, passed: bool) -> Result:
    """Finish the 3-D Secure step a submission led to."""
    with state.core.lock:
        state.core.run_due()
        step = state.notes[session["id"]].pop("authentication", None)
        if session["status"] != "open" or step is None:
            return Result("closed")
        intent = state.table("payment_intents")[session["payment_intent"]]
        intent["next_action"] = None
        if passed:
            method = state.table("payment_methods")[step["payment_method"]]
            return _charge_card(state, session, intent, (method, step["card"]), "authenticated")
        error = {
            "type": "invalid_request_error",
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
            "a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
            "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "payment_method": state.table("payment_methods")[step["payment_method"]],
        }
        return _failed(state, intent, error, cards.FAILED_AUTHENTICATION)


def settle_debit(state: StripeState, session: dict[str, Any], *, succeed: bool) -> bool:
    """Let a bank debit that is under way arrive or bounce; False when none is."""
    with state.core.lock:
        if session["status"] != "complete" or session["payment_status"] != "unpaid":
            return False
        intent = state.table("payment_intents")[session["payment_intent"]]
        if intent["status"] != "processing":
            return False
        charge = state.table("charges")[intent["latest_charge"]]
        intent["processing"] = None
        if succeed:
            charge.update(status="succeeded", paid=True)
            events.emit(state, "charge.succeeded", charge)
            intent.update(status="succeeded", amount_received=intent["amount"])
            events.emit(state, "payment_intent.succeeded", intent)
            session["payment_status"] = "paid"
            events.emit(state, "checkout.session.async_payment_succeeded", session)
            fees.schedule(state, charge)
            return True
        account = state.notes[session["id"]]["account_number"]
        code, message = cards.BANK_FAILURES.get(account, cards.BANK_FAILURES["000222222227"])
        charge.update(status="failed", captured=False, amount_captured=0, failure_code=code, failure_message=message)
        charge["outcome"] = payment_objects.outcome(
            "issuer_declined", network_status="declined_by_network", reason=code, message=message
        )
        events.emit(state, "charge.failed", charge)
        error = {"type": "card_error", "code": code, "message": message, "charge": charge["id"]}
        _failed(state, intent, error, message)
        events.emit(state, "checkout.session.async_payment_failed", session)
        return True


def settle_debit_in_time(state: StripeState, session_id: str) -> None:
    """Let a bank debit end as its account number decides. Hold the lock."""
    if session := state.table("sessions").get(session_id):
        account = state.notes[session_id].get("account_number")
        settle_debit(state, session, succeed=account not in cards.BANK_FAILURES)


def _intent(state: StripeState, session: dict[str, Any]) -> dict[str, Any]:
    """Return the session's intent, which is made at the first submission and used by every later one."""
    if session["payment_intent"]:
        return state.table("payment_intents")[session["payment_intent"]]
    data = state.notes[session["id"]]["payment_intent_data"]
    intent = payment_objects.payment_intent(session, data, state.core.clock.now())
    state.put("payment_intents", intent)
    session["payment_intent"] = intent["id"]
    events.emit(state, "payment_intent.created", intent)
    return intent


def _billing(payer: Payer) -> dict[str, Any]:
    address = {
        "city": None,
        "country": payer.country,
        "line1": None,
        "line2": None,
        "postal_code": payer.postal_code or None,
        "state": None,
    }
    return {"address": address, "email": payer.email, "name": payer.name or None, "phone": None, "tax_id": None}


def _card_method(state: StripeState, payer: Payer, card: Card) -> dict[str, Any]:
    month, year = cards.parse_expiry(payer.expiry) or (0, 0)
    details = {
        "brand": cards.brand(payer.digits),
        "country": card.country,
        "exp_month": month,
        "exp_year": year,
        "funding": "credit",
        "last4": payer.digits[-4:],
    }
    method = payment_objects.payment_method("card", details, _billing(payer), state.core.clock.now())
    return state.put("payment_methods", method)


def _ask_for_authentication(
    state: StripeState, session: dict[str, Any], intent: dict[str, Any], method: dict[str, Any], payer: Payer
) -> Result:
    state.notes[session["id"]]["authentication"] = {"payment_method": method["id"], "card": payer.digits}
    intent.update(status="requires_action", payment_method=method["id"], last_payment_error=None)
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    events.emit(state, "payment_intent.requires_action", intent)
    return Result("requires_action")


def _charge_card(
    state: StripeState,
    session: dict[str, Any],
    intent: dict[str, Any],
    used: tuple[dict[str, Any], str],
    authentication: str | None,
) -> Result:
    """Charge the intent.

    :param used: the payment method and the card's digits
    :param authentication: result of a 3-D Secure step, when there was one
    """
    method, digits = used
    card, now = cards.card_for(digits), state.core.clock.now()
    shown = method["card"]
    details = payment_objects.card_details(
        digits,
        brand=shown["brand"],
        country=shown["country"],
        exp_month=shown["exp_month"],
        exp_year=shown["exp_year"],
        amount=intent["amount"],
        three_d_secure=authentication,
    )
    outcome, failure = _card_outcome(card)
    status = "failed" if failure else "succeeded"
    charge = payment_objects.charge(
        intent, method=method, details=details, outcome=outcome, status=status, failure=failure, now=now
    )
    state.put("charges", charge)
    state.notes[charge["id"]] = {
        "session": session["id"],
        "available_at_once": card.available_at_once,
        "ending": digits[-4:],
    }
    intent["latest_charge"] = charge["id"]
    if failure:
        events.emit(state, "charge.failed", charge)
        error = {
            "type": "card_error",
            "code": card.code,
            "message": card.message,
            "charge": charge["id"],
            "doc_url": f"https://stripe.com/docs/error-codes/{str(card.code).replace('_', '-')}",
            "payment_method": method,
        }
        if card.decline_code:
            error["decline_code"] = card.decline_code
        return _failed(state, intent, error, card.message)
    events.emit(state, "charge.succeeded", charge)
    intent.update(
        status="succeeded", amount_received=intent["amount"], payment_method=method["id"], last_payment_error=None
    )
    events.emit(state, "payment_intent.succeeded", intent)
    completed = _complete(state, session, method, "paid")
    fees.schedule(state, charge)
    disputes.schedule(state, charge)
    return Result("succeeded", completed_event=completed["id"])


def _card_outcome(card: Card) -> tuple[dict[str, Any], tuple[str, str] | None]:
    if card.code is None:
        approved = payment_objects.outcome(
            "authorized", network_status="approved_by_network", reason=None, message="Payment complete."
        )
        return approved, None
    if card.blocked:
        words = "Stripe blocked this payment as too risky."
        blocked = payment_objects.outcome(
            "blocked", network_status="not_sent_to_network", reason="highest_risk_level", message=words, risk="highest"
        )
        return blocked, (card.code, card.message)
    reason = card.decline_code or card.code
    declined = payment_objects.outcome(
        "issuer_declined",
        network_status="declined_by_network",
        reason=reason,
        message=f"The bank returned the decline code `{reason}`.",
        advice="try_again_later",
    )
    declined["network_decline_code"] = cards.NETWORK_CODES.get(reason)
    return declined, (card.code, card.message)


def _debit(state: StripeState, session: dict[str, Any], intent: dict[str, Any], payer: Payer) -> Result:
    now = state.core.clock.now()
    details = payment_objects.bank_details(payer.account_number)
    method = payment_objects.payment_method("us_bank_account", details, _billing(payer), now)
    state.put("payment_methods", method)
    charge = payment_objects.charge(
        intent,
        method=method,
        details=details,
        outcome=payment_objects.outcome(
            "authorized", network_status="approved_by_network", reason=None, message="Payment complete."
        ),
        status="pending",
        failure=None,
        now=now,
    )
    intent.update(status="processing", payment_method=method["id"], latest_charge=charge["id"], last_payment_error=None)
    events.emit(state, "payment_intent.processing", intent)
    state.put("charges", charge)
    events.emit(state, "charge.pending", charge)
    state.notes[charge["id"]] = {"session": session["id"]}
    state.notes[session["id"]]["account_number"] = payer.account_number
    completed = _complete(state, session, method, "unpaid")
    if (wait := state.settings.async_settle_after_seconds) is not None:
        state.core.timers.add(state.core.clock.exact() + wait, "stripe.debit", session["id"])
    return Result("processing", completed_event=completed["id"])


def _complete(
    state: StripeState, session: dict[str, Any], method: dict[str, Any], payment_status: str
) -> dict[str, Any]:
    billing = method["billing_details"]
    session.update(status="complete", payment_status=payment_status, url=None)
    session["customer_details"] = objects.customer_details(billing["email"], billing["name"], billing["address"])
    return events.emit(state, "checkout.session.completed", session)


def _failed(state: StripeState, intent: dict[str, Any], error: dict[str, Any], message: str) -> Result:
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    events.emit(state, "payment_intent.payment_failed", intent)
    return Result("declined", message=message)
