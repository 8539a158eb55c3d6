"""Attempts to pay, Checkout Sessions, money that arrived, and what it settled."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.assets import ASSETS
from provvypay.domain.statuses import PaymentOutcome, Provider, SessionState
from provvypay.models.base import (
    MOST_MINOR,
    Base,
    CurrencyCode,
    Id,
    Minor,
    Moment,
    OrganizationId,
    currency_shape,
    one_of,
)


class PaymentAttempt(Base):
    """A customer chose a method: for cards the intent row written before Stripe is called, for a token its quote."""

    __tablename__ = "payment_attempts"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "link_id", "id"),
        UniqueConstraint("link_id", "number"),
        UniqueConstraint("idempotency_key"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        one_of("method", ("CARD", "HBAR", "USDC", "USDT", "AUDD")),
        one_of("state", ("STARTED", "READY", "FAILED")),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        currency_shape(),
        ForeignKeyConstraint(
            ["organization_id", "hedera_account_id"], ["hedera_accounts.organization_id", "hedera_accounts.id"]
        ),
        CheckConstraint(
            "num_nonnulls(asset_amount, rate, rate_source, rate_as_of, hedera_account_id, entity_id)"
            " = CASE method WHEN 'CARD' THEN 0 ELSE 6 END",
            name="quote",
        ),
        CheckConstraint("asset_amount > 0", name="asset_amount"),
        CheckConstraint("rate > 0", name="rate"),
        Index(
            "ix_payment_attempts_quotes",
            "hedera_account_id",
            "link_id",
            postgresql_where=text("hedera_account_id IS NOT NULL"),
        ),
        Index("ix_payment_attempts_started", "created_at", postgresql_where=text("state = 'STARTED'")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    number: Mapped[int] = mapped_column(Integer)
    """1, 2, 3 … for this link"""
    method: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'STARTED'"))
    """STARTED until the vendor's answer is stored; READY when the customer can pay; FAILED when the vendor refused"""
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    idempotency_key: Mapped[str]
    """what makes a repeated call to the vendor the same call"""
    expires_at: Mapped[dt.datetime]
    """computed once: a repeated call must carry the same parameters; of a quote, until when it holds"""
    created_at: Mapped[Moment]
    asset_amount: Mapped[int | None] = mapped_column(BigInteger)
    """of a quote: smallest units that pay amount_minor, rounded up"""
    rate: Mapped[Decimal | None] = mapped_column(Numeric(38, 18))
    """currency per one whole token"""
    rate_source: Mapped[str | None]
    rate_as_of: Mapped[dt.datetime | None]
    rate_made_from: Mapped[str] = mapped_column(server_default=text("''"))
    hedera_account_id: Mapped[uuid.UUID | None]
    """the merchant's account that the customer was shown"""
    entity_id: Mapped[str | None]
    """HBAR, or the token's or contract's id that the customer was shown"""


