"""Fetch the events whose webhooks never came: an outage longer than Stripe's patience loses nothing.

What is new goes into the inbox as if it had been delivered; what is known ends there, quietly.
"""

from __future__ import annotations

import datetime as dt

import structlog

from provvypay.flows import doorbell
from provvypay.flows.stripe_webhook import not_for_us
from provvypay.integrations import stripe
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import inbox

log = structlog.get_logger(__name__)

# Stripe keeps events for 30 days; events of the last minutes are still being delivered.
LONGEST = dt.timedelta(days=29)
OVERLAP = dt.timedelta(hours=2)


def backfill_events() -> int:
    """Store what was not delivered since the last event we know, with an overlap; return how many were new.

    :raises StripeUnavailable: the next run asks again from the same moment
    """
    if not settings().card_payments_on:
        return 0
    moment = now()
    with transaction() as session:
        newest = inbox.newest(session, "STRIPE")
    since = max((newest or moment) - OVERLAP, moment - LONGEST)
    missed = 0
    for event in stripe.client().events_since(since):
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
        if row_id is not None:
            missed += 1
            doorbell.ring_inbox(row_id)
    if missed:
        log.warning("stripe.events_missed", count=missed, since=since.isoformat())
    return missed
