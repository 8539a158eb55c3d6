"""Read the rates pages and flows work with: from Redis, and from PostgreSQL when Redis forgot. No vendor is called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from provvypay.domain.rates import Rate, RateTable
from provvypay.kit import cache
from provvypay.kit.db import transaction
from provvypay.services.fx import rates as stored_rates

_KEY = "fx:rates"
# Long enough to bridge an outage of the source; how old a rate may be is decided where it is used.
_SECONDS = 24 * 3600


def current_rates() -> RateTable:
    """Return the latest rates with their age; may be empty."""
    cached = cache.get_json(_KEY)
    if cached:
        return RateTable(
            Rate(
                asset,
                currency,
                Decimal(value),
                source,
                dt.datetime.fromisoformat(as_of),
                dt.datetime.fromisoformat(fetched_at),
            )
            for asset, currency, value, source, as_of, fetched_at in cached
        )
    with transaction() as session:
        table = stored_rates.load(session)
    if len(table):
        keep_in_cache(table)
    return table


def keep_in_cache(rates: Iterable[Rate]) -> bool:
    """Put rates where current_rates() looks first; say whether Redis took them."""
    return cache.set_json(
        _KEY,
        [
            (
                rate.asset,
                rate.currency,
                str(rate.value),
                rate.source,
                rate.as_of.isoformat(),
                rate.fetched_at.isoformat(),
            )
            for rate in rates
        ],
        seconds=_SECONDS,
    )
