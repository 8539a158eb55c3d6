"""Fill in rates that were missing when a link was made or settled, and forget history that nothing reads any more."""

from __future__ import annotations

import structlog

from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.fx import rates, snapshots

log = structlog.get_logger(__name__)

AT_ONCE = 500
"""Rows of one transaction, so that none of them is locked for long."""


def fill_snapshots() -> int:
    """Fill in every missing rate that is known by now; return how many.

    A rate of today says nothing about yesterday: only one that was so within 15 minutes of the snapshot counts.
    """
    total = 0
    while True:
        with transaction() as session:
            filled = snapshots.fill(session, most=AT_ONCE)
        total += filled
        if filled < AT_ONCE:
            break
    if total:
        log.info("rates.filled", count=total)
    return total


def prune_history() -> int:
    """Delete accepted rates older than two days; return how many."""
    with transaction() as session:
        return rates.prune(session, now=now())
