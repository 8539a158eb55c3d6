"""How often a merchant's account is asked about: at once while somebody pays, seldom when nothing is expected.

Source: docs/decisions/, "The watcher: one cursor an account"; a thousand accounts must fit into one budget.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

WATCHED = dt.timedelta(seconds=2)
"""a customer has the pay page open"""
EXPECTING = dt.timedelta(minutes=1)
"""a link that showed this account is open"""
NEVER = dt.timedelta(days=36_500)
"""an account we have nothing to do with any more"""

# Nothing is open; the money that comes now is late, or was never asked for.
_QUIET_FOR = (
    (dt.timedelta(hours=1), dt.timedelta(minutes=5)),
    (dt.timedelta(days=1), dt.timedelta(minutes=15)),
    (dt.timedelta(days=7), dt.timedelta(hours=1)),
)
_QUIETEST = dt.timedelta(hours=6)

FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=2), dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Prospects:
    """What may still come to an account."""

    is_watched: bool
    """somebody has a pay page open that shows it"""
    is_expected: bool
    """an open link showed it"""
    quiet_since: dt.datetime
    """when it was last shown to anybody, or last got something"""
    is_done_with: bool = False
    """it was replaced, and no link that showed it can be paid any more"""


def next_poll(prospects: Prospects, now: dt.datetime) -> dt.timedelta:
    """Return how long to wait until the account is asked about again."""
    if prospects.is_watched:
        return WATCHED
    if prospects.is_expected:
        return EXPECTING
    if prospects.is_done_with:
        return NEVER
    quiet = now - prospects.quiet_since
    return next((wait for limit, wait in _QUIET_FOR if quiet < limit), _QUIETEST)


def pause_after(failures: int, *, retry_after: int = 0) -> dt.timedelta:
    """Return how long to leave an account alone after so many failures in a row, before chance is added.

    :param failures: this one included
    :param retry_after: seconds the mirror node, or our own budget, asked for
    """
    doublings: int = 2 ** min(max(failures - 1, 0), 10)
    doubled = FIRST_PAUSE * doublings
    return max(min(doubled, LONGEST_PAUSE), dt.timedelta(seconds=retry_after))
