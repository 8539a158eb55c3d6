"""What happens when Stripe calls: verify, store once, answer; then find out what it means.

The view answers as soon as the inbox has the event. Handling is a job: an event is a hint, so it only finds the session
it is about and lets confirm() ask Stripe.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import structlog

from provvypay.errors import ProvvypayError
from provvypay.flows import doorbell, stripe_returns
from provvypay.flows.stripe_payment import confirm
from provvypay.integrations import stripe
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.services import checkout, inbox

log = structlog.get_logger(__name__)

register("webhook.verified", "webhook.stored", "webhook.claimed", "webhook.handled")

# What the slice acts on; everything else is true, kept, and not for us.
_SESSION_EVENTS = ("checkout.session.",)
_INTENT_EVENTS = ("payment_intent.", "charge.")
_REFUND_EVENTS = ("refund.", "charge.refund.")
_DISPUTE_EVENTS = ("charge.dispute.",)
_WARNING_EVENTS = ("radar.early_fraud_warning.",)

ACTED_ON = _SESSION_EVENTS + _INTENT_EVENTS + _REFUND_EVENTS + _WARNING_EVENTS

# A fresh event's first ring is given this long before it counts as lost.
_RING_GRACE = dt.timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """What became of a webhook."""

    event_id: str
    is_new: bool


def receive(raw_body: bytes, signature: str) -> ReceivedEvent:
    """Verify a webhook over its raw bytes, store it once, and ring for a worker.

    :raises BadSignature: nothing is stored
    """
    event = stripe.client().verify(raw_body, signature, now=now())
    failpoint("webhook.verified")
    with transaction() as session:
        row_id = inbox.store(
            session,
            "STRIPE",
            event.id,
            event.type,
            event.payload,
            livemode=event.livemode,
            account=event.account,
            ignored_because=not_for_us(event),
        )
    failpoint("webhook.stored")
    if row_id is not None:
        doorbell.ring_inbox(row_id)
    return ReceivedEvent(event.id, is_new=row_id is not None)


def not_for_us(event: stripe.StripeEvent) -> str | None:
    """Return why a true event is not ours to act on, or None; it is kept and answered all the same."""
    if event.livemode != (settings().mode == "live"):
        log.error("alert.event_of_the_other_mode", event_id=event.id, type=event.type)
        return "of the other mode"
    if event.account is not None:
        log.error("alert.event_of_another_account", event_id=event.id, type=event.type)
        return "of a connected account we do not serve"
    if not event.type.startswith(ACTED_ON):
        return "a kind of event we do not act on"
    return None


def handle(row_id: uuid.UUID) -> bool:
    """Handle one stored event under its lease; say whether this call did it.

    A failure is written to the row, which knows when to try again.
    """
    with transaction() as session:
        event = inbox.claim(session, row_id)
    if event is None:
        return False
    failpoint("webhook.claimed")
    try:
        ignored_because = _act(event.event_type, event.payload)
    except Exception as error:
        expected = isinstance(error, ProvvypayError)
        log.log(
            30 if expected else 40,
            "inbox.failed",
            id=str(row_id),
            type=event.event_type,
            exc_info=not expected,
            error=str(error),
        )
        with transaction() as session:
            dead = inbox.fail(session, event, f"{type(error).__name__}: {error}")
        if dead:
            log.error("inbox.dead", id=str(row_id), type=event.event_type)  # noqa: TRY400 - logged above with its traceback
        return False
    failpoint("webhook.handled")
    with transaction() as session:
        return inbox.finish(session, event, ignored_because=ignored_because)


def _act(event_type: str, payload: dict[str, Any]) -> str | None:
    """Apply what an event hints at; return why it is not for us, or None."""
    subject = payload.get("data", {}).get("object", {})
    back = event_type.startswith(_REFUND_EVENTS + _DISPUTE_EVENTS + _WARNING_EVENTS)
    if back or event_type.endswith(".refunded"):
        return _goes_back(event_type, subject)
    if event_type.startswith(_SESSION_EVENTS):
        session_id = subject.get("id")
    else:
        intent = subject.get("id") if event_type.startswith("payment_intent.") else subject.get("payment_intent")
        session_id = _session_of(intent) if isinstance(intent, str) else None
    if not isinstance(session_id, str):
        return "no session of ours"
    return None if confirm(session_id).short_code else "no session of ours"


def _goes_back(event_type: str, subject: dict[str, Any]) -> str | None:
    """Apply what an event about a refund or a dispute hints at; return why it is not for us, or None.

    It may come before the events of its payment: then Stripe is asked about the payment first.

    :raises Unavailable: while the payment is not known, although it came by a session of ours; tried again later
    """
    intent = subject.get("payment_intent")
    if not isinstance(intent, str):
        return "of no payment intent"
    if not stripe_returns.is_known(intent):
        session_id = _session_of(intent)
        if session_id is None or not confirm(session_id).short_code:
            return "no session of ours"
    if event_type.startswith(_DISPUTE_EVENTS):
        done = stripe_returns.sync_dispute(str(subject.get("id")))
    elif event_type.startswith(_WARNING_EVENTS):
        done = stripe_returns.keep_warning(subject)
    else:
        done = stripe_returns.sync_refunds(intent)
    if not done:
        raise stripe_returns.parked(intent)
    return None


def _session_of(payment_intent_id: str) -> str | None:
    with transaction() as session:
        known = checkout.find_by_intent(session, payment_intent_id)
    return known or stripe.client().session_of_intent(payment_intent_id)


def sweep_inbox() -> int:
    """Ring again for events nobody handles; when Redis does not answer, handle them here. Return how many."""
    with transaction() as session:
        rows = inbox.waiting(session, older_than=_RING_GRACE)
    for row_id in rows:
        if not doorbell.ring_inbox(row_id, again=True):
            handle(row_id)
    return len(rows)
