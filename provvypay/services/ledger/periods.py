"""Close periods of the books and open them again: each word of an accountant is a row of its own, the last one holds.

Nothing that arrives is refused for a lock: journals.post() books it at the first open instant. Why, and what was tried
against it, stands in docs/decisions/0024-a-lock-moves-money-it-refuses-none.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from provvypay.errors import Conflict, Invalid
from provvypay.models.ledger import PeriodLock
from provvypay.services import audit

EARLIEST = dt.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class LockView:
    """One word of an accountant."""

    seq: int
    locked_through: dt.date | None
    """the last closed day; none: all is open"""
    time_zone: str
    open_from: dt.datetime | None
    reason: str
    by_name: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a change would do, for the person who is about to make it."""

    opens: bool
    """it opens what is closed, so it needs a reason"""
    before: dt.datetime | None
    """the first instant that would be open; none: everything"""
    journals: int
    """that would be closed by it, or open again"""
    open_exceptions: int
    """money of a time that would be closed, which still waits for a person"""


_HOLD = text("SELECT pg_advisory_xact_lock(books_key(:org))")
_LOCKS = text("""
    SELECT p.seq, p.locked_through, p.time_zone, p.open_from, p.reason, u.name AS by_name, p.created_at AS at
    FROM period_locks p JOIN users u ON u.id = p.locked_by
    WHERE p.organization_id = :org ORDER BY p.seq DESC LIMIT :most
""")
_INSTANT = text("SELECT (CAST(:day AS date) + 1)::timestamp AT TIME ZONE :zone")
_PROSPECT = text("""
    SELECT (SELECT count(*) FROM journals WHERE organization_id = :org
        AND effective_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
        AND effective_at < coalesce(CAST(:until AS timestamptz), 'infinity')) AS journals,
        (SELECT count(*) FROM payment_exceptions x
         LEFT JOIN payments p ON p.organization_id = x.organization_id AND p.id = x.payment_id
         LEFT JOIN hedera_transfers t ON t.organization_id = x.organization_id AND t.id = x.transfer_id
         WHERE x.organization_id = :org AND x.state <> 'RESOLVED'
            AND coalesce(p.occurred_at, to_timestamp(CAST(t.consensus_timestamp AS float8)))
                < coalesce(CAST(:wanted AS timestamptz), '-infinity')) AS open_exceptions
""")


def current(session: Session, organization_id: uuid.UUID) -> LockView | None:
    """Return the word that holds; None while nobody has ever closed anything."""
    return next(iter(history(session, organization_id, most=1)), None)


def history(session: Session, organization_id: uuid.UUID, *, most: int = 50) -> list[LockView]:
    """Return what was closed and opened, newest first."""
    return [_view(row) for row in session.execute(_LOCKS, {"org": organization_id, "most": most})]


def prospect(
    session: Session, organization_id: uuid.UUID, through: dt.date | None, *, time_zone: str, now: dt.datetime
) -> Prospect:
    """Say what a change would close or open.

    :raises Invalid: for a day that is not over, and for no change
    """
    last = current(session, organization_id)
    held = last.open_from if last else None
    wanted, opens = _wanted(session, through, time_zone, held, now)
    since, until = (wanted, held) if opens else (held, wanted)
    given = {"org": organization_id, "since": since, "until": until, "wanted": wanted}
    row = session.execute(_PROSPECT, given).one()
    return Prospect(opens, wanted, row.journals, row.open_exceptions)


def change(
    session: Session,
    organization_id: uuid.UUID,
    through: dt.date | None,
    *,
    seen: int,
    time_zone: str,
    reason: str,
    actor: audit.Actor,
    now: dt.datetime,
) -> None:
    """Close the books through a day, or open them again.

    :param through: the last day that is closed; None opens everything
    :param seen: the number of the lock the person saw, 0 for none
    :param time_zone: the organization's, in which the day ends
    :raises Conflict: when somebody else closed or opened since
    :raises Invalid: for a day that is not over, for no change, and for opening without a reason
    """
    # Alone from here to the commit: what is being posted commits first, what comes waits and then sees this lock.
    session.execute(_HOLD, {"org": organization_id})
    last = current(session, organization_id)
    if (last.seq if last else 0) != seen:
        raise Conflict(f"the books of {organization_id} are at lock {last.seq if last else 0}, not {seen}")
    held = last.open_from if last else None
    _, opens = _wanted(session, through, time_zone, held, now)
    if opens and not reason:
        raise Invalid({"reason": "Say why a closed period is opened again. It stays in the record."})
    session.execute(
        insert(PeriodLock).values(
            organization_id=organization_id,
            seq=seen + 1,
            locked_through=through,
            time_zone=time_zone,
            reason=reason,
            locked_by=actor.id,
        )
    )
    detail = {
        "organization_id": organization_id,
        "subject_type": "period_lock",
        "subject_id": str(seen + 1),
        "through": through.isoformat() if through else None,
        "before": last.locked_through.isoformat() if last and last.locked_through else None,
        "reason": reason,
    }
    if opens:
        audit.record(session, "period.opened", actor, **detail)  # type: ignore[arg-type]
    else:
        audit.record(session, "period.locked", actor, **detail)  # type: ignore[arg-type]


def _wanted(
    session: Session, through: dt.date | None, time_zone: str, held: dt.datetime | None, now: dt.datetime
) -> tuple[dt.datetime | None, bool]:
    """Return the first instant that would be open, and whether that opens what is closed; see change()."""
    if through is not None and not EARLIEST <= through < now.astimezone(ZoneInfo(time_zone)).date():
        raise Invalid({"through": "Choose a day that is over: yesterday or earlier."})
    wanted = _instant(session, through, time_zone) if through is not None else None
    if wanted == held:
        raise Invalid({"through": "The books stand so already. Choose another day."})
    return wanted, held is not None and (wanted is None or wanted < held)


def _instant(session: Session, day: dt.date, time_zone: str) -> dt.datetime:
    """Return the first instant after a day, as PostgreSQL will write it."""
    found: dt.datetime = session.execute(_INSTANT, {"day": day, "zone": time_zone}).scalar_one()
    return found


def _view(row: Any) -> LockView:
    return LockView(row.seq, row.locked_through, row.time_zone, row.open_from, row.reason, row.by_name, row.at)
