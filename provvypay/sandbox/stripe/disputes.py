"""Disputes: opened with the money withdrawn, or as an inquiry without; won, lost, escalated; early fraud warnings.

A dispute takes what is left of its charge after refunds, and a fee. Lost moves nothing more; won brings the amount
back, and the fee only where `dispute_fee_returned` says so.
Reference: https://docs.stripe.com/disputes/how-disputes-work and https://docs.stripe.com/testing#disputes, checked
2026-11-22.
"""

from typing import Any

from provvypay.sandbox.stripe import events, fees, lists, params, refund_objects, refunds
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import no_such
from provvypay.sandbox.stripe.params import shape, text
from provvypay.sandbox.stripe.refund_objects import INQUIRY_STATUSES
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.wishes import CannotDo

REASONS = (
    "bank_cannot_process credit_not_processed customer_initiated debit_not_authorized duplicate fraudulent general "
    "incorrect_account_details insufficient_funds product_not_received product_unacceptable subscription_canceled "
    "unrecognized"
).split()
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
OUTCOMES = ("won", "lost", "warning_closed")
CARD_REASONS = {"0259": ("fraudulent", False), "2685": ("product_not_received", False), "1976": ("general", True)}
"""What becomes of a payment with a test card, by its last digits: the reason, and whether it is only an inquiry."""
WARNING_CARD = "5423"
_READ = shape({"expand": params.expand})
_LIST = shape({**params.PAGE, "created": params.moment, "charge": text(), "payment_intent": text()})


def read(call: Call, dispute_id: str) -> dict[str, Any]:
    """Answer GET /v1/disputes/{id}."""
    call.check(_READ, "dispute")
    if not (dispute := call.state.table("disputes").get(dispute_id)):
        raise no_such("dispute", dispute_id)
    return dispute


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /v1/disputes."""
    given = call.check(_LIST, "list of dispute")
    rows = call.state.table("disputes").values()
    return lists.page(rows, given, "/v1/disputes", lambda row: refunds.concerns(row, given))


def schedule(state: StripeState, charge: dict[str, Any]) -> None:
    """Let what a test card stands for happen to its charge a little later. Hold the lock."""
    ending = state.notes[charge["id"]].get("ending", "")
    if ending in CARD_REASONS or ending == WARNING_CARD:
        at = state.core.clock.exact() + state.settings.dispute_delay_seconds
        state.core.timers.add(at, "stripe.dispute", charge["id"])


def open_in_time(state: StripeState, charge_id: str) -> None:
    """Dispute the charge of a test card that was made for it. Hold the lock."""
    if not (charge := state.table("charges").get(charge_id)):
        return
    ending = state.notes[charge_id]["ending"]
    if ending == WARNING_CARD:
        warn(state, charge)
    elif not charge["refunded"] and not standing(state, charge):
        reason, inquiry = CARD_REASONS[ending]
        start(state, charge, reason=reason, inquiry=inquiry)


def standing(state: StripeState, charge: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the disputes of a charge that are open or lost, inquiries included."""
    rows = state.table("disputes").values()
    return [row for row in rows if row["charge"] == charge["id"] and row["status"] in (*OPEN, "lost")]


