"""Refunds: made by the API or in the dashboard, instant, pending, bounced after success, canceled.

A refund counts against its charge from the moment it is made until it fails or is canceled. Its fee is not given back.
Timings: a card's refund succeeds at once and its bank reference follows; test card …7726 stays pending and succeeds
later, …5126 succeeds and bounces later, the fault `refund_pending` leaves any refund pending.
Reference: https://docs.stripe.com/refunds and https://docs.stripe.com/testing#refunds, checked 2026-11-22.
"""

from collections.abc import Iterable
from typing import Any

from provvypay.sandbox import fiat
from provvypay.sandbox.stripe import events, fees, lists, params, refund_objects
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import StripeError, missing, no_such
from provvypay.sandbox.stripe.params import choice, integer, shape, text
from provvypay.sandbox.stripe.state import StripeState, new_id

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
PENDING_REASONS = ("charge_pending", "insufficient_funds", "processing")
FAILURE_REASONS = (
    "charge_for_pending_refund_disputed declined expired_or_canceled_card insufficient_funds lost_or_stolen_card "
    "merchant_request unknown"
).split()
_CREATE = shape(
    {
        "charge": text(),
        "payment_intent": text(),
        "amount": integer(1, params.BIGGEST_AMOUNT),
        "reason": choice(*REASONS),
        "metadata": params.metadata,
        "expand": params.expand,
    },
    elsewhere="currency customer instructions_email origin refund_application_fee reverse_transfer".split(),
)
_READ = shape({"expand": params.expand})
_LIST = shape({**params.PAGE, "created": params.moment, "charge": text(), "payment_intent": text()})


def create(call: Call) -> dict[str, Any]:
    """Answer POST /v1/refunds."""
    given = call.check(_CREATE, "refund")
    return make(call.state, _charge(call, given), given, call=call)


