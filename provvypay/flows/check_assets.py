"""Hold every configured token against the network: a wrong id, symbol or number of decimals switches it off, loudly."""

from __future__ import annotations

import structlog

from provvypay.domain.hedera_assets import ERC20, NATIVE, RegistryEntry, registry, what_differs, what_was_not_compared
from provvypay.errors import Unavailable
from provvypay.integrations import hedera_mirror
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import hedera_assets
from provvypay.services.hedera_assets import Found

log = structlog.get_logger(__name__)


def check_assets() -> int:
    """Check the tokens of the network in use; return how many are not as they must be.

    What the mirror node cannot be asked about stays as it was.

    :raises Unavailable: when it could not be asked about some; they are asked about again in a minute
    """
    chosen = settings()
    entries = registry(chosen.hedera_network, chosen.hedera_assets)
    with transaction() as session:
        hedera_assets.put_in_place(session, chosen.hedera_network, entries, now=now())
    if chosen.crypto_network is None:
        return 0
    found: dict[str, Found] = {}
    trouble: Unavailable | None = None
    for entry in entries:
        if entry.kind == NATIVE:
            continue
        try:
            found[entry.entity_id] = _look_at(entry)
        except Unavailable as error:
            trouble = error
    with transaction() as session:
        new = hedera_assets.write_down(session, chosen.hedera_network, found, now=now())
        wrong = hedera_assets.troubles(session, chosen.hedera_network)
    for sentence in new:
        log.error("hedera.asset_switched_off", network=chosen.hedera_network, what=sentence)
    if trouble is not None:
        raise trouble
    return len(wrong)


def _look_at(entry: RegistryEntry) -> Found:
    client = hedera_mirror.client()
    state = client.contract(entry.entity_id) if entry.kind == ERC20 else client.token(entry.entity_id)
    return Found(what_differs(entry, state), what_was_not_compared(state))
