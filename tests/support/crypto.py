"""Tokens that reach a merchant without a mirror node: an account, a quote, a stored transfer and what it does."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text

from provvypay.domain.assets import ASSETS, tokens_due
from provvypay.domain.rates import Rate, RateTable
from provvypay.domain.statuses import TransferConcern
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import crypto_settlement
from provvypay.services.crypto_settlement import Applied
from provvypay.services.fx import rates as fx_rates
from tests.support.database import acting_as
from tests.support.factories import Merchant

_numbers = itertools.count(int(uuid.uuid4()) % 10**8 + 10_000)

_TRANSFER = text("""
    INSERT INTO hedera_transfers (id, organization_id, hedera_account_id, network, account_id, direction,
        consensus_timestamp, transaction_id, nonce, scheduled, name, result, kind, entity_id, asset, amount, memo,
        sender, link_id, concern, found_by, evidence)
    VALUES (:id, :organization_id, :hedera_account_id, :network, :account_id, :direction, :consensus_timestamp,
        :transaction_id, 0, false, 'CRYPTOTRANSFER', 'SUCCESS', :kind, :entity_id, :asset, :asset_amount, :memo,
        :sender, :link_id, :concern, 'POLL', '{}')
""")


@dataclass(frozen=True)
class Account:
    """A merchant's account on Hedera."""

    id: uuid.UUID
    account_id: str
    organization_id: uuid.UUID


def receiving(merchant: Merchant) -> Account:
    """Give a merchant an account to receive on."""
    account = Account(uuid.uuid4(), f"0.0.{next(_numbers)}", merchant.organization_id)
    given = {"id": account.id, "org": account.organization_id, "account": account.account_id}
    with transaction(merchant.organization_id) as session:
        session.execute(
            text(
                "INSERT INTO hedera_accounts (id, organization_id, network, account_id)"
                " VALUES (:id, :org, 'testnet', :account)"
            ),
            given,
        )
        session.execute(
            text(
                "INSERT INTO hedera_cursors (hedera_account_id, organization_id, network, account_id, seen_until)"
                " VALUES (:id, :org, 'testnet', :account, '1767300000.000000000')"
            ),
            given,
        )
    return account


def rated(asset: str, currency: str, rate: str, *, at: dt.datetime | None = None) -> Rate:
    """Let a rate have been accepted at a moment."""
    moment = at or now()
    accepted = Rate(asset, currency, Decimal(rate), "COINGECKO", moment, moment)
    with acting_as("worker"), transaction() as session:
        fx_rates.store(session, [accepted])
    return accepted


def quoted(
    account: Account,
    link: PaymentLink,
    asset: str = "USDC",
    *,
    rate: str = "1.50",
    amount_minor: int | None = None,
    lasts: dt.timedelta = dt.timedelta(minutes=15),
) -> int:
    """Quote a link; return how many smallest units are asked for."""
    due = tokens_due(amount_minor or link.amount_minor, link.currency, Decimal(rate), ASSETS[asset])
    with transaction(link.organization_id) as session:
        session.execute(
            text(
                "INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor,"
                " currency, idempotency_key, expires_at, asset_amount, rate, rate_source, rate_as_of,"
                " hedera_account_id, entity_id)"
                " SELECT :id, :org, :link, (SELECT count(*) + 1 FROM payment_attempts WHERE link_id = :link), :asset,"
                " 'READY', :amount, :currency, :key, :expires, :due, :rate, 'COINGECKO', :now, :account, :entity"
            ),
            {
                "id": uuid.uuid4(),
                "org": link.organization_id,
                "link": link.id,
                "asset": asset,
                "amount": amount_minor or link.amount_minor,
                "currency": link.currency,
                "key": f"quote:{uuid.uuid4()}",
                "expires": now() + lasts,
                "due": due,
                "rate": Decimal(rate),
                "now": now(),
                "account": account.id,
                "entity": entity(asset),
            },
        )
    return due


def entity(asset: str | None) -> str:
    """Return which token of the network that is."""
    return {"HBAR": "HBAR", "USDC": "0.0.429274", "USDT": "0.0.5000101"}.get(asset or "", "0.0.999999")


def stored(
    account: Account,
    link: PaymentLink | None,
    asset_amount: int,
    asset: str | None = "USDC",
    *,
    at: dt.datetime | None = None,
    memo: str | None = None,
    concern: TransferConcern | None = None,
    direction: str = "IN",
) -> StoredTransfer:
    """Store a transfer as the watcher would, with the link's code as its memo unless said otherwise."""
    moment, number = at or now(), next(_numbers)
    seconds = int(moment.timestamp())
    transfer = StoredTransfer(
        id=uuid.uuid4(),
        organization_id=account.organization_id,
        hedera_account_id=account.id,
        network="testnet",
        account_id=account.account_id,
        direction=direction,
        consensus_timestamp=f"{seconds}.{moment.microsecond:06d}{number % 1000:03d}",
        transaction_id=f"0.0.2002-{seconds - 4}-{number % 10**9:09d}",
        kind="native" if asset == "HBAR" else "hts",
        entity_id=entity(asset),
        asset=asset,
        asset_amount=asset_amount,
        memo=memo if memo is not None or link is None else link.short_code,
        sender="0.0.2002",
        link_id=link.id if link else None,
        concern=concern,
    )
    with acting_as("worker"), transaction(account.organization_id) as session:
        session.execute(_TRANSFER, {name: getattr(transfer, name) for name in StoredTransfer.__slots__})
    return transfer


def apply(transfer: StoredTransfer) -> Applied:
    """Let a stored transfer do what it does."""
    with acting_as("worker"), transaction(transfer.organization_id) as session:
        return crypto_settlement.apply_transfer(session, transfer, RateTable())


def arrives(
    account: Account, link: PaymentLink | None, asset_amount: int, asset: str | None = "USDC", **given: object
) -> Applied:
    """Store a transfer and apply it."""
    return apply(stored(account, link, asset_amount, asset, **given))  # type: ignore[arg-type]
