"""Expire links whose time has passed, but never one whose card payment is still on its way."""

from __future__ import annotations

import uuid

import structlog

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows import doorbell, live, stripe_payment
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.services import checkout, link_expiry, payment_links

log = structlog.get_logger(__name__)

BATCH = 200
MOST_PER_RUN = 2000
"""a run ends in time for the next one, which goes on; what is late says so at the pay page by itself"""


def expire_links(*, batch: int = BATCH, most: int = MOST_PER_RUN) -> int:
    """Settle or expire links that are due, batch by batch, longest due first; return how many were expired.

    Stripe is asked no more in this run once it did not answer: links without an open card page go on.
    """
    expired = seen = 0
    last = link_expiry.FIRST_DUE
    stripe_answers = True
    while seen < most:
        with transaction() as session:
            due = link_expiry.due_expiries(session, most=min(batch, most - seen), after=last)
        if not due:
            break
        for link in due:
            try:
                expired += _expire(link.organization_id, link.link_id, ask_stripe=stripe_answers)
            except Unavailable as error:
                stripe_answers = False
                log.warning("expiry.waits", link=str(link.link_id), error=str(error))
            except ProvvypayError as error:
                log.warning("expiry.waits", link=str(link.link_id), error=str(error))
        seen += len(due)
        last = due[-1]
    return expired


def _expire(organization_id: uuid.UUID, link_id: uuid.UUID, *, ask_stripe: bool) -> bool:
    with transaction(organization_id) as session:
        sessions = checkout.open_sessions(session, link_id)
    if sessions and not ask_stripe:
        return False
    # First the card session is settled or ended: money that was faster than the clock wins.
    stripe_payment.end_sessions_of(sessions)
    with transaction(organization_id) as session:
        expired = payment_links.expire(session, link_id, now=now())
        if expired:
            short_code = payment_links.get(session, link_id).short_code
            on_commit(session, lambda: live.touch(short_code))
            doorbell.outbox_after_commit(session)
    return expired
