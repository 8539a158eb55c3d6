"""The last good rates in PostgreSQL: what remains when Redis forgot."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.domain.rates import Rate, RateTable
from provvypay.models.fx import FxRate


def load(session: Session) -> RateTable:
    """Return the last good rate of every pair."""
    return RateTable(
        Rate(row.asset, row.currency, row.rate, row.source, row.as_of, row.fetched_at)
        for row in session.scalars(select(FxRate))
    )


def store(session: Session, rates: Iterable[Rate]) -> int:
    """Keep these as the last good rates, unless a newer one is there; return how many were given."""
    values = [
        {
            "asset": rate.asset,
            "currency": rate.currency,
            "rate": rate.value,
            "source": rate.source,
            "as_of": rate.as_of,
            "fetched_at": rate.fetched_at,
        }
        for rate in sorted(rates, key=lambda rate: (rate.asset, rate.currency))
    ]
    if not values:
        return 0
    statement = insert(FxRate)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[FxRate.asset, FxRate.currency],
            set_={"rate": new.rate, "source": new.source, "as_of": new.as_of, "fetched_at": new.fetched_at},
            where=FxRate.fetched_at <= new.fetched_at,
        ),
        values,
    )
    return len(values)


def newest(session: Session) -> object:
    """Return when rates were last fetched, or None."""
    return session.scalar(select(func.max(FxRate.fetched_at)))
