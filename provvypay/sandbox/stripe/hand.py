"""What a person, a test or the console does to the Stripe stand-in beside its API: pay, expire, settle, tune."""

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from provvypay.sandbox import fiat
from provvypay.sandbox.stripe import cards, delivery, payments, sessions
from provvypay.sandbox.stripe.state import StripeSettings, StripeState
from provvypay.sandbox.wishes import CannotDo

DEFAULT_CARD = "4242424242424242"
PAYER_DEFAULTS = {"name": "Jenny Rosen", "expiry": "12/34", "postal_code": "2000", "country": "AU"}
PAY_OPTIONS = {"three_d_secure", "wait", "email", "method", "card", "cvc", "account_number", *PAYER_DEFAULTS}


def session(state: StripeState, session_id: str) -> dict[str, Any]:
    """Return a session.

    :raises CannotDo: when there is none of this id
    """
    state.core.run_due()
    with state.core.lock:
        if not (found := state.table("sessions").get(session_id)):
            raise CannotDo(f"There is no session {session_id}", 404)
        return found


def pay(state: StripeState, session_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Pay a session as a customer on the card page would, and return how it went.

    :param wanted: what the customer types; everything has a default. `three_d_secure` is complete, fail or leave;
        `wait` true waits for the webhook's answer as the page does
    :raises CannotDo: for an unknown session or option
    """
    if unknown := set(wanted) - PAY_OPTIONS:
        raise CannotDo(f"Unknown option {', '.join(sorted(unknown))}")
    step = wanted.get("three_d_secure", "complete")
    if step not in ("complete", "fail", "leave"):
        raise CannotDo("three_d_secure must be complete, fail or leave")
    target = session(state, session_id)
    result = payments.submit(state, target, _payer(target, wanted))
    if result.kind == "requires_action" and step != "leave":
        result = payments.authenticate(state, target, passed=step == "complete")
    if wanted.get("wait") and result.completed_event:
        delivery.wait_answered(state, result.completed_event, state.settings.redirect_wait_seconds)
    with state.core.lock:
        intent = state.table("payment_intents").get(target["payment_intent"] or "")
        return {
            "outcome": result.kind,
            "message": result.message,
            "problems": result.problems or {},
            "session": dict(target),
            "payment_intent": intent["id"] if intent else None,
            "charge": intent["latest_charge"] if intent else None,
            "completed_event": result.completed_event,
            "return_url": sessions.return_address(target) if result.completed_event else None,
        }


def _payer(target: dict[str, Any], wanted: dict[str, Any]) -> cards.Payer:
    method = "us_bank_account" if "account_number" in wanted else str(wanted.get("method", "card"))
    if method not in target["payment_method_types"]:
        raise CannotDo(f"This session takes only {', '.join(target['payment_method_types'])}")
    card = str(wanted.get("card", DEFAULT_CARD))
    typed = {name: str(wanted.get(name, default)) for name, default in PAYER_DEFAULTS.items()}
    return cards.Payer(
        email=str(wanted.get("email") or target["customer_email"] or "payer@example.com"),
        method=method,
        card=card,
        cvc=str(wanted.get("cvc", "1234" if cards.brand(card) == "amex" else "123")),
        account_number=str(wanted.get("account_number", cards.BANK_SUCCESS)),
        **typed,
    )


def answer_challenge(state: StripeState, session_id: str, *, passed: bool) -> str:
    """Finish a 3-D Secure step that was left open and return the outcome's word.

    :raises CannotDo: when the session waits for none
    """
    result = payments.authenticate(state, session(state, session_id), passed=passed)
    if result.kind == "closed":
        raise CannotDo("This session waits for no 3-D Secure step", 409)
    return result.kind


def settle_debit(state: StripeState, session_id: str, *, succeed: bool) -> None:
    """Let the bank debit of a session arrive or bounce.

    :raises CannotDo: when none is under way
    """
    if not payments.settle_debit(state, session(state, session_id), succeed=succeed):
        raise CannotDo("This session has no bank debit under way", 409)


def expire(state: StripeState, session_id: str) -> None:
    """Let a session expire as though its time had come.

    :raises CannotDo: when it is not open
    """
    target = session(state, session_id)
    with state.core.lock:
        if target["status"] != "open":
            raise CannotDo(f"This session is {target['status']}", 409)
        sessions.end(state, target)


def tune(state: StripeState, wanted: dict[str, Any]) -> None:
    """Change settings; what is not named stays. Hold the lock.

    :raises CannotDo: for an unknown setting or a value it cannot take; nothing is changed
    """
    known = {field.name for field in fields(StripeSettings)}
    if unknown := set(wanted) - known:
        raise CannotDo(f"Unknown setting {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    for name, value in wanted.items():
        if not _FITS.get(name, _positive)(value):
            raise CannotDo(f"{name} cannot be {value!r}")
    for name, value in wanted.items():
        setattr(state.settings, name, value)
    state.core.touch()


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _positive_or_none(value: Any) -> bool:
    return value is None or _positive(value)


def _minor(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _rates(value: Any) -> bool:
    return isinstance(value, dict) and all(
        code in fiat.PER_DOLLAR and isinstance(rate, str) and bool(re.fullmatch(r"\d{1,9}(\.\d{1,12})?", rate))
        for code, rate in value.items()
    )


_FITS: dict[str, Callable[[Any], bool]] = {
    "async_settle_after_seconds": _positive_or_none,
    "rate_limit_per_second": _positive_or_none,
    "settlement_currencies": lambda value: (
        value is None or (isinstance(value, list) and all(code in fiat.PER_DOLLAR for code in value))
    ),
    "exchange_rates": _rates,
    "dispute_fee_minor": _minor,
    "dispute_fee_returned": lambda value: isinstance(value, bool),
    "retry_schedule_seconds": lambda value: isinstance(value, list) and all(_positive(item) for item in value),
    "country": lambda value: isinstance(value, str) and len(value) == 2,
    "default_currency": lambda value: value in fiat.PER_DOLLAR,
}
"""What a setting may be; every other one is a number of seconds."""