def read(call: Call, refund_id: str) -> dict[str, Any]:
    """Answer GET /v1/refunds/{id}."""
    call.check(_READ, "refund")
    if not (refund := call.state.table("refunds").get(refund_id)):
        raise no_such("refund", refund_id)
    return refund


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /v1/refunds."""
    given = call.check(_LIST, "list of refund")
    rows = call.state.table("refunds").values()
    return lists.page(rows, given, "/v1/refunds", lambda row: concerns(row, given))


def of_charge(call: Call, charge_id: str) -> dict[str, Any]:
    """Answer GET /v1/charges/{id}/refunds."""
    given = call.check(shape(params.PAGE), "list of refund")
    if charge_id not in call.state.table("charges"):
        raise no_such("charge", charge_id)
    rows = counted(call.state, charge_id, ended=True)
    return lists.page(rows, given, f"/v1/charges/{charge_id}/refunds")


def concerns(row: dict[str, Any], given: dict[str, Any]) -> bool:
    """Tell whether a refund or dispute is of the asked charge or intent."""
    return all(given.get(name) in (None, row[name]) for name in ("charge", "payment_intent"))


def make(
    state: StripeState, charge: dict[str, Any], given: dict[str, Any], *, call: Call | None = None
) -> dict[str, Any]:
    """Refund a charge, wholly or in part, and tell of it. Hold the lock.

    :param given: amount (none: what is left), reason and metadata
    :raises StripeError: for a charge that cannot be refunded, or more than is left of it
    """
    amount = _allowed(state, charge, given.get("amount"))
    refund = state.put("refunds", refund_objects.refund(charge, amount, given, state.core.clock.now()))
    digits = state.notes[charge["id"]].get("ending", "")
    fault = state.core.faults.take("stripe", ("refund_pending",), charge["id"]).get("refund_pending")
    ends = {"7726": "succeeded", "5126": "failed"}.get(digits, "reference")
    if fault:
        refund["pending_reason"], ends = fault.option("reason"), "nothing"
    elif ends == "succeeded":
        refund["pending_reason"] = "processing"
    else:
        refund["status"] = "succeeded"
        _withdraw(state, charge, refund)
    _count(state, charge)
    state.notes[refund["id"]] = {"ends": ends}
    events.emit(state, "refund.created", refund, call=call)
    events.emit(state, "charge.refunded", charge, call=call)
    if ends != "nothing":
        state.core.timers.add(
            state.core.clock.exact() + state.settings.refund_delay_seconds, "stripe.refund", refund["id"]
        )
    return refund


def _charge(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    state = call.state
    if "payment_intent" in given:
        if not (intent := state.table("payment_intents").get(given["payment_intent"])):
            raise no_such("payment_intent", given["payment_intent"], "payment_intent", status=400)
        charge_id = intent["latest_charge"] or ""
        if given.get("charge") not in (None, charge_id):
            raise StripeError("The charge does not belong to the payment intent.", param="charge")
    elif "charge" in given:
        charge_id = given["charge"]
    else:
        raise missing("payment_intent")
    if not (charge := state.table("charges").get(charge_id)):
        if "charge" in given:
            raise no_such("charge", charge_id, "charge", status=400)
        raise StripeError(
            f"This PaymentIntent ({given['payment_intent']}) does not have a successful charge to refund."
        )
    return charge


def _allowed(state: StripeState, charge: dict[str, Any], wanted: int | None) -> int:
    """Return the amount to refund."""
    if charge["status"] != "succeeded":
        raise StripeError(f"Charge {charge['id']} has not succeeded; it cannot be refunded.", stored=True)
    disputes = [row for row in state.table("disputes").values() if row["charge"] == charge["id"]]
    if any(not row["is_charge_refundable"] for row in disputes):
        words = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(words, code="charge_disputed", stored=True)
    left, code = charge["amount"] - charge["amount_refunded"], charge["currency"]
    if left <= 0:
        words = f"Charge {charge['id']} has already been refunded."
        raise StripeError(words, code="charge_already_refunded", stored=True)
    if wanted is not None and wanted > left:
        sign = fiat.SYMBOLS.get(code, "")
        asked, there = (f"{sign}{fiat.major(minor, code)}" for minor in (wanted, left))
        words = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({there})"
        raise StripeError(words, param="amount", stored=True)
    return left if wanted is None else wanted


def end(state: StripeState, refund: dict[str, Any], status: str, *, reason: str = "unknown") -> bool:
    """Let a refund succeed, bounce or be canceled, and tell of it; False when it cannot any more. Hold the lock.

    :param status: succeeded, failed or canceled
    :param reason: one of FAILURE_REASONS, of a failed one
    """
    allowed = {"succeeded": ("pending",), "failed": ("pending", "succeeded"), "canceled": ("pending",)}
    if refund["status"] not in allowed[status]:
        return False
    charge = state.table("charges")[refund["charge"]]
    previous: dict[str, Any] = {"status": refund["status"]}
    if refund["pending_reason"]:
        previous["pending_reason"] = refund["pending_reason"]
    refund.update(status=status, pending_reason=None)
    state.notes[refund["id"]]["ends"] = "nothing"
    if status == "succeeded":
        previous["balance_transaction"] = None
        _withdraw(state, charge, refund)
    elif status == "failed":
        refund["failure_reason"] = reason
        _give_back(state, refund)
    _count(state, charge)
    state.core.touch()
    _tell(state, refund, previous)
    if status == "failed":
        events.emit(state, "refund.failed", refund)
    return True


def end_in_time(state: StripeState, refund_id: str) -> None:
    """Let a refund come to the end it was made for. Hold the lock."""
    if not (refund := state.table("refunds").get(refund_id)):
        return
    ends = state.notes[refund_id]["ends"]
    if ends == "failed":
        end(state, refund, "failed", reason="expired_or_canceled_card")
    elif ends == "succeeded":
        end(state, refund, "succeeded")
    if ends in ("succeeded", "reference") and "card" in refund["destination_details"]:
        shown = refund["destination_details"]["card"]
        previous = {"destination_details": {"card": {"reference_status": shown["reference_status"]}}}
        shown.update(reference_status="available", reference=new_id("7", 22))
        state.notes[refund_id]["ends"] = "nothing"
        _tell(state, refund, previous)


def counted(state: StripeState, charge_id: str, *, ended: bool = False) -> list[dict[str, Any]]:
    """Return a charge's refunds; without `ended` only those that neither failed nor were canceled."""
    rows: Iterable[dict[str, Any]] = state.table("refunds").values()
    mine = [row for row in rows if row["charge"] == charge_id]
    return mine if ended else [row for row in mine if row["status"] not in ("failed", "canceled")]


def _count(state: StripeState, charge: dict[str, Any]) -> None:
    charge["amount_refunded"] = sum(row["amount"] for row in counted(state, charge["id"]))
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def _withdraw(state: StripeState, charge: dict[str, Any], refund: dict[str, Any]) -> None:
    """Book what leaves the balance for a refund."""
    now = state.core.clock.now()
    amount, currency, rate = fees.settled(state, charge, refund["amount"])
    row = refund_objects.movement(
        refund["id"],
        kind="refund" if charge["payment_method_details"]["type"] == "card" else "payment_refund",
        category="refund",
        amount=-amount,
        currency=currency,
        rate=rate,
        description=f"REFUND FOR CHARGE ({charge['description'] or charge['id']})",
        now=now,
        available_on=now + fees.AVAILABLE_AFTER_SECONDS,
    )
    fees.keep(state, row)
    refund["balance_transaction"] = row["id"]


def _give_back(state: StripeState, refund: dict[str, Any]) -> None:
    """Book what comes back into the balance when a refund bounces whose money had left it."""
    if not (left := state.table("balance_transactions").get(refund["balance_transaction"] or "")):
        return
    now = state.core.clock.now()
    row = refund_objects.movement(
        refund["id"],
        kind="refund_failure",
        category="refund_failure",
        amount=-left["amount"],
        currency=left["currency"],
        rate=left["exchange_rate"],
        description=f"REFUND FAILURE ({refund['id']})",
        now=now,
        available_on=now,
    )
    refund["failure_balance_transaction"] = fees.keep(state, row)["id"]


def _tell(state: StripeState, refund: dict[str, Any], previous: dict[str, Any]) -> None:
    events.emit(state, "refund.updated", refund, previous=previous)
    events.emit(state, "charge.refund.updated", refund, previous=previous)
