"""Read the rates pages and flows work with: from this process, from Redis, else from PostgreSQL. No vendor is called.

A process keeps the table for a second, and one of its threads fetches while the others wait: however many pages are
read at once, Redis is asked once a second, and PostgreSQL only after Redis forgot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from provvypay.domain.rates import Rate, RateTable
from provvypay.kit import cache, counters
from provvypay.kit.db import transaction
from provvypay.services.fx import rates as stored_rates

KEY = "fx:table:2"
# As long as a rate may be used without another fetch; then PostgreSQL is asked again and says how old it is.
_SECONDS = 15 * 60
_IN_PROCESS_SECONDS = 1.0

_brief: cache.Brief[RateTable] = cache.Brief(_IN_PROCESS_SECONDS)


def current_rates() -> RateTable:
    """Return the accepted rates with their age; may be empty.

    Counted as a hit unless PostgreSQL had to be asked.
    """
    table, fetched = _brief.get(_fetch)
    if not fetched:
        counters.count("rates.cache", "hit")
    return table


def _fetch() -> RateTable:
    cached = cache.get_json(KEY)
    if cached:
        counters.count("rates.cache", "hit")
        return RateTable(_unpacked(cached["rates"]), held=_unpacked(cached["held"]), said=_unpacked(cached["said"]))
    counters.count("rates.cache", "miss")
    with transaction() as session:
        table = stored_rates.load(session)
    if len(table):
        _put_into_redis(table)
    return table


def keep_in_cache(table: RateTable) -> bool:
    """Put rates where current_rates() looks first; say whether Redis took them."""
    taken = _put_into_redis(table)
    _brief.forget()
    return taken


def _put_into_redis(table: RateTable) -> bool:
    packed = {"rates": _packed(table), "held": _packed(table.held.values()), "said": _packed(table.said.values())}
    return cache.set_json(KEY, packed, seconds=_SECONDS)


def _packed(rates: Iterable[Rate]) -> list[tuple[str, ...]]:
    return [
        (
            rate.asset,
            rate.currency,
            str(rate.value),
            rate.source,
            rate.as_of.isoformat(),
            rate.fetched_at.isoformat(),
            rate.made_from,
        )
        for rate in rates
    ]


def _unpacked(rows: Iterable[tuple[str, ...]]) -> list[Rate]:
    return [
        Rate(
            asset,
            currency,
            Decimal(value),
            source,
            dt.datetime.fromisoformat(as_of),
            dt.datetime.fromisoformat(fetched_at),
            made_from,
        )
        for asset, currency, value, source, as_of, fetched_at, made_from in rows
    ]
