"""A merchant who takes tokens, links that may be paid with them, and transfers as the watcher would store them."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import uuid
from collections.abc import Collection

from provvypay.domain import hedera_ids
from provvypay.domain.hedera_assets import registry
from provvypay.domain.hedera_checks import Check, Verdict, stored
from provvypay.domain.statuses import TransferConcern
from provvypay.domain.transfers import StoredTransfer
from provvypay.flows import create_link, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services.crypto_settlement import Applied, apply_transfer
from provvypay.services.payment_links import LinkDetails
from tests.support.database import Observer, acting_as
from tests.support.factories import Make, Merchant

TOKENS = ("HBAR", "USDC", "USDT", "AUDD")
ASSETS_OF_THE_TESTS = "USDT=hts:0.0.5000101 AUDD=erc20:0.0.5000202"
ENTRIES = {entry.asset: entry for entry in registry("testnet", ASSETS_OF_THE_TESTS)}


def takes_tokens(
    observer: Observer, merchant: Merchant, *, accepted: Collection[str] = TOKENS, window: int = 900
) -> str:
    """Give an organization a Hedera account that can receive every token; return its id on the ledger."""
    account = f"0.0.{secrets.randbelow(10**9) + 5000}"
    for entry in ENTRIES.values():
        observer.sql(
            "INSERT INTO hedera_assets (network, entity_id, asset, kind, symbol, decimals, state, checked_at)"
            " VALUES ('testnet', :entity, :asset, :kind, :symbol, :decimals, 'OK', now())"
            " ON CONFLICT (network, entity_id) DO UPDATE SET state = 'OK', checked_at = now(), is_configured = true",
            entity=entry.entity_id, asset=entry.asset, kind=entry.kind, symbol=entry.symbols[0],
            decimals=entry.decimals,
        )  # fmt: skip
    checks = [Check("account", account, Verdict.OK, "It exists.")]
    checks += [Check(entry.entity_id, entry.asset, Verdict.OK, "It can.") for entry in ENTRIES.values()]
    row = uuid7()
    observer.sql(
        "INSERT INTO hedera_accounts (id, organization_id, network, account_id, checks, checked_at)"
        " VALUES (:id, :org, 'testnet', :account, CAST(:checks AS jsonb), now())",
        id=row, org=merchant.organization_id, account=account, checks=json.dumps(stored(checks)),
    )  # fmt: skip
    observer.sql(
        "INSERT INTO hedera_cursors (hedera_account_id, organization_id, network, account_id, seen_until)"
        " VALUES (:id, :org, 'testnet', :account, :at)",
        id=row, org=merchant.organization_id, account=account, at=hedera_ids.timestamp_at(now()),
    )  # fmt: skip
    observer.sql(
        "UPDATE merchant_settings SET crypto_enabled = true, accepted_assets = :accepted,"
        " quote_window_seconds = :window WHERE organization_id = :org",
        org=merchant.organization_id, accepted=list(accepted), window=window,
    )  # fmt: skip
    return account


def token_link(
    make: Make,
    *,
    methods: tuple[str, ...] = ("CARD", *TOKENS),
    amount_minor: int = 1240_00,
    expires_at: dt.datetime | None = None,
    description: str = "Oak bench",
    merchant: Merchant | None = None,
) -> PaymentLink:
    """Make an open link that may be paid with tokens."""
    merchant = merchant or make.merchant
    details = LinkDetails(amount_minor, merchant.currency, description, "INV-2041", expires_at, methods=methods)
    return create_link.create_link(merchant.organization_id, details, actor=merchant.actor, open_now=True)


def arrives(
    observer: Observer,
    link: PaymentLink,
    asset: str | None,
    units: int,
    *,
    at: dt.datetime | None = None,
    memo: str | None = None,
    concern: TransferConcern | None = None,
    names_the_link: bool = True,
) -> Applied:
    """Let tokens reach the merchant's account: the transfer is stored and does what it does."""
    account = observer.sql(
        "SELECT id, account_id, network FROM hedera_accounts WHERE organization_id = :org AND state = 'ACTIVE'",
        org=link.organization_id,
    )[0]
    entry = ENTRIES.get(asset or "")
    moment = hedera_ids.timestamp_at(at or now())
    moment = f"{moment[:-3]}{secrets.randbelow(1000):03}"
    transfer = StoredTransfer(
        id=uuid7(),
        organization_id=link.organization_id,
        hedera_account_id=account.id,
        network=account.network,
        account_id=account.account_id,
        direction="IN",
        consensus_timestamp=moment,
        transaction_id=f"0.0.2002-{moment.replace('.', '-')}",
        kind=entry.kind if entry else "hts",
        entity_id=entry.entity_id if entry else "0.0.666",
        asset=asset,
        asset_amount=units,
        memo=link.short_code if memo is None else memo,
        sender="0.0.2002",
        link_id=link.id if names_the_link else None,
        concern=concern,
    )
    columns = {name: getattr(transfer, name) for name in StoredTransfer.__slots__}
    columns["amount"] = columns.pop("asset_amount")
    columns |= {"nonce": 0, "scheduled": False, "name": "CRYPTOTRANSFER", "result": "SUCCESS", "found_by": "POLL"}
    places = ", ".join(f":{name}" for name in columns)
    observer.sql(f"INSERT INTO hedera_transfers ({', '.join(columns)}, evidence) VALUES ({places}, '{{}}')", **columns)
    rates = current_rates()
    with acting_as("worker"), transaction(link.organization_id) as session:
        applied = apply_transfer(session, transfer, rates)
    live.touch(link.short_code)
    return applied


def quotes_of(observer: Observer, link_id: uuid.UUID) -> list[dict[str, object]]:
    """Return every price a link was given, oldest first."""
    rows = observer.sql(
        "SELECT * FROM payment_attempts WHERE link_id = :id AND method <> 'CARD' ORDER BY number", id=link_id
    )
    return [dict(row._mapping) for row in rows]
