"""The sources of rates: one fetch at a time has them, each answer and each failure is written down, and waits are kept.

A fetch leases all sources at once. A second one finds them leased and does nothing, so a slow vendor, an impatient
schedule or two clocks never make two calls out of one, and the vendor's budget holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from provvypay.domain.rates import SOURCE_NAMES, Rate
from provvypay.kit.db import changed
from provvypay.models.fx import FxSource

LEASE_SECONDS = 90
"""Longer than the slowest fetch of both sources with its retries."""

LEAST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 3600
"""A monthly quota answers like a rate limit and does not clear soon: the wait doubles up to this."""
REFUSED_WAIT_SECONDS = 300
"""A wrong key waits for a person; asking every minute would not help them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to ask one source now."""

    source: str
    token: int
    failures: int
    """in a row, before this fetch"""
    not_before: dt.datetime | None
    """do not ask before this"""


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as the platform's page shows it; times are None for what never happened."""

    source: str
    name: str
    asked_at: dt.datetime | None
    answered_at: dt.datetime | None
    failed_at: dt.datetime | None
    last_error: str
    failures: int
    not_before: dt.datetime | None
    hbar_usd: Decimal | None
    hbar_usd_as_of: dt.datetime | None


# `now()` is the same for all rows, so a lease of several ends as a whole.
_CLAIM = text("""
    INSERT INTO fx_sources AS s (source, lease_until, lease_token, asked_at)
    SELECT name, now() + make_interval(secs => :seconds), 1, now() FROM unnest(CAST(:names AS text[])) AS name
    ORDER BY name
    ON CONFLICT (source) DO UPDATE SET lease_until = excluded.lease_until, lease_token = s.lease_token + 1
        WHERE coalesce(s.lease_until, '-infinity') < now()
    RETURNING source, lease_token, failures, not_before
""")

_ANSWERED = text("""
    UPDATE fx_sources SET lease_until = NULL, asked_at = :at, answered_at = :at, failures = 0, not_before = NULL,
        hbar_usd = coalesce(:hbar_usd, hbar_usd), hbar_usd_as_of = coalesce(:as_of, hbar_usd_as_of)
    WHERE source = :source AND lease_token = :token
""")

_FAILED = text("""
    UPDATE fx_sources SET lease_until = NULL, asked_at = :at, failed_at = :at, failures = failures + 1,
        last_error = :error, not_before = :not_before
    WHERE source = :source AND lease_token = :token
""")

_NOTE = text("""
    INSERT INTO fx_sources (source, failed_at, last_error) VALUES (:source, :at, :error)
    ON CONFLICT (source) DO UPDATE SET failed_at = excluded.failed_at, last_error = excluded.last_error
""")

_LEFT_ALONE = text("UPDATE fx_sources SET lease_until = NULL WHERE source = :source AND lease_token = :token")


def claim(session: Session, names: Sequence[str]) -> dict[str, Claim] | None:
    """Lease all these sources, or none: None while another fetch has them."""
    rows = session.execute(_CLAIM, {"names": list(names), "seconds": LEASE_SECONDS}).all()
    if len(rows) < len(names):
        return None
    return {row.source: Claim(row.source, row.lease_token, row.failures, row.not_before) for row in rows}


def answered(session: Session, claimed: Claim, hbar_usd: Rate | None, *, at: dt.datetime) -> bool:
    """Write down a good answer and end the lease; say whether it was still ours.

    :param hbar_usd: what the source said of HBAR in USD, if it did
    """
    given = {
        "source": claimed.source,
        "token": claimed.token,
        "at": at,
        "hbar_usd": hbar_usd.value if hbar_usd else None,
        "as_of": hbar_usd.as_of if hbar_usd else None,
    }
    return changed(session.execute(_ANSWERED, given)) == 1


def failed(session: Session, claimed: Claim, error: str, *, at: dt.datetime, wait_seconds: int) -> bool:
    """Write down a failure and end the lease; say whether it was still ours.

    :param wait_seconds: how long the source is left alone; 0: the next fetch may ask again
    """
    given = {
        "source": claimed.source,
        "token": claimed.token,
        "at": at,
        "error": error[:500],
        "not_before": at + dt.timedelta(seconds=wait_seconds) if wait_seconds else None,
    }
    return changed(session.execute(_FAILED, given)) == 1


def left_alone(session: Session, claimed: Claim) -> bool:
    """End the lease of a source that was not asked; say whether it was still ours."""
    return changed(session.execute(_LEFT_ALONE, {"source": claimed.source, "token": claimed.token})) == 1


def not_before(session: Session, source: str) -> dt.datetime | None:
    """Return until when a source wants to be left alone, if it said so."""
    return session.scalar(select(FxSource.not_before).where(FxSource.source == source))


def note(session: Session, source: str, error: str, *, at: dt.datetime) -> None:
    """Write down what is wrong with a source that answers all the same; it is asked as before."""
    session.execute(_NOTE, {"source": source, "error": error[:500], "at": at})


def limited_for(failures: int, retry_after: int | None) -> int:
    """Return how many seconds a source is left alone after a rate limit: what it asked for, and more each time.

    :param failures: in a row, before this one
    """
    doubled: int = LEAST_WAIT_SECONDS * 2 ** min(failures, 6)
    return min(max(retry_after or 0, min(doubled, LONGEST_WAIT_SECONDS)), 24 * 3600)


def views(session: Session) -> list[SourceView]:
    """Return every source that was ever asked."""
    return [
        SourceView(
            row.source,
            SOURCE_NAMES[row.source],
            row.asked_at,
            row.answered_at,
            row.failed_at,
            row.last_error,
            row.failures,
            row.not_before,
            row.hbar_usd,
            row.hbar_usd_as_of,
        )
        for row in session.scalars(select(FxSource).order_by(FxSource.source))
    ]
