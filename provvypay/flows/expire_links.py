"""Expire links whose time has passed, but never one whose card payment is still on its way."""

from __future__ import annotations

import uuid

import structlog

from provvypay.errors import ProvvypayError
from provvypay.flows import doorbell, live, stripe_payment
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.services import checkout, payment_links

log = structlog.get_logger(__name__)


def expire_links(*, most: int = 200) -> int:
    """Settle or expire every link that is due; return how many were expired."""
    with transaction() as session:
        due = payment_links.due_expiries(session, most=most)
    return sum(_expire(organization_id, link_id) for organization_id, link_id in due)


def _expire(organization_id: uuid.UUID, link_id: uuid.UUID) -> bool:
    with transaction(organization_id) as session:
        sessions = checkout.open_sessions(session, link_id)
    try:
        # First the card session is settled or ended: money that was faster than the clock wins.
        stripe_payment.end_sessions_of(sessions)
    except ProvvypayError as error:
        log.warning("expiry.waits", link=str(link_id), error=str(error))
        return False
    with transaction(organization_id) as session:
        expired = payment_links.expire(session, link_id, now=now())
        if expired:
            short_code = payment_links.get(session, link_id).short_code
            on_commit(session, lambda: live.touch(short_code))
            doorbell.outbox_after_commit(session)
    return expired
