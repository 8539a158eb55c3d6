"""What we know of Hedera: tokens, merchants' accounts, how far each was read, every credit seen, customers' claims."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.assets import ASSETS
from provvypay.domain.statuses import TransferConcern
from provvypay.models.base import Base, Id, Moment, OrganizationId, one_of

NETWORKS = ("mainnet", "testnet", "previewnet")

_TIMESTAMP = r"'^[0-9]{10}\.[0-9]{9}$'"
_TRANSACTION = r"'^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,19}-[0-9]{1,12}-[0-9]{9}$'"
_ITS_ACCOUNT = ["organization_id", "hedera_account_id", "network", "account_id"]
_ACCOUNT = [f"hedera_accounts.{column}" for column in ("organization_id", "id", "network", "account_id")]


class HederaAsset(Base):
    """One token of the registry on one network, and what the mirror node says of it; belongs to no organization."""

    __tablename__ = "hedera_assets"
    __table_args__ = (
        one_of("network", NETWORKS),
        one_of("asset", tuple(ASSETS)),
        one_of("kind", ("native", "hts", "erc20")),
        one_of("state", ("UNCHECKED", "OK", "MISMATCH")),
        CheckConstraint("(kind = 'native') = (entity_id = 'HBAR')", name="entity"),
        CheckConstraint("decimals BETWEEN 0 AND 18", name="decimals"),
        CheckConstraint("state = 'UNCHECKED' OR checked_at IS NOT NULL", name="checked"),
    )

    network: Mapped[str] = mapped_column(primary_key=True)
    entity_id: Mapped[str] = mapped_column(primary_key=True)
    """HBAR, or the token's or contract's id, e.g. 0.0.456858"""
    asset: Mapped[str]
    kind: Mapped[str]
    symbol: Mapped[str]
    """as the registry expects it"""
    decimals: Mapped[int] = mapped_column(Integer)
    """as the registry expects them"""
    is_configured: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    """false once the setting names it no more; money in it is still recognized"""
    state: Mapped[str] = mapped_column(server_default=text("'UNCHECKED'"))
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    """what differs, in words"""
    checked_at: Mapped[dt.datetime | None]


class HederaAccount(Base):
    """An account an organization receives on. One that was replaced is still watched for links that showed it."""

    __tablename__ = "hedera_accounts"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "network", "account_id"),
        UniqueConstraint("organization_id", "id", "network", "account_id"),
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="RESTRICT"),
        one_of("network", NETWORKS),
        CheckConstraint(r"account_id ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[1-9][0-9]{0,18}$'", name="account_shape"),
        CheckConstraint("evm_address ~ '^0x[0-9a-f]{40}$'", name="evm_shape"),
        one_of("state", ("ACTIVE", "RETIRED")),
        CheckConstraint("(state = 'RETIRED') = (retired_at IS NOT NULL)", name="retired"),
        Index(
            "uq_hedera_accounts_one_owner",
            "network",
            "account_id",
            unique=True,
            postgresql_where=text("state = 'ACTIVE'"),
        ),
        Index(
            "uq_hedera_accounts_one_active",
            "organization_id",
            "network",
            unique=True,
            postgresql_where=text("state = 'ACTIVE'"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    network: Mapped[str]
    account_id: Mapped[str]
    """0.0.x, without checksum"""
    evm_address: Mapped[str | None]
    """its alias, if it has one; ERC-20 transfers may name it instead of the id"""
    state: Mapped[str] = mapped_column(server_default=text("'ACTIVE'"))
    checks: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """what the mirror node said of it when it was last checked, by check"""
    checked_at: Mapped[dt.datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Moment]
    activated_at: Mapped[Moment]
    retired_at: Mapped[dt.datetime | None]


class HederaCursor(Base):
    """How far an account has been read, when it is read next, and who reads it now."""

    __tablename__ = "hedera_cursors"
    __table_args__ = (
        ForeignKeyConstraint(_ITS_ACCOUNT, _ACCOUNT, name="fk_hedera_cursors_account"),
        CheckConstraint(f"seen_until ~ {_TIMESTAMP}", name="seen_until_shape"),
        CheckConstraint("failures >= 0", name="failures"),
        Index("ix_hedera_cursors_due", "next_poll_at"),
    )

    hedera_account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[OrganizationId]
    network: Mapped[str]
    account_id: Mapped[str]
    seen_until: Mapped[str]
    """consensus time up to which a poll has read; the next one begins 120 s before it; never goes back"""
    swept_at: Mapped[dt.datetime | None]
    """when the last 24 hours were last read again"""
    next_poll_at: Mapped[Moment]
    polled_at: Mapped[dt.datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    lease_until: Mapped[dt.datetime | None]
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class HederaTransfer(Base):
    """One asset that one record moved to (or from) a merchant's account: a fact, whether it pays a link or not."""

    __tablename__ = "hedera_transfers"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint(
            "network", "consensus_timestamp", "account_id", "entity_id", name="uq_hedera_transfers_record"
        ),
        UniqueConstraint(
            "network",
            "transaction_id",
            "nonce",
            "scheduled",
            "account_id",
            "entity_id",
            name="uq_hedera_transfers_transaction",
        ),
        ForeignKeyConstraint(_ITS_ACCOUNT, _ACCOUNT, name="fk_hedera_transfers_account"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        one_of("direction", ("IN", "OUT", "SELF")),
        CheckConstraint(f"consensus_timestamp ~ {_TIMESTAMP}", name="consensus_shape"),
        CheckConstraint(f"transaction_id ~ {_TRANSACTION}", name="transaction_shape"),
        CheckConstraint("nonce >= 0", name="nonce"),
        CheckConstraint("result = 'SUCCESS'", name="result"),
        one_of("kind", ("native", "hts", "erc20", "nft")),
        one_of("asset", tuple(ASSETS)),
        CheckConstraint("amount > 0 AND (asset IS NULL OR amount <= 9223372036854775807)", name="amount"),
        CheckConstraint("(kind = 'native') = (entity_id = 'HBAR')", name="entity"),
        one_of("concern", TransferConcern),
        one_of("found_by", ("POLL", "SWEEP", "CLAIM")),
        Index("ix_hedera_transfers_newest", "organization_id", text("consensus_timestamp DESC")),
        Index(
            "ix_hedera_transfers_by_link", "organization_id", "link_id", postgresql_where=text("link_id IS NOT NULL")
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    hedera_account_id: Mapped[uuid.UUID]
    network: Mapped[str]
    account_id: Mapped[str]
    direction: Mapped[str]
    """IN or OUT, as the merchant's account saw it; SELF when it paid itself"""
    consensus_timestamp: Mapped[str]
    """seconds.nanoseconds, as text: a float would lose the nanoseconds"""
    transaction_id: Mapped[str]
    """in the mirror node's form, 0.0.2002-1767300030-500000000; several records may share it"""
    nonce: Mapped[int] = mapped_column(Integer)
    scheduled: Mapped[bool]
    name: Mapped[str]
    """the transaction's type, as the mirror node names it"""
    result: Mapped[str]
    kind: Mapped[str]
    entity_id: Mapped[str]
    """HBAR, or the token's or contract's id as the record names it"""
    asset: Mapped[str | None]
    """which of our tokens that is by the registry; null for any other"""
    amount: Mapped[Decimal] = mapped_column(Numeric(78, 0))
    """smallest units; more than a bigint only for tokens that are not ours"""
    memo: Mapped[str | None]
    """as text; null when it is not UTF-8"""
    memo_base64: Mapped[str] = mapped_column(server_default=text("''"))
    payer: Mapped[str | None]
    """who paid the transaction's fee: not always who sent the money"""
    sender: Mapped[str | None]
    """whose line is negative, when it is one account"""
    link_id: Mapped[uuid.UUID | None]
    """the organization's link that the memo names"""
    concern: Mapped[str | None]
    """why it may not settle a link by itself; null for a plain transfer"""
    found_by: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    """the record as the mirror node gave it, without what is not ours"""
    seen_at: Mapped[Moment]


class TransferClaim(Base):
    """A transaction id somebody says has paid a link: a hint to look, never a proof."""

    __tablename__ = "transfer_claims"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("link_id", "transaction_id"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["organization_id", "transfer_id"], ["hedera_transfers.organization_id", "hedera_transfers.id"]
        ),
        one_of("network", NETWORKS),
        CheckConstraint(f"transaction_id ~ {_TRANSACTION}", name="transaction_shape"),
        one_of("state", ("PENDING", "ATTACHED", "REFUSED")),
        CheckConstraint("(state = 'PENDING') = (next_check_at IS NOT NULL)", name="waiting"),
        one_of("source", ("CUSTOMER", "WALLET", "MERCHANT")),
        Index("ix_transfer_claims_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    network: Mapped[str]
    transaction_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    answer: Mapped[str] = mapped_column(server_default=text("''"))
    """why it was refused, as a code of docs/reference/errors.md"""
    checks: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_check_at: Mapped[dt.datetime | None] = mapped_column(server_default=text("clock_timestamp()"))
    """404 means "not yet" for a while; null once it is decided"""
    transfer_id: Mapped[uuid.UUID | None]
    source: Mapped[str]
    """CUSTOMER typed it, a WALLET returned it, or the MERCHANT looked it up"""
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
