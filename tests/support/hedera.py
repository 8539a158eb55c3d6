"""Merchants paid on the sandbox's ledger: an account of their own, prices shown to customers, and the watcher."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from provvypay.domain.assets import ASSETS, tokens_due
from provvypay.domain.hedera_ids import shifted, timestamp_at
from provvypay.flows import hedera_watch
from provvypay.kit import cache
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from tests.support.database import Observer, acting_as
from tests.support.factories import Merchant
from tests.support.rates import forget_rates, refresh
from tests.support.sandbox import SandboxControl

ENTITIES = {
    "HBAR": ("native", "HBAR"),
    "USDC": ("hts", "0.0.429274"),
    "USDT": ("hts", "0.0.5000101"),
    "AUDD": ("erc20", "0.0.5000202"),
}
RATES = {"HBAR": Decimal("0.25"), "USDC": Decimal("1.5"), "USDT": Decimal("1.5"), "AUDD": Decimal(1)}
"""of the quotes given here, in any currency"""
CUSTOMER = "0.0.2001"

_numbers = itertools.count(1)


@dataclass
class Ledger:
    """The sandbox's ledger with a merchant's account on it, and the watcher that reads it."""

    sandbox: SandboxControl
    observer: Observer
    merchant: Merchant
    alias: bool = False
    account: str = ""
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def __post_init__(self) -> None:
        for asset, (kind, entity) in ENTITIES.items():
            self.observer.sql(
                "INSERT INTO hedera_assets (network, entity_id, asset, kind, symbol, decimals, state, checked_at)"
                " VALUES ('testnet', :entity, :asset, :kind, :asset, :decimals, 'OK', clock_timestamp())"
                " ON CONFLICT (network, entity_id) DO UPDATE SET state = 'OK', is_configured = true",
                entity=entity, asset=asset, kind=kind, decimals=ASSETS[asset].decimals,
            )  # fmt: skip
        made = self.sandbox.post(
            "/mirror_node/accounts", role="merchant", hbar="1000", all_tokens=True, evm_alias=self.alias
        )
        self.account = self.account or made["accounts"][0]["account"]
        evm = made["accounts"][0]["evm_address"] if self.alias else None
        # An hour ago, so that a test may let money come a little before it began.
        self.observer.sql(
            "INSERT INTO hedera_accounts (id, organization_id, network, account_id, evm_address, created_at)"
            " VALUES (:id, :org, 'testnet', :account, :evm, clock_timestamp() - interval '7 days')",
            id=self.id, org=self.merchant.organization_id, account=self.account, evm=evm,
        )  # fmt: skip
        self.observer.sql(
            "INSERT INTO hedera_cursors (hedera_account_id, organization_id, network, account_id, seen_until)"
            " VALUES (:id, :org, 'testnet', :account, :at)",
            id=self.id, org=self.merchant.organization_id, account=self.account,
            at=shifted(timestamp_at(now()), seconds=-60),
        )  # fmt: skip

    # ------------------------------------------------------------ what customers do

    def quote(
        self,
        link: PaymentLink,
        asset: str,
        *,
        seconds: int = 900,
        ago: int = 30,
        amount_minor: int | None = None,
    ) -> int:
        """Show a link's price in a token; return its smallest units."""
        due = link.amount_minor if amount_minor is None else amount_minor
        units = tokens_due(due, link.currency, RATES[asset], ASSETS[asset])
        made = now() - dt.timedelta(seconds=ago)
        self.observer.sql(
            "INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor, currency,"
            " idempotency_key, created_at, expires_at, asset_amount, rate, rate_source, rate_as_of, hedera_account_id,"
            " entity_id) SELECT gen_random_uuid(), :org, :link, 1 + coalesce(max(number), 0), :asset, 'READY', :due,"
            " :currency, :key, :made, :until, :units, :rate, 'COINGECKO', :made, :account, :entity"
            " FROM payment_attempts WHERE link_id = :link",
            org=link.organization_id, link=link.id, asset=asset, due=due, currency=link.currency,
            key=f"test quote {next(_numbers)} {uuid.uuid4()}", made=made, until=made + dt.timedelta(seconds=seconds),
            units=units, rate=RATES[asset], account=self.id, entity=ENTITIES[asset][1],
        )  # fmt: skip
        return units

    def opened_earlier(self, link: PaymentLink, seconds: int = 600) -> None:
        """Let a link have been open for a while, so that money may have come to it meanwhile."""
        unguarded(
            self.observer,
            "UPDATE payment_links SET opened_at = opened_at - make_interval(secs => :secs),"
            " created_at = created_at - make_interval(secs => :secs) WHERE id = :id",
            secs=seconds, id=link.id,
        )  # fmt: skip
        unguarded(
            self.observer,
            "UPDATE link_status_events SET effective_at = effective_at - make_interval(secs => :secs)"
            " WHERE link_id = :id",
            secs=seconds, id=link.id,
        )  # fmt: skip

    def pay(self, asset: str = "HBAR", units: int = 1, memo: str | None = None, **wish: Any) -> dict[str, Any]:
        """Send tokens to the merchant's account, or wherever the wish says; return what became of it."""
        wanted = {"to": self.account, "asset": ENTITIES.get(asset, ("", asset))[1], "units": units, **wish}
        if memo is not None:
            wanted["memo"] = memo
        if wanted.get("kind") == "nft":
            del wanted["units"]
        answer: dict[str, Any] = self.sandbox.post("/mirror_node/transfers", **wanted)
        return answer

    def since(self, *, days: int) -> None:
        """Let the account have been the merchant's for longer."""
        unguarded(
            self.observer,
            "UPDATE hedera_accounts SET created_at = clock_timestamp() - make_interval(days => :days) WHERE id = :id",
            days=days, id=self.id,
        )  # fmt: skip

    def rewind(self, *, hours: int) -> None:
        """Let nothing have been read for some hours."""
        unguarded(
            self.observer,
            "UPDATE hedera_cursors SET seen_until = :at WHERE hedera_account_id = :id",
            at=timestamp_at(now() - dt.timedelta(hours=hours)), id=self.id,
        )  # fmt: skip

    @property
    def truth(self) -> dict[str, int]:
        """Return what the account really received, by the token's id."""
        totals: dict[str, dict[str, int]] = self.sandbox.get(f"/mirror_node/credits?account={self.account}")["totals"]
        return totals.get(self.account, {})

    # ------------------------------------------------------------ what the watcher does

    def due(self, *, swept: bool = True) -> None:
        """Let this account's time have come, and nobody else's.

        :param swept: its last sweep was a moment ago
        """
        self.observer.sql(
            "UPDATE hedera_cursors SET next_poll_at = 'infinity' WHERE hedera_account_id <> :id", id=self.id
        )
        self.observer.sql(
            "UPDATE hedera_cursors SET next_poll_at = clock_timestamp() - interval '1 second', lease_until = NULL,"
            " swept_at = CASE WHEN :swept THEN clock_timestamp() END WHERE hedera_account_id = :id",
            id=self.id, swept=swept,
        )  # fmt: skip

    def watch(self, *, swept: bool = True) -> int:
        """Run the watcher once for this account."""
        self.due(swept=swept)
        with acting_as("worker"):
            return hedera_watch.watch()

    def sweep(self) -> int:
        """Run it with a sweep."""
        return self.watch(swept=False)

    @property
    def cursor(self) -> Any:
        return self.observer.sql("SELECT * FROM hedera_cursors WHERE hedera_account_id = :id", id=self.id)[0]

    @property
    def transfers(self) -> Sequence[Any]:
        """Return every transfer stored of this account, oldest first."""
        return self.observer.sql(
            "SELECT * FROM hedera_transfers WHERE hedera_account_id = :id ORDER BY consensus_timestamp, entity_id",
            id=self.id,
        )

    @property
    def in_the_books(self) -> dict[str, int]:
        """Return the quantity on the clearing accounts of the merchant's tokens, by token."""
        rows = self.observer.sql(
            "SELECT e.asset, sum(CASE e.side WHEN 'DEBIT' THEN e.asset_amount ELSE -e.asset_amount END) AS units"
            " FROM ledger_entries e WHERE e.organization_id = :org AND e.asset IS NOT NULL GROUP BY 1",
            org=self.merchant.organization_id,
        )
        return {row.asset: int(row.units) for row in rows if row.units}


def unguarded(observer: Observer, statement: str, **given: Any) -> None:
    """Change what triggers would keep as it is: only time, which a test cannot wait for."""
    with observer.engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement), given)
        connection.execute(text("SET session_replication_role = DEFAULT"))


def prices_are(sandbox: SandboxControl, observer: Observer, **aud: str) -> None:
    """Let tokens cost what the quotes here say, or something else, as if it had always been so.

    :param aud: AUD per token
    """
    known = {asset: str(rate) for asset, rate in RATES.items()} | aud
    sandbox.post("/rates", prices={ASSETS[asset].coingecko_id: {"aud": price} for asset, price in known.items()})
    forget_rates(observer)
    refresh()


def leave_the_mirror_alone_no_more() -> None:
    """Forget the pauses and the budget that earlier failures left behind."""
    cache.ask(lambda redis: [redis.delete(key) for key in redis.scan_iter("budget:*")])
