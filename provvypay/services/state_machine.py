"""The legal steps of a link, as data, and the waits between tries. The same table stands in PostgreSQL as foreign keys.

docs/reference/states.md is written from this table; tests compare it with `link_transitions`.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict

S = LinkStatus

OPENED = "link.opened"
DRAFTED = "link.drafted"
DISCARDED = "link.discarded"
CANCELED = "link.canceled"
EXPIRED = "link.expired"
PAID = "link.paid"
PAID_IN_TIME_SEEN_LATE = "link.paid_in_time_seen_late"
PAID_WITHIN_GRACE = "link.paid_within_grace"
LATE_PAYMENT_ACCEPTED = "link.late_payment_accepted"
MARKED_PAID = "link.marked_paid"
MARK_UNDONE = "link.mark_undone"


@dataclass(frozen=True, slots=True)
class Step:
    """One legal step: from where, to where, and what happened."""

    source: LinkStatus
    target: LinkStatus
    event: str


TRANSITIONS: frozenset[Step] = frozenset(
    {
        Step(S.NEW, S.DRAFT, DRAFTED),
        Step(S.NEW, S.OPEN, OPENED),
        Step(S.DRAFT, S.OPEN, OPENED),
        Step(S.DRAFT, S.CANCELED, DISCARDED),
        Step(S.OPEN, S.PAID, PAID),
        Step(S.OPEN, S.EXPIRED, EXPIRED),
        Step(S.OPEN, S.CANCELED, CANCELED),
        Step(S.EXPIRED, S.PAID, PAID_IN_TIME_SEEN_LATE),
        Step(S.EXPIRED, S.PAID, PAID_WITHIN_GRACE),
        Step(S.EXPIRED, S.PAID, LATE_PAYMENT_ACCEPTED),
        Step(S.CANCELED, S.PAID, LATE_PAYMENT_ACCEPTED),
        Step(S.OPEN, S.PAID, MARKED_PAID),
        Step(S.EXPIRED, S.PAID, MARKED_PAID),
        Step(S.CANCELED, S.PAID, MARKED_PAID),
        Step(S.PAID, S.OPEN, MARK_UNDONE),
        Step(S.PAID, S.EXPIRED, MARK_UNDONE),
        Step(S.PAID, S.CANCELED, MARK_UNDONE),
    }
)


class IllegalStep(Conflict):
    """The link is not in a state from which this can happen."""

    code = "illegal_step"


def check_step(source: LinkStatus, target: LinkStatus, event: str) -> Step:
    """Return the step if it is legal.

    :raises IllegalStep: for a step that is not in the table
    """
    step = Step(source, target, event)
    if step not in TRANSITIONS:
        raise IllegalStep(
            f"{source} → {target} by {event}",
            public_message=(
                f"This link is {source.lower()} now, so that is no longer possible. Reload the page to see it."
            ),
        )
    return step


# Minutes and hours that most outages last; the same schedule for everything we do elsewhere.
RETRY_WAITS = (
    dt.timedelta(minutes=1),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=15),
    dt.timedelta(hours=1),
    dt.timedelta(hours=6),
)
MOST_ATTEMPTS = 1 + len(RETRY_WAITS)


def retry_wait(attempts: int) -> dt.timedelta | None:
    """Return how long to wait after so many failed tries; None = give up.

    The wait varies by ±10 % so that failures do not come back in step.

    :param attempts: tries made so far, at least 1
    """
    if attempts > len(RETRY_WAITS):
        return None
    return RETRY_WAITS[attempts - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
