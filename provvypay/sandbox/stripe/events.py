"""Events: immutable snapshots of what happened, kept in a list and handed to the webhook queue.

Reference: https://docs.stripe.com/api/events, version 2026-10-28.endive, checked 2026-11-22.
"""

import copy
import fnmatch
from typing import Any

from provvypay.sandbox.stripe import lists, params, queue
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import no_such
from provvypay.sandbox.stripe.state import API_VERSION, StripeState, new_id

_LIST = params.shape(
    {
        **params.PAGE,
        "type": params.text(),
        "types": params.array(params.text(), most=20),
        "created": params.moment,
        "delivery_success": params.boolean,
    }
)
_READ = params.shape({"expand": params.expand})


def emit(
    state: StripeState,
    event_type: str,
    item: dict[str, Any],
    *,
    previous: dict[str, Any] | None = None,
    call: Call | None = None,
) -> dict[str, Any]:
    """Record that something happened and queue its delivery. Hold the lock.

    :param item: the object; a copy of it as it is now goes into the event
    :param previous: the changed attributes' old values, for `*.updated`
    :param call: the API request that caused it, if one did
    """
    data: dict[str, Any] = {"object": copy.deepcopy(item)}
    if previous is not None:
        data["previous_attributes"] = previous
    event = {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": state.core.clock.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": len(queue.endpoints_for(state, event_type)),
        "request": {
            "id": call.request_id if call else None,
            "idempotency_key": call.idempotency_key if call else None,
        },
        "type": event_type,
    }
    state.put("events", event)
    queue.enqueue(state, event)
    return event


def emit_by_hand(state: StripeState, wanted: dict[str, Any]) -> dict[str, Any]:
    """Record and queue an event a test made up, also of things the sandbox has never heard of. Hold the lock.

    :param wanted: type and object, and whatever else of the envelope shall differ
    """
    data: dict[str, Any] = {"object": wanted.pop("object")}
    if (previous := wanted.pop("previous_attributes", None)) is not None:
        data["previous_attributes"] = previous
    event = {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": state.core.clock.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": len(queue.endpoints_for(state, wanted["type"])),
        "request": {"id": None, "idempotency_key": None},
        **wanted,
    }
    state.put("events", event)
    queue.enqueue(state, event)
    return event


def read(call: Call, event_id: str) -> dict[str, Any]:
    """Answer GET /v1/events/{id}."""
    call.check(_READ, "event")
    if not (event := call.state.table("events").get(event_id)):
        raise no_such("event", event_id)
    return _shown(call.state, event)


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /v1/events."""
    given = call.check(_LIST, "list of event")

    def keep(event: dict[str, Any]) -> bool:
        wanted = given.get("types") or ([given["type"]] if "type" in given else ["*"])
        if not any(fnmatch.fnmatchcase(event["type"], pattern) for pattern in wanted):
            return False
        if "delivery_success" in given:
            return given["delivery_success"] == (queue.pending_webhooks(call.state, event["id"]) == 0)
        return True

    found = lists.page(call.state.table("events").values(), given, "/v1/events", keep)
    return {**found, "data": [_shown(call.state, event) for event in found["data"]]}


def _shown(state: StripeState, event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "pending_webhooks": queue.pending_webhooks(state, event["id"])}
