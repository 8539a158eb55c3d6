"""The watcher: reads merchants' accounts off the mirror node, each as often as somebody waits for it, and never misses.

One cursor for each account, moved on in the transaction that stores what was found; every reading begins 120 seconds
before it, because records can appear behind newer ones, and every quarter of an hour the last day is read again. How
often, and what that costs, stands in docs/decisions/; docs/explanation/crypto-payments.md tells the story.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from provvypay.domain import hedera_cadence
from provvypay.domain.hedera_credits import Registry
from provvypay.domain.hedera_ids import moment_of, shifted, timestamp_at
from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows import hedera_presence
from provvypay.flows.hedera_intake import read_logs, read_transactions, take_in
from provvypay.integrations import hedera_mirror
from provvypay.integrations.hedera_mirror import MirrorNodeUnavailable
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.services import hedera_cursors, hedera_transfers
from provvypay.services.hedera_cursors import Account, Claimed, LeaseLost

log = structlog.get_logger(__name__)

register("watch.claimed", "watch.head", "watch.read", "watch.swept", "watch.finished")

OVERLAP_SECONDS = 120
SWEEP_EVERY = dt.timedelta(minutes=15)
SWEEP_OVER = dt.timedelta(hours=24)

AT_ONCE = 6
"""accounts read at the same time; each waits for the mirror node most of its time"""
CLAIMED_AT_ONCE = 18
RUN_SECONDS = 5.0
"""a run begins nothing new after this: the clock starts the next one"""
TURN_SECONDS = 20.0
"""an account that has more than this to tell goes on at its next turn, behind the others"""


def watch() -> int:
    """Read every account whose time has come, the longest due first; return how many were read."""
    network = settings().crypto_network
    if network is None:
        return 0
    read, ends = 0, time.monotonic() + RUN_SECONDS
    while time.monotonic() < ends:
        with transaction() as session:
            claimed = hedera_cursors.claim(session, network, most=CLAIMED_AT_ONCE)
        if not claimed:
            break
        failpoint("watch.claimed")
        read += _read_all(claimed)
    return read


def _read_all(claimed: Sequence[Claimed]) -> int:
    """Read accounts side by side, all up to the same moment of the mirror node's own clock."""
    try:
        head = hedera_mirror.client().head().consensus_timestamp
    except ProvvypayError as error:
        for one in claimed:
            _failed(one, error)
        log.warning("watch.no_head", accounts=len(claimed), error=str(error))
        return 0
    failpoint("watch.head")
    with transaction() as session:
        registry = hedera_transfers.registry(session, settings().hedera_network)
    if len(claimed) == 1:
        return int(read_one(claimed[0], head, registry))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="watch") as pool:
        turns = [pool.submit(contextvars.copy_context().run, read_one, one, head, registry) for one in claimed]
        return sum(turn.result() for turn in turns)


def read_one(claimed: Claimed, head: str, registry: Registry) -> bool:
    """Read one account under its lease; say whether that was done. Its row knows when to try again."""
    try:
        _turn(claimed, head, registry)
    except LeaseLost:
        log.warning("watch.lease_lost", account=claimed.account_id)
        return False
    except Exception as error:
        _failed(claimed, error)
        expected = isinstance(error, Unavailable)
        level = 30 if expected else 40
        log.log(level, "watch.failed", account=claimed.account_id, error=str(error), exc_info=not expected)
        return False
    failpoint("watch.finished")
    return True


def catch_up(organization_id: uuid.UUID, hedera_account_id: uuid.UUID, since: dt.datetime, until: dt.datetime) -> int:
    """Read a span of an account again, everything in it, whatever was read before; return how many were new.

    :raises MirrorNodeUnavailable: nothing may be concluded about the span then
    """
    with transaction(organization_id) as session:
        account = hedera_cursors.account(session, hedera_account_id)
        registry = hedera_transfers.registry(session, account.network)
    # A moment has microseconds, a record nanoseconds: the last one belongs to it.
    end = shifted(timestamp_at(until), nanos=999)
    return _sweep(account, _from(account, timestamp_at(since)), end, registry)


def head_moment() -> dt.datetime:
    """Return how far the mirror node has got: the clock by which links that showed a quote expire.

    :raises MirrorNodeUnavailable: then nothing expires
    """
    return moment_of(hedera_mirror.client().head().consensus_timestamp)


def _turn(claimed: Claimed, head: str, registry: Registry) -> None:
    with transaction(claimed.organization_id) as session:
        account = hedera_cursors.account(session, claimed.hedera_account_id)
    low = _from(account, shifted(claimed.seen_until, seconds=-OVERLAP_SECONDS))
    sweeps = claimed.swept_until is None or moment_of(head) - claimed.swept_until >= SWEEP_EVERY
    if account.expects_erc20 and not sweeps:
        # Before the cursor moves: it stands for both ways of looking.
        for batch in read_logs(account, low, head, registry):
            take_in(account, batch.found, by="POLL")
    until, is_done = _poll(claimed, account, low, head, registry)
    failpoint("watch.read")
    swept_until = None
    if sweeps and is_done:
        start = moment_of(head) - SWEEP_OVER
        if claimed.swept_until is not None:
            start = min(start, claimed.swept_until - dt.timedelta(seconds=OVERLAP_SECONDS))
        _sweep(account, _from(account, timestamp_at(start)), head, registry)
        swept_until = moment_of(head)
        failpoint("watch.swept")
    is_watched = hedera_presence.is_watched(account.id)
    with transaction(claimed.organization_id) as session:
        prospects = hedera_cursors.prospects(session, account.id, is_watched=is_watched, now=now())
        wait = hedera_cadence.next_poll(prospects, now()) if is_done else dt.timedelta()
        hedera_cursors.finish(session, claimed, until, wait=wait, swept_until=swept_until)


def _poll(claimed: Claimed, account: Account, low: str, head: str, registry: Registry) -> tuple[str, bool]:
    """Read what is new, page by page; return up to where, and whether that is all there is.

    The cursor follows with each page that had something.
    """
    ends, until = time.monotonic() + TURN_SECONDS, claimed.seen_until
    for batch in read_transactions(account, low, head, registry, credit_only=not account.expects_outgoing):
        until = max(until, batch.until or until)
        if batch.found:
            take_in(account, batch.found, by="POLL", hold=partial(hedera_cursors.hold, claimed=claimed, until=until))
        # Never before something new was read: the overlap alone may fill a turn.
        if time.monotonic() > ends and until > claimed.seen_until:
            return until, until >= head
    return until, True


def _sweep(account: Account, low: str, until: str, registry: Registry) -> int:
    """Read a span whatever was read before, and let the mirror node leave nothing out; return how many were new."""
    new = 0
    for batch in read_logs(account, low, until, registry):
        new += len(take_in(account, batch.found, by="SWEEP"))
    for batch in read_transactions(account, low, until, registry, credit_only=False):
        new += len(take_in(account, batch.found, by="SWEEP"))
    return new


def _from(account: Account, low: str) -> str:
    """Return where to begin: what was before the account was ours may be another organization's."""
    return max(low, timestamp_at(account.since))


def _failed(claimed: Claimed, error: Exception) -> None:
    asked = error.retry_after if isinstance(error, MirrorNodeUnavailable) else 0
    pause = hedera_cadence.pause_after(claimed.failures + 1, retry_after=asked or 0)
    if asked:
        # Not about this account: it comes as soon as the mirror node is asked again.
        pause = dt.timedelta(seconds=asked)
    pause *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    with transaction(claimed.organization_id) as session:
        hedera_cursors.fail(session, claimed, f"{type(error).__name__}: {error}", wait=pause)
