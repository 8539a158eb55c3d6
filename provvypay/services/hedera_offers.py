"""Which tokens a link can be paid with now, and why not with the others: the one place that decides what is offered.

A token is offered when the link names it, the merchant takes it, the registry's check of it passed, the merchant's
account can receive it, and its rate is fresh and undisputed (services/fx/offers.py). Anything else is a sentence, never
an error: cards do not depend on it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain import hedera_checks
from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import Rate, RateTable
from provvypay.kit.db import Statement
from provvypay.services.fx import offers as fx


class Why(StrEnum):
    """What keeps a token from being offered."""

    OFF = "OFF"
    """crypto is switched off: here, or by the merchant"""
    NOT_ACCEPTED = "NOT_ACCEPTED"
    """the merchant does not take this token"""
    NO_ACCOUNT = "NO_ACCOUNT"
    REGISTRY = "REGISTRY"
    """its id is not known on this network, was not checked yet, or is not what it should be"""
    ACCOUNT = "ACCOUNT"
    """the merchant's account cannot receive it"""
    RATE = "RATE"


@dataclass(frozen=True, slots=True)
class TokenOffer:
    """One token of one link, offered or not."""

    asset: str
    """HBAR, USDC, USDT or AUDD"""
    entity_id: str | None
    """HBAR, or the id of the token or contract; None when this network has none"""
    kind: str | None
    """native, hts or erc20"""
    decimals: int
    available: bool
    why_not: Why | None
    reason: str | None
    """why it is not offered, in a sentence for customers; None when it is"""
    hedera_account_id: uuid.UUID | None
    """row of the merchant's account; set whenever there is one"""
    account_id: str | None
    """the account itself, 0.0.x"""
    rate: Rate | None
    """what it would be quoted at now; None when it is not offered"""


# One row for each token the link may name: a token may have several ids on a network, or none.
_READ = Statement("""
    SELECT o.name, m.crypto_enabled, m.accepted_assets, a.id AS account_row, a.account_id, a.checks,
        r.asset, r.entity_id, r.kind, r.state
    FROM organizations o
    JOIN merchant_settings m ON m.organization_id = o.id
    LEFT JOIN hedera_accounts a ON a.organization_id = o.id AND a.network = :network AND a.state = 'ACTIVE'
    LEFT JOIN hedera_assets r ON r.network = :network AND r.is_configured
    WHERE o.id = :org ORDER BY r.entity_id
""")


def of_link(
    session: Session,
    organization_id: uuid.UUID,
    *,
    methods: Collection[str],
    currency: str,
    network: str | None,
    table: RateTable,
    now: dt.datetime,
) -> tuple[TokenOffer, ...]:
    """Return an offer for each token a link names, in the order of domain/assets.py; none for a link of cards alone.

    :param session: of a transaction in the link's organization
    :param methods: the link's
    :param currency: the link's
    :param network: settings().crypto_network: None while this installation takes no crypto
    :param table: flows.current_rates.current_rates(), read before the transaction
    """
    wanted = [asset for asset in ASSETS if asset in methods]
    if not wanted:
        return ()
    rows = _READ.run(session, {"org": organization_id, "network": network or "testnet"}).fetchall()
    if not rows:
        return ()
    return tuple(
        _offer(asset, row, rows[0], network=network, currency=currency, table=table, now=now)
        for asset in wanted
        for row in [one for one in rows if one.asset == asset] or [None]
    )


def _offer(
    asset: str,
    entry: Any,
    merchant: Any,
    *,
    network: str | None,
    currency: str,
    table: RateTable,
    now: dt.datetime,
) -> TokenOffer:
    refused = _refused(asset, entry, merchant, network=network)
    rate = None
    if refused is None:
        offered = fx.offer(asset, currency, table, now)
        if isinstance(offered, fx.Offered):
            rate = offered.rate
        else:
            refused = Why.RATE, offered.sentence
    return TokenOffer(
        asset=asset,
        entity_id=entry.entity_id if entry else None,
        kind=entry.kind if entry else None,
        decimals=ASSETS[asset].decimals,
        available=refused is None,
        why_not=refused[0] if refused else None,
        reason=refused[1] if refused else None,
        hedera_account_id=merchant.account_row,
        account_id=merchant.account_id,
        rate=rate,
    )


def _refused(asset: str, entry: Any, merchant: Any, *, network: str | None) -> tuple[Why, str] | None:
    """Return what keeps the token from being offered, whatever its rate; None when nothing does."""
    name, checks = merchant.name, merchant.checks or {}
    entity_id, state = (entry.entity_id, entry.state) if entry else ("", "")
    refusals = (
        (network is None, Why.OFF, "Crypto payments are switched off at the moment."),
        (not merchant.crypto_enabled, Why.OFF, f"{name} does not take crypto at the moment."),
        (asset not in merchant.accepted_assets, Why.NOT_ACCEPTED, f"{name} does not take {asset} at the moment."),
        (merchant.account_row is None, Why.NO_ACCOUNT, f"{name} has no account for crypto at the moment."),
        (entry is None, Why.REGISTRY, f"There is no {asset} on this network."),
        (state != "OK", Why.REGISTRY, f"{asset} is paused: its id on the network is being checked."),
        (
            not hedera_checks.can_receive(checks, entity_id),
            Why.ACCOUNT,
            f"{name} cannot receive {asset} at the moment.",
        ),
    )
    return next(((why, sentence) for stands, why, sentence in refusals if stands), None)
