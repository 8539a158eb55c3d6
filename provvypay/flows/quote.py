"""Choosing a token on the pay page: a quote for what is due, kept as an attempt to pay."""

from __future__ import annotations

from provvypay.errors import NotFound
from provvypay.flows import hedera_presence, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit import clock
from provvypay.kit.db import in_transaction, transaction
from provvypay.kit.settings import settings
from provvypay.services import payment_links, quotes


def choose(short_code: str, asset: str) -> None:
    """Give a quote in this token, or find the one that still holds; whoever chose is watched for from now on.

    :param short_code: normalized
    :raises NotFound: for a code nobody has, and for a draft
    :raises Gone: when the link cannot be paid any more
    :raises Conflict: when the token is not offered; its message says why
    """
    rates, network = current_rates(), settings().crypto_network
    with transaction() as session:
        found = payment_links.find_by_code(session, short_code)
    if found is None:
        raise NotFound(f"short code {short_code}")
    organization_id, link_id = found
    account_id = in_transaction(
        lambda session: quotes.give(session, link_id, asset, rates, network=network, now=clock.now()), organization_id
    )
    live.touch(short_code)
    hedera_presence.customer_is_watching(account_id)