class CheckoutSession(Base):
    """A Checkout Session at Stripe. Every one ever made is kept: an old one may still be paid."""

    __tablename__ = "checkout_sessions"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("provider_session_id"),
        UniqueConstraint("attempt_id"),
        ForeignKeyConstraint(
            ["organization_id", "link_id", "attempt_id"],
            ["payment_attempts.organization_id", "payment_attempts.link_id", "payment_attempts.id"],
        ),
        one_of("state", SessionState),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        currency_shape(),
        Index("ix_checkout_sessions_by_link", "link_id"),
        Index("uq_checkout_sessions_one_open", "link_id", unique=True, postgresql_where=text("state = 'OPEN'")),
        Index(
            "ix_checkout_sessions_by_intent",
            "payment_intent_id",
            postgresql_where=text("payment_intent_id IS NOT NULL"),
        ),
        Index("ix_checkout_sessions_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    attempt_id: Mapped[uuid.UUID]
    provider_session_id: Mapped[str]
    url: Mapped[str | None]
    """where the customer pays; null once it cannot be paid any more"""
    state: Mapped[str]
    payment_status: Mapped[str]
    """Stripe's word (unpaid, paid, no_payment_required), or `failed`; complete and unpaid means money is on its way"""
    payment_intent_id: Mapped[str | None]
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    livemode: Mapped[bool]
    expires_at: Mapped[dt.datetime]
    checks: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """how often the janitor looked; decides how long it waits"""
    next_check_at: Mapped[dt.datetime | None]
    """when the janitor asks Stripe again; null when nothing more is expected"""
    decline_code: Mapped[str | None]
    """the last refusal of the customer's bank, while the session stays open"""
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class Payment(Base):
    """Money that has arrived, whatever it was for: a fact, never changed."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("provider", "provider_reference"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "id", "currency"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["organization_id", "attempt_id"], ["payment_attempts.organization_id", "payment_attempts.id"]
        ),
        UniqueConstraint("transfer_id"),
        ForeignKeyConstraint(
            ["organization_id", "transfer_id"], ["hedera_transfers.organization_id", "hedera_transfers.id"]
        ),
        CheckConstraint("(provider = 'HEDERA') = (transfer_id IS NOT NULL)", name="transfer"),
        one_of("provider", Provider),
        one_of("outcome", PaymentOutcome),
        CheckConstraint("provider_reference <> ''", name="reference"),
        CheckConstraint(f"value_minor BETWEEN 1 AND {MOST_MINOR}", name="value_minor"),
        CheckConstraint("(asset IS NULL) = (asset_amount IS NULL)", name="asset_pair"),
        CheckConstraint("asset_amount IS NULL OR asset_amount > 0", name="asset_amount"),
        one_of("asset", tuple(ASSETS), name="asset_known"),
        currency_shape(),
        Index("ix_payments_by_link", "organization_id", "link_id"),
        Index("ix_payments_newest", "organization_id", text("occurred_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID | None]
    """null for money that names no link"""
    attempt_id: Mapped[uuid.UUID | None]
    provider: Mapped[str]
    provider_reference: Mapped[str]
    asset: Mapped[str | None]
    """null for a card"""
    asset_amount: Mapped[int | None] = mapped_column(BigInteger)
    """smallest units of the asset"""
    value_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    occurred_at: Mapped[dt.datetime]
    """when it happened at the source"""
    consensus_timestamp: Mapped[str | None]
    """Hedera's seconds.nanoseconds, as text"""
    payer: Mapped[str | None]
    transfer_id: Mapped[uuid.UUID | None]
    """the transfer it is, for money from Hedera"""
    outcome: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    created_at: Mapped[Moment]


class Settlement(Base):
    """The one act that makes a link PAID; it may be carried by several payments."""

    __tablename__ = "settlements"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "id", "currency"),
        ForeignKeyConstraint(
            ["organization_id", "link_id", "currency"],
            ["payment_links.organization_id", "payment_links.id", "payment_links.currency"],
        ),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        CheckConstraint(
            "written_off_minor >= 0 AND rounded_off_minor >= 0 AND written_off_minor < amount_minor"
            " AND (written_off_minor = 0 OR rounded_off_minor = 0)",
            name="differences",
        ),
        Index("uq_settlements_one_live", "link_id", unique=True, postgresql_where=text("voided_at IS NULL")),
        Index("ix_settlements_newest", "organization_id", text("settled_at DESC")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    amount_minor: Mapped[Minor]
    """the link's amount, exactly"""
    currency: Mapped[CurrencyCode]
    settled_at: Mapped[dt.datetime]
    """when the money that completed it arrived at the provider"""
    voided_at: Mapped[dt.datetime | None]
    written_off_minor: Mapped[Minor] = mapped_column(server_default=text("0"))
    """how much of the link's amount was missing, within the tolerance"""
    rounded_off_minor: Mapped[Minor] = mapped_column(server_default=text("0"))
    """how much came on top by rounding alone"""
    created_at: Mapped[Moment]


class SettlementPart(Base):
    """How much of a payment a settlement took."""

    __tablename__ = "settlement_parts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "settlement_id", "currency"],
            ["settlements.organization_id", "settlements.id", "settlements.currency"],
        ),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
        UniqueConstraint("resolution_id"),
        ForeignKeyConstraint(
            ["organization_id", "resolution_id"], ["payment_resolutions.organization_id", "payment_resolutions.id"]
        ),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
    )

    settlement_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)
    organization_id: Mapped[OrganizationId]
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    resolution_id: Mapped[uuid.UUID | None]
    """the decision that used money held before; null for money that settled when it arrived"""


class PaymentEvent(Base):
    """One line of a link's timeline that is about money: started, declined, settled, held, fee known."""

    __tablename__ = "payment_events"
    __table_args__ = (
        UniqueConstraint("link_id", "kind", "dedupe"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    """a dotted name of docs/reference/events.md"""
    dedupe: Mapped[str]
    """what makes it one event however often it is reported"""
    data: Mapped[dict[str, Any]]
    occurred_at: Mapped[dt.datetime]
    created_at: Mapped[Moment]
