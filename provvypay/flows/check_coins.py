"""Whether CoinGecko still knows our tokens by the ids we ask for: to it a wrong id is no error, just no price.

Without this look a coin that was renamed reads like one whose price is away for a while.
"""

from __future__ import annotations

import structlog

from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import COINGECKO
from provvypay.integrations import coingecko
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.fx import sources

log = structlog.get_logger(__name__)


def check_coins() -> tuple[str, ...]:
    """Return the tokens whose id CoinGecko does not know, and cry out about them.

    They get no rate from it, so they are not offered; the platform's page of sources says why.

    :raises CoinGeckoUnavailable: nothing is known; it is not even asked while it wants to be left alone
    """
    with transaction() as session:
        not_before = sources.not_before(session, COINGECKO)
    if not_before is not None and now() < not_before:
        raise coingecko.CoinGeckoUnavailable("it wants to be left alone for now")
    known = coingecko.client().coins()
    unknown = tuple(asset.code for asset in ASSETS.values() if asset.coingecko_id not in known)
    if unknown:
        names = ", ".join(f"{code} as {ASSETS[code].coingecko_id}" for code in unknown)
        log.error("alert.coins_unknown", coins=names)
        with transaction() as session:
            sources.note(session, COINGECKO, f"It does not know {names}: no rate for it will come.", at=now())
    return unknown
