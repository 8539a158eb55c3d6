"""Send webhooks: signed, at least once, retried, one after the other in the order in which things happened.

Reference: https://docs.stripe.com/webhooks, checked 2026-11-22. Any answer but 2xx is a failure, redirects
included. Time-outs and retry times are not published; ours are settings.
"""

import http.client
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.stripe import queue, signature
from provvypay.sandbox.stripe.state import StripeState

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
IDLE_SECONDS = 0.5
log = logging.getLogger("provvypay.sandbox")


def loop(state: StripeState) -> Callable[[], None]:
    """Return the body of the thread that sends what is due until the sandbox stops."""

    def deliveries() -> None:
        core = state.core
        while not core.stopping.is_set():
            with core.lock:
                delivery = queue.next_due(state)
                pause = IDLE_SECONDS if delivery is None else delivery["due"] - time.time()
                if delivery is None or pause > 0:
                    core.changed.wait(min(pause, IDLE_SECONDS))
                    continue
                queue.mark(state, delivery, "sending")
            try:
                send(state, delivery)
            except Exception:
                log.exception("Delivery %s could not be sent", delivery["id"])
                with core.lock:
                    queue.mark(state, delivery, "failed")

    return deliveries


def send(state: StripeState, delivery: dict[str, Any], *, sign: str = "good", retry: bool = True) -> dict[str, Any]:
    """Make one attempt, write down how it went and return that. Do not hold the lock.

    :param sign: a kind of signature, see `signature.KINDS`
    :param retry: whether a failure is tried again by itself
    """
    with state.core.lock:
        event = state.table("events").get(delivery["event"], {})
        endpoint = state.table("webhook_endpoints").get(delivery["endpoint"])
        secret = endpoint["secret"] if endpoint else ""
        timeout = state.settings.delivery_timeout_seconds
        timestamp = state.core.clock.signature_time()
    body = to_json(event, indent=2).encode()
    started = time.monotonic()
    status, error = _post(delivery["url"], body, signature.headers(sign, body, secret, timestamp), timeout)
    attempt = {
        "at": timestamp,
        "http_status": status,
        "error": error,
        "milliseconds": round((time.monotonic() - started) * 1000),
        "signature": sign,
        "succeeded": status is not None and 200 <= status < 300,
    }
    with state.core.lock:
        queue.record(state, delivery, attempt, retry=retry)
    return attempt


def _post(url: str, body: bytes, signed: dict[str, str], timeout: float) -> tuple[int | None, str | None]:
    """POST once, without proxies and without following redirects.

    :returns: the answer's status, or None and what went wrong
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": USER_AGENT, "Accept": "*/*", **signed}
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        response = connection.getresponse()
        response.read(65536)
    except (OSError, http.client.HTTPException) as error:
        return None, f"{type(error).__name__}: {error}"
    else:
        return response.status, None
    finally:
        connection.close()


def send_in_order(state: StripeState, event_ids: list[str], *, concurrent: bool = False) -> list[dict[str, Any]]:
    """Send events in exactly this order, each to every endpoint that wants it, and return the attempts.

    Held, dropped or queued deliveries of an event are used up first; an event already delivered is sent anew.
    :raises KeyError: for an unknown event; nothing is sent
    """
    with state.core.lock:
        chosen = [state.table("events")[event_id] for event_id in event_ids]
        deliveries = [
            _claim(state, event, endpoint) for event in chosen for endpoint in queue.endpoints_for(state, event["type"])
        ]
    return _all(state, deliveries, "good", concurrent=concurrent)


def send_again(
    state: StripeState, event_id: str, *, times: int, concurrent: bool, sign: str = "good"
) -> list[dict[str, Any]]:
    """Send one event several times, on wish all at the same moment, and return the attempts.

    :raises KeyError: for an unknown event
    """
    with state.core.lock:
        event = state.table("events")[event_id]
        endpoints = queue.endpoints_for(state, event["type"])
        deliveries = [
            queue.add(state, event, endpoint, status="sending") for _ in range(times) for endpoint in endpoints
        ]
    return _all(state, deliveries, sign, concurrent=concurrent)


def _claim(state: StripeState, event: dict[str, Any], endpoint: dict[str, Any]) -> dict[str, Any]:
    for delivery in queue.of_event(state, event["id"]):
        if delivery["endpoint"] == endpoint["id"] and delivery["status"] in ("held", "dropped", "queued"):
            queue.mark(state, delivery, "sending")
            return delivery
    return queue.add(state, event, endpoint, status="sending")


def _all(state: StripeState, deliveries: list[dict[str, Any]], sign: str, *, concurrent: bool) -> list[dict[str, Any]]:
    if not concurrent:
        return [_shown(delivery, send(state, delivery, sign=sign, retry=False)) for delivery in deliveries]
    results: list[dict[str, Any] | None] = [None] * len(deliveries)
    barrier = threading.Barrier(len(deliveries) or 1)

    def one(place: int, delivery: dict[str, Any]) -> None:
        barrier.wait(timeout=10)
        results[place] = _shown(delivery, send(state, delivery, sign=sign, retry=False))

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in enumerate(deliveries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result for result in results if result is not None]


def _shown(delivery: dict[str, Any], attempt: dict[str, Any]) -> dict[str, Any]:
    return {"event": delivery["event"], "event_type": delivery["event_type"], "url": delivery["url"], **attempt}


def wait_answered(state: StripeState, event_id: str, seconds: float) -> bool:
    """Wait until every endpoint has been tried once with an event, as the card page does before it redirects."""
    deadline = time.monotonic() + seconds

    def waiting() -> bool:
        return any(
            not delivery["attempts"] and delivery["status"] in queue.UNFINISHED
            for delivery in queue.of_event(state, event_id)
        )

    return _until(state, lambda: not waiting(), deadline)


def drain(state: StripeState, seconds: float, *, fees: bool, retries: bool) -> tuple[bool, list[dict[str, Any]]]:
    """Wait until nothing is left to send and return whether that was reached, and what was tried meanwhile.

    :param fees: also wait for balance transactions that are still to come
    :param retries: also wait for deliveries that failed and will be tried again
    :returns: the deliveries tried since the last drain
    """
    deadline = time.monotonic() + seconds

    def idle() -> bool:
        if fees and state.core.timers.waiting("stripe.fee"):
            return False
        return not any(retries or not delivery["attempts"] for delivery in state.unfinished.values())

    reached = _until(state, idle, deadline)
    with state.core.lock:
        news = [delivery for delivery in state.deliveries.values() if delivery["attempts"] and not delivery["reported"]]
        for delivery in news:
            delivery["reported"] = True
        return reached, [dict(delivery) for delivery in news]


def _until(state: StripeState, reached: Callable[[], bool], deadline: float) -> bool:
    with state.core.lock:
        while not reached():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            state.core.changed.wait(min(left, IDLE_SECONDS))
        return True
