"""The queue of webhook deliveries: what is to be sent where and when. No network here.

A delivery is one event for one endpoint. Its status: queued (to be sent at `due`), sending, delivered,
failed (every retry used up), held (waits for a hand), dropped (lost on purpose, can be redelivered).
"""

import random
import time
from typing import Any

from provvypay.sandbox.stripe.state import StripeState, new_id

FAULTS = ("webhook_duplicate", "webhook_shuffle", "webhook_delay", "webhook_drop")
UNFINISHED = ("queued", "sending")


def wants(endpoint: dict[str, Any], event_type: str) -> bool:
    """Tell whether an endpoint asked for events of this type."""
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or event_type in enabled)


def endpoints_for(state: StripeState, event_type: str) -> list[dict[str, Any]]:
    """Return the endpoints an event of this type goes to."""
    return [endpoint for endpoint in state.table("webhook_endpoints").values() if wants(endpoint, event_type)]


def enqueue(state: StripeState, event: dict[str, Any]) -> None:
    """Queue a new event for every endpoint that wants it, as the faults decide. Hold the lock."""
    struck = state.core.faults.take("stripe", FAULTS, event["type"])
    copies, due = 1, time.time()
    if fault := struck.get("webhook_duplicate"):
        copies = int(fault.option("times"))
    if fault := struck.get("webhook_delay"):
        due += float(fault.option("seconds"))
    for _ in range(copies):
        for endpoint in endpoints_for(state, event["type"]):
            at = due
            if fault := struck.get("webhook_shuffle"):
                at += random.uniform(0, float(fault.option("window_seconds")))  # noqa: S311  (no secret)
            status = "dropped" if "webhook_drop" in struck else "held" if state.held else "queued"
            add(state, event, endpoint, status=status, due=at)


def add(
    state: StripeState, event: dict[str, Any], endpoint: dict[str, Any], *, status: str, due: float | None = None
) -> dict[str, Any]:
    """Make one delivery and return it. Hold the lock.

    :param due: when to send it, Unix seconds of the machine's clock
    """
    delivery = {
        "id": new_id("dlv_", 16),
        "event": event["id"],
        "event_type": event["type"],
        "endpoint": endpoint["id"],
        "url": endpoint["url"],
        "status": status,
        "due": time.time() if due is None else due,
        "attempts": [],
        "reported": False,
    }
    state.deliveries[delivery["id"]] = delivery
    state.by_event.setdefault(event["id"], []).append(delivery)
    mark(state, delivery, status)
    return delivery


def mark(state: StripeState, delivery: dict[str, Any], status: str) -> None:
    """Set a delivery's status. Hold the lock."""
    delivery["status"] = status
    if status in UNFINISHED and delivery["id"] in state.deliveries:
        state.unfinished[delivery["id"]] = delivery
    else:
        state.unfinished.pop(delivery["id"], None)
    state.core.touch()


def next_due(state: StripeState) -> dict[str, Any] | None:
    """Return the queued delivery to send first, whether or not its time has come."""
    queued = [delivery for delivery in state.unfinished.values() if delivery["status"] == "queued"]
    return min(queued, key=lambda delivery: delivery["due"], default=None)


def record(state: StripeState, delivery: dict[str, Any], attempt: dict[str, Any], *, retry: bool = True) -> None:
    """Write down how one attempt went, and when the next one is. Hold the lock."""
    delivery["attempts"].append(attempt)
    delivery["reported"] = False
    waits = state.settings.retry_schedule_seconds
    if attempt["succeeded"]:
        mark(state, delivery, "delivered")
    elif retry and len(delivery["attempts"]) <= len(waits):
        delivery["due"] = time.time() + waits[len(delivery["attempts"]) - 1]
        mark(state, delivery, "queued")
    else:
        mark(state, delivery, "failed")


def hold(state: StripeState) -> int:
    """Keep every delivery back until it is sent or released by hand; return how many wait now."""
    state.held = True
    waiting = [delivery for delivery in state.unfinished.values() if delivery["status"] == "queued"]
    for delivery in waiting:
        mark(state, delivery, "held")
    return len(waiting)


def release(state: StripeState) -> int:
    """Send what was held, in the order in which it happened, and hold nothing more."""
    state.held = False
    return requeue(state, ("held",))


def requeue(state: StripeState, statuses: tuple[str, ...], event_ids: list[str] | None = None) -> int:
    """Queue deliveries of these statuses again, now, and return how many."""
    chosen = [
        delivery
        for delivery in state.deliveries.values()
        if delivery["status"] in statuses and (event_ids is None or delivery["event"] in event_ids)
    ]
    for delivery in chosen:
        delivery["due"] = time.time()
        mark(state, delivery, "queued")
    return len(chosen)


def of_event(state: StripeState, event_id: str) -> list[dict[str, Any]]:
    """Return every delivery of one event."""
    return state.by_event.get(event_id, [])


def pending_webhooks(state: StripeState, event_id: str) -> int:
    """Return how many endpoints have not yet answered this event with success."""
    deliveries = of_event(state, event_id)
    done = {delivery["endpoint"] for delivery in deliveries if delivery["status"] == "delivered"}
    return len({delivery["endpoint"] for delivery in deliveries} - done)
