"""Expire links whose time has passed, but never one whose payment is still on its way, by card or by token."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows import doorbell, hedera_watch, live, stripe_payment
from provvypay.integrations.hedera_mirror import MirrorNodeUnavailable
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.services import checkout, link_expiry, payment_links
from provvypay.services.link_expiry import DueLink, Shown

log = structlog.get_logger(__name__)

register("expire.caught_up", "expire.expired")

BATCH = 200
MOST_PER_RUN = 2000
"""a run ends in time for the next one, which goes on; what is late says so at the pay page by itself"""
MIRROR_GRACE = dt.timedelta(seconds=60)
"""how far the mirror node's own clock must have passed a link's end before nothing in time can still appear"""
BEFORE_THE_QUOTE = dt.timedelta(minutes=2)
"""our clock and the network's may differ by so much"""
MIRROR_SECONDS = 10.0
"""of a run, for reading accounts again; what is left waits for the next one"""


@dataclass
class _Vendors:
    """What was learnt of the vendors in this run: who does not answer is asked no more, nobody is asked twice."""

    stripe_answers: bool = True
    mirror_answers: bool = True
    head: dt.datetime | None = None
    read: dict[uuid.UUID, dt.datetime] = field(default_factory=dict)
    """account → since when it has been read again in this run, up to the head"""
    mirror_ends: float = field(default_factory=lambda: time.monotonic() + MIRROR_SECONDS)


def expire_links(*, batch: int = BATCH, most: int = MOST_PER_RUN) -> int:
    """Settle or expire links that are due, batch by batch, longest due first; return how many were expired.

    A vendor is asked no more in this run once it did not answer: links that never needed it go on.
    """
    expired = seen = 0
    last = link_expiry.FIRST_DUE
    vendors = _Vendors()
    while seen < most:
        with transaction() as session:
            due = link_expiry.due_expiries(session, most=min(batch, most - seen), after=last)
        if not due:
            break
        for link in due:
            try:
                expired += _expire(link, vendors)
            except ProvvypayError as error:
                if isinstance(error, MirrorNodeUnavailable):
                    vendors.mirror_answers = False
                elif isinstance(error, Unavailable):
                    vendors.stripe_answers = False
                log.warning("expiry.waits", link=str(link.link_id), error=str(error))
        seen += len(due)
        last = due[-1]
    return expired


def _expire(link: DueLink, vendors: _Vendors) -> bool:
    with transaction(link.organization_id) as session:
        sessions = checkout.open_sessions(session, link.link_id)
        shown = link_expiry.shown_accounts(session, link, settings().hedera_network)
    if (sessions and not vendors.stripe_answers) or (shown and not vendors.mirror_answers):
        return False
    # First the card session is settled or ended, then the ledger is read: money that was faster than the clock wins.
    stripe_payment.end_sessions_of(sessions)
    if shown and not _ledger_is_read(link, shown, vendors):
        return False
    failpoint("expire.caught_up")
    with transaction(link.organization_id) as session:
        expired = payment_links.expire(session, link.link_id, now=now())
        if expired:
            short_code = payment_links.get(session, link.link_id).short_code
            on_commit(session, lambda: live.touch(short_code))
            doorbell.outbox_after_commit(session)
    failpoint("expire.expired")
    return expired


def _ledger_is_read(link: DueLink, shown: Sequence[Shown], vendors: _Vendors) -> bool:
    """Say whether all that was paid in time is known by now: a mirror node that is late delays the end, not money.

    :raises MirrorNodeUnavailable: not known, then
    """
    if vendors.head is None:
        vendors.head = hedera_watch.head_moment()
    if vendors.head < link.expires_at + MIRROR_GRACE:
        log.info("expiry.mirror_is_behind", link=str(link.link_id), head=vendors.head.isoformat())
        return False
    for account in shown:
        since = account.since - BEFORE_THE_QUOTE
        read_since = vendors.read.get(account.hedera_account_id)
        if read_since is not None and read_since <= since:
            continue
        if time.monotonic() > vendors.mirror_ends:
            return False
        until = vendors.head if read_since is None else read_since
        hedera_watch.catch_up(link.organization_id, account.hedera_account_id, since, until)
        vendors.read[account.hedera_account_id] = since
    return True
