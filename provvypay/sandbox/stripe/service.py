"""Put the Stripe stand-in together: its state, its timers, its place in the snapshot."""

from provvypay.sandbox.core import Core, Part
from provvypay.sandbox.stripe import disputes, fees, payments, refunds, sessions
from provvypay.sandbox.stripe.endpoints import add_webhook_endpoint
from provvypay.sandbox.stripe.state import StripeState

GIVEN = "given_at_start"


def build(core: Core) -> StripeState:
    """Return an empty Stripe account hung into the core."""
    state = StripeState(core)
    core.timers.on("stripe.expire", lambda subject: sessions.end_in_time(state, subject))
    core.timers.on("stripe.fee", lambda subject: fees.arrive(state, subject))
    core.timers.on("stripe.available", lambda subject: fees.become_available(state, subject))
    core.timers.on("stripe.refund", lambda subject: refunds.end_in_time(state, subject))
    core.timers.on("stripe.dispute", lambda subject: disputes.open_in_time(state, subject))
    core.timers.on("stripe.debit", lambda subject: payments.settle_debit_in_time(state, subject))
    core.parts["stripe"] = Part(dump=state.dump, load=state.load, reset=lambda: reset(state))
    return state


def reset(state: StripeState) -> None:
    """Forget everything but the endpoint the operator has set. Hold the lock."""
    notes = {name: note for name, note in state.notes.items() if note.get(GIVEN)}
    endpoints = {name: row for name, row in state.table("webhook_endpoints").items() if name in notes}
    state.clear()
    state.table("webhook_endpoints").update(endpoints)
    state.notes.update(notes)


def point_webhooks(state: StripeState, url: str, secret: str) -> dict[str, object]:
    """Make this the one endpoint the operator has set, instead of an earlier one. Hold the lock.

    Endpoints made through the API stay.
    :raises StripeError: for an address that is not on this machine
    """
    added = add_webhook_endpoint(state, url, secret)
    for endpoint_id, note in list(state.notes.items()):
        if note.get(GIVEN):
            state.table("webhook_endpoints").pop(endpoint_id, None)
            del state.notes[endpoint_id]
            for delivery in state.deliveries.values():
                if delivery["endpoint"] == endpoint_id:
                    delivery.update(endpoint=added["id"], url=url)
    state.notes[added["id"]] = {GIVEN: True}
    return added