def start(
    state: StripeState, charge: dict[str, Any], *, reason: str, inquiry: bool, amount: int | None = None
) -> dict[str, Any]:
    """Open a dispute and tell of it. Hold the lock.

    :param amount: in minor units of the charge's currency; none: what refunds have left of it
    :raises CannotDo: for a charge that cannot be disputed
    """
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or left <= 0:
        raise CannotDo("Only a charge that succeeded and is not wholly refunded can be disputed", 409)
    if standing(state, charge):
        raise CannotDo("This charge is disputed already", 409)
    if amount is not None and not 0 < amount <= left:
        raise CannotDo(f"At most {left} of this charge can be disputed")
    now = state.core.clock.now()
    dispute = refund_objects.dispute(charge, amount or left, reason, now, inquiry=inquiry)
    state.put("disputes", dispute)
    charge["disputed"] = True
    if not inquiry:
        _withdraw(state, charge, dispute)
    events.emit(state, "charge.dispute.created", dispute)
    if not inquiry:
        events.emit(state, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate(state: StripeState, dispute: dict[str, Any]) -> None:
    """Make an inquiry a dispute: the money is withdrawn now. Hold the lock.

    :raises CannotDo: when it is no open inquiry
    """
    if dispute["status"] not in INQUIRY_STATUSES[:2]:
        raise CannotDo(f"Only an open inquiry can become a dispute; this one is {dispute['status']}", 409)
    previous = {"status": dispute["status"], "is_charge_refundable": True}
    charge = state.table("charges")[dispute["charge"]]
    dispute.update(status="needs_response", is_charge_refundable=False)
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    _withdraw(state, charge, dispute)
    events.emit(state, "charge.dispute.updated", dispute, previous=previous)
    events.emit(state, "charge.dispute.funds_withdrawn", dispute)


def respond(state: StripeState, dispute: dict[str, Any]) -> None:
    """Hand evidence in, as a merchant does in the dashboard. Hold the lock.

    :raises CannotDo: when it needs no response
    """
    after = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
    if dispute["status"] not in after:
        raise CannotDo(f"This dispute is {dispute['status']} and needs no response", 409)
    previous = {"status": dispute["status"]}
    dispute["status"] = after[dispute["status"]]
    dispute["evidence_details"].update(has_evidence=True, submission_count=1, submission_method="manual")
    state.core.touch()
    events.emit(state, "charge.dispute.updated", dispute, previous=previous)


def close(state: StripeState, dispute: dict[str, Any], outcome: str) -> None:
    """Decide a dispute and tell of it. Hold the lock.

    :param outcome: won or lost, of an inquiry warning_closed
    :raises CannotDo: when it cannot end like this
    """
    if dispute["status"] not in OPEN:
        raise CannotDo(f"This dispute is {dispute['status']}", 409)
    inquiry = dispute["status"] in INQUIRY_STATUSES
    if (outcome == "warning_closed") != inquiry:
        raise CannotDo("An inquiry ends as warning_closed, a dispute as won or lost", 409)
    dispute["status"] = outcome
    if outcome != "lost":
        dispute["is_charge_refundable"] = True
    if outcome == "won":
        _reinstate(state, dispute)
    state.core.touch()
    events.emit(state, "charge.dispute.closed", dispute)
    if outcome == "won":
        events.emit(state, "charge.dispute.funds_reinstated", dispute)


def warn(state: StripeState, charge: dict[str, Any]) -> dict[str, Any]:
    """Tell that a charge looks like fraud; nothing else happens. Hold the lock."""
    warning = state.put("early_fraud_warnings", refund_objects.early_fraud_warning(charge, state.core.clock.now()))
    events.emit(state, "radar.early_fraud_warning.created", warning)
    return warning


def _withdraw(state: StripeState, charge: dict[str, Any], dispute: dict[str, Any]) -> None:
    fees.arrive(state, charge["id"])  # a charge's own line is always older than that of its dispute
    amount, currency, rate = fees.settled(state, charge, dispute["amount"])
    _book(state, dispute, -amount, (currency, rate), state.settings.dispute_fee_minor)


def _reinstate(state: StripeState, dispute: dict[str, Any]) -> None:
    taken = dispute["balance_transactions"][0]
    fee = -taken["fee"] if state.settings.dispute_fee_returned else 0
    terms = (taken["currency"], taken["exchange_rate"])
    _book(state, dispute, -taken["amount"], terms, fee)


def _book(state: StripeState, dispute: dict[str, Any], amount: int, terms: tuple[str, Any], fee: int) -> None:
    now = state.core.clock.now()
    word, category = ("withdrawal", "dispute") if amount < 0 else ("reversal", "dispute_reversal")
    row = refund_objects.movement(
        dispute["id"],
        kind="adjustment",
        category=category,
        amount=amount,
        currency=terms[0],
        rate=terms[1],
        description=f"Chargeback {word} for {dispute['charge']}",
        now=now,
        available_on=now,
        fee=(fee, "Dispute fee") if fee else None,
    )
    dispute["balance_transactions"].append(fees.keep(state, row))
