"""Rates in PostgreSQL: the accepted ones, those that wait, and two days of history. What remains when Redis forgot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from provvypay.domain import rate_rules as rules
from provvypay.domain.rate_rules import Cross
from provvypay.domain.rates import Rate, RateTable
from provvypay.kit.db import changed
from provvypay.models.fx import FxRate, FxRateHistory, FxSource

KEPT = dt.timedelta(hours=48)
"""How long accepted rates are kept: twice what a cross rate may be made from."""


def load(session: Session) -> RateTable:
    """Return the last accepted rate of every pair, what waits, and what each source said last."""
    rows = session.scalars(select(FxRate)).all()
    return RateTable(
        (Rate(row.asset, row.currency, row.rate, row.source, row.as_of, row.fetched_at, row.made_from) for row in rows),
        held=filter(None, map(_held, rows)),
        said=filter(None, map(_said, session.scalars(select(FxSource)))),
    )


def _held(row: FxRate) -> Rate | None:
    if row.held_rate is None or row.held_source is None or row.held_as_of is None or row.held_fetched_at is None:
        return None
    return Rate(row.asset, row.currency, row.held_rate, row.held_source, row.held_as_of, row.held_fetched_at)


def _said(row: FxSource) -> Rate | None:
    if row.hbar_usd is None or row.hbar_usd_as_of is None or row.answered_at is None:
        return None
    return Rate("HBAR", "USD", row.hbar_usd, row.source, row.hbar_usd_as_of, row.answered_at)


def store(session: Session, rates: Iterable[Rate]) -> int:
    """Keep these as the last accepted rates, unless a newer one is there, and in the history; return how many came.

    What waited for a pair is gone: it was confirmed, or it was not.
    """
    ordered = sorted(rates, key=lambda rate: (rate.asset, rate.currency))
    if not ordered:
        return 0
    values = [_values(rate) for rate in ordered]
    statement = upsert(FxRate)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[FxRate.asset, FxRate.currency],
            set_={
                **{name: getattr(new, name) for name in ("rate", "source", "as_of", "fetched_at", "made_from")},
                **dict.fromkeys(("held_rate", "held_source", "held_as_of", "held_fetched_at")),
            },
            where=FxRate.fetched_at <= new.fetched_at,
        ),
        values,
    )
    session.execute(upsert(FxRateHistory).on_conflict_do_nothing(), values)
    return len(values)


def _values(rate: Rate) -> dict[str, Any]:
    return {
        "asset": rate.asset,
        "currency": rate.currency,
        "rate": rate.value,
        "source": rate.source,
        "as_of": rate.as_of,
        "fetched_at": rate.fetched_at,
        "made_from": rate.made_from,
    }


def hold(session: Session, rates: Iterable[Rate]) -> None:
    """Let these wait beside the accepted rates of their pairs, until the next fetch confirms them or does not."""
    for rate in sorted(rates, key=lambda rate: (rate.asset, rate.currency)):
        session.execute(
            update(FxRate)
            .where(FxRate.asset == rate.asset, FxRate.currency == rate.currency)
            .values(
                held_rate=rate.value, held_source=rate.source, held_as_of=rate.as_of, held_fetched_at=rate.fetched_at
            )
        )


# One short walk down the index for each pair, from its newest rate on. Accepted figures of one source and one fetch
# only: a cross rate made from cross rates would lead away from what anybody ever quoted.
_CROSSES = text("""
    SELECT p.asset, p.currency, f.in_currency, f.in_usd, f.as_of
    FROM fx_rates p CROSS JOIN LATERAL (
        SELECT c.rate AS in_currency, u.rate AS in_usd, least(c.as_of, u.as_of) AS as_of
        FROM fx_rate_history c
        JOIN fx_rate_history u ON u.fetched_at = c.fetched_at AND u.asset = c.asset AND u.currency = 'USD'
            AND u.source = 'COINGECKO'
        WHERE c.asset = p.asset AND c.currency = p.currency AND c.source = 'COINGECKO' AND c.as_of >= :since
        ORDER BY c.as_of DESC, c.fetched_at DESC LIMIT 1) f
    WHERE p.currency <> 'USD'
""")


def crosses(session: Session, *, since: dt.datetime) -> list[Cross]:
    """Return how much of each currency a dollar was, as each token last showed it."""
    return [
        Cross(row.asset, row.currency, row.in_currency, row.in_usd, row.as_of)
        for row in session.execute(_CROSSES, {"since": since})
    ]


def prune(session: Session, *, now: dt.datetime) -> int:
    """Delete history that nothing reads any more; return how many rows."""
    return changed(session.execute(delete(FxRateHistory).where(FxRateHistory.fetched_at < now - KEPT)))


def sources_apart(session: Session, *, now: dt.datetime) -> Decimal | None:
    """Return by how much the sources of HBAR in USD differ, without reading the whole table; None: cannot be said."""
    return rules.sources_apart(RateTable(said=filter(None, map(_said, session.scalars(select(FxSource))))), now)


def newest(session: Session) -> dt.datetime | None:
    """Return when a rate was last accepted, or None."""
    return session.scalar(select(func.max(FxRate.fetched_at)))
