"""Fetch every token in every currency with one call, keep the last good ones in PostgreSQL, hurry with Redis."""

from __future__ import annotations

import structlog

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.rates import Rate
from provvypay.flows.current_rates import keep_in_cache
from provvypay.integrations import coingecko
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.fx import rates as stored_rates

log = structlog.get_logger(__name__)


def refresh_rates() -> int:
    """Fetch and keep all rates; return how many there were.

    :raises CoinGeckoUnavailable: nothing changed, the old rates keep their age
    """
    by_coin = {asset.coingecko_id: asset.code for asset in ASSETS.values()}
    prices = coingecko.client().prices(list(by_coin), list(CURRENCIES))
    fetched_at = now()
    rates = [
        Rate(by_coin[price.coin_id], price.currency, price.value, "COINGECKO", price.as_of, fetched_at)
        for price in prices
    ]
    missing = len(ASSETS) * len(CURRENCIES) - len(rates)
    if missing:
        log.warning("rates.missing", count=missing)
    with transaction() as session:
        stored_rates.store(session, rates)
        # Read back: a pair that is missing this time keeps its last good rate, with its age.
        table = stored_rates.load(session)
    keep_in_cache(table)
    log.info("rates.refreshed", count=len(rates))
    return len(rates)
