"""What a person, a test or the console does to money that was paid: refund it in the dashboard, dispute it, decide."""

from typing import Any

from provvypay.sandbox.stripe import disputes, refunds
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.wishes import CannotDo


def charge(state: StripeState, charge_id: str) -> dict[str, Any]:
    """Return a charge, also by its payment intent's id. Hold the lock.

    :raises CannotDo: when there is none of this id
    """
    intent = state.table("payment_intents").get(charge_id)
    found = state.table("charges").get((intent["latest_charge"] or "") if intent else charge_id)
    if not found:
        raise CannotDo(f"There is no charge {charge_id}", 404)
    return found


def refund(state: StripeState, charge_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Refund a charge as a person in Stripe's dashboard would: no request and no metadata of ours are in it.

    :param wanted: amount (none: what is left) and reason
    :raises CannotDo: for what Stripe refuses
    """
    amount, reason = wanted.get("amount"), wanted.get("reason")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount < 1):
        raise CannotDo("amount must be a whole number of minor units above zero")
    if reason not in (None, *refunds.REASONS):
        raise CannotDo(f"reason must be one of {', '.join(refunds.REASONS)}")
    given = {name: value for name, value in (("amount", amount), ("reason", reason)) if value is not None}
    with state.core.lock:
        try:
            return refunds.make(state, charge(state, charge_id), given)
        except StripeError as error:
            raise CannotDo(error.message, 409) from error


def end_refund(state: StripeState, refund_id: str, status: str, reason: str = "unknown") -> dict[str, Any]:
    """Let a refund succeed, bounce or be canceled.

    :raises CannotDo: for an unknown refund, word or step
    """
    if status not in ("succeeded", "failed", "canceled"):
        raise CannotDo("status must be succeeded, failed or canceled")
    if reason not in refunds.FAILURE_REASONS:
        raise CannotDo(f"reason must be one of {', '.join(refunds.FAILURE_REASONS)}")
    with state.core.lock:
        if not (row := state.table("refunds").get(refund_id)):
            raise CannotDo(f"There is no refund {refund_id}", 404)
        if not refunds.end(state, row, status, reason=reason):
            raise CannotDo(f"This refund is {row['status']}", 409)
        return row


def dispute(state: StripeState, charge_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Dispute a charge, or inquire about it.

    :param wanted: reason, amount (none: what is left) and inquiry
    """
    reason = wanted.get("reason", "fraudulent")
    if reason not in disputes.REASONS:
        raise CannotDo(f"reason must be one of {', '.join(disputes.REASONS)}")
    amount, inquiry = wanted.get("amount"), bool(wanted.get("inquiry"))
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int)):
        raise CannotDo("amount must be a whole number of minor units")
    with state.core.lock:
        return disputes.start(state, charge(state, charge_id), reason=reason, inquiry=inquiry, amount=amount)


def decide(state: StripeState, dispute_id: str, step: str) -> dict[str, Any]:
    """Move a dispute: `respond`, `escalate`, or end it with one of its outcomes.

    :raises CannotDo: for an unknown dispute, word or step
    """
    with state.core.lock:
        if not (row := state.table("disputes").get(dispute_id)):
            raise CannotDo(f"There is no dispute {dispute_id}", 404)
        if step == "respond":
            disputes.respond(state, row)
        elif step == "escalate":
            disputes.escalate(state, row)
        elif step in disputes.OUTCOMES:
            disputes.close(state, row, step)
        else:
            raise CannotDo(f"step must be respond, escalate or one of {', '.join(disputes.OUTCOMES)}")
        return row


def warn(state: StripeState, charge_id: str) -> dict[str, Any]:
    """Let an early fraud warning come for a charge."""
    with state.core.lock:
        return disputes.warn(state, charge(state, charge_id))
