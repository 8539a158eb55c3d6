"""Money that goes back: refunds and disputes of payments."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
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
from provvypay.domain.short_codes import ALPHABET, LENGTH
from provvypay.domain.statuses import DisputeState, Provider, RateChoice, RefundState
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


class Refund(Base):
    """One refund of a payment. It is written before the vendor is called, and its id is the key of that call."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "payment_id", "id"),
        UniqueConstraint("provider", "provider_refund_id"),
        ForeignKeyConstraint(
            ["organization_id", "payment_id", "currency"],
            ["payments.organization_id", "payments.id", "payments.currency"],
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["organization_id", "exception_id"], ["payment_exceptions.organization_id", "payment_exceptions.id"]
        ),
        one_of("provider", Provider),
        one_of("state", RefundState),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        currency_shape(),
        CheckConstraint(
            "provider_refund_id <> '' AND (state <> 'CREATED' OR provider_refund_id IS NULL) AND (provider <> 'STRIPE'"
            " OR state NOT IN ('PENDING', 'SUCCEEDED') OR provider_refund_id IS NOT NULL)",
            name="provider_refund_id",
        ),
        CheckConstraint(
            "is_external = (requested_by IS NULL) AND (NOT is_external OR provider_refund_id IS NOT NULL)",
            name="external",
        ),
        CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)"
            " AND (is_external OR approved_by IS NOT NULL OR state IN ('CREATED', 'CANCELED'))",
            name="approved",
        ),
        CheckConstraint(
            "(next_check_at IS NULL OR (provider = 'STRIPE' AND state IN ('SUBMITTED', 'PENDING', 'SUCCEEDED')))"
            " AND (state <> 'SUBMITTED' OR provider <> 'STRIPE' OR next_check_at IS NOT NULL)",
            name="next_check",
        ),
        CheckConstraint(
            "provider <> 'MANUAL' OR state IN ('CREATED', 'SUCCEEDED', 'CANCELED')",
            name="by_hand",
        ),
        UniqueConstraint("memo"),
        UniqueConstraint("transfer_id"),
        ForeignKeyConstraint(
            ["organization_id", "transfer_id"], ["hedera_transfers.organization_id", "hedera_transfers.id"]
        ),
        CheckConstraint(
            "num_nonnulls(asset, asset_amount, recipient, memo, rate_choice) = CASE provider WHEN 'HEDERA' THEN 5 ELSE"
            " 0 END AND (transfer_id IS NOT NULL) = (provider = 'HEDERA' AND state = 'SUCCEEDED') AND (provider <>"
            " 'HEDERA' OR NOT is_external)",
            name="tokens",
        ),
        one_of("asset", tuple(ASSETS), name="asset_known"),
        CheckConstraint("asset_amount > 0", name="asset_amount"),
        CheckConstraint(r"recipient ~ '^[0-9]{1,5}\.[0-9]{1,5}\.[1-9][0-9]{0,18}$'", name="recipient_shape"),
        CheckConstraint(f"memo ~ '^R-[{ALPHABET}]{{{LENGTH}}}$'", name="memo_shape"),
        one_of("rate_choice", RateChoice),
        CheckConstraint(
            "rate > 0 AND num_nonnulls(rate, rate_source, rate_as_of) = CASE rate_choice WHEN 'RATE_NOW' THEN 3 ELSE 0"
            " END AND (rate_choice IS DISTINCT FROM 'SURPLUS_ONLY' OR exception_id IS NOT NULL)",
            name="rate",
        ),
        Index(
            "ix_refunds_awaited",
            "organization_id",
            postgresql_where=text("provider = 'HEDERA' AND state = 'SUBMITTED'"),
        ),
        Index("ix_refunds_by_payment", "payment_id"),
        Index("ix_refunds_by_link", "organization_id", "link_id"),
        Index("ix_refunds_by_exception", "exception_id", postgresql_where=text("exception_id IS NOT NULL")),
        Index("ix_refunds_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    payment_id: Mapped[uuid.UUID]
    link_id: Mapped[uuid.UUID | None]
    """the payment's"""
    provider: Mapped[str]
    """the payment's"""
    provider_refund_id: Mapped[str | None]
    """null until the provider has answered"""
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    """the payment's"""
    exception_id: Mapped[uuid.UUID | None]
    """the held money it gives back: booked from 2100, otherwise from 4090"""
    state: Mapped[str] = mapped_column(server_default=text("'CREATED'"))
    is_external: Mapped[bool] = mapped_column(server_default=text("false"))
    """made in the provider's own dashboard"""
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    """the provider's word for why, or nothing"""
    note: Mapped[str] = mapped_column(server_default=text("''"))
    """the member's own words"""
    pending_reason: Mapped[str | None]
    failure_code: Mapped[str | None]
    """the provider's word, or ours where it never answered"""
    requested_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    approved_at: Mapped[dt.datetime | None]
    occurred_at: Mapped[dt.datetime | None]
    """when the provider made it"""
    checks: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """how often the janitor looked; decides how long it waits"""
    next_check_at: Mapped[dt.datetime | None]
    """when the provider is asked again; null when nothing more is expected"""
    asset: Mapped[str | None]
    """of a refund in tokens: which, and all that follows"""
    asset_amount: Mapped[int | None] = mapped_column(BigInteger)
    """smallest units to be sent"""
    recipient: Mapped[str | None]
    """the account they go to"""
    memo: Mapped[str | None]
    """used once, anywhere: how the transfer is known again"""
    rate_choice: Mapped[str | None]
    rate: Mapped[Decimal | None] = mapped_column(Numeric(38, 18))
    """the accepted one it was reckoned by, where that is not the payment's own"""
    rate_source: Mapped[str | None]
    rate_as_of: Mapped[dt.datetime | None]
    transfer_id: Mapped[uuid.UUID | None]
    """the outgoing transfer that closed it"""
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class Dispute(Base):
    """One dispute of a payment as its provider reports it; an inquiry or a warning moves no money."""

    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "payment_id", "id"),
        UniqueConstraint("provider", "provider_dispute_id"),
        ForeignKeyConstraint(
            ["organization_id", "payment_id", "currency"],
            ["payments.organization_id", "payments.id", "payments.currency"],
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["organization_id", "exception_id"], ["payment_exceptions.organization_id", "payment_exceptions.id"]
        ),
        one_of("provider", Provider),
        one_of("state", DisputeState),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        currency_shape(),
        CheckConstraint(
            "is_inquiry = (state IN ('EARLY_WARNING', 'WARNING_NEEDS_RESPONSE', 'WARNING_UNDER_REVIEW',"
            " 'WARNING_CLOSED'))",
            name="inquiry",
        ),
        CheckConstraint("exception_id IS NULL OR state = 'LOST'", name="credit"),
        Index("ix_disputes_by_payment", "payment_id"),
        Index("ix_disputes_by_link", "organization_id", "link_id"),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    payment_id: Mapped[uuid.UUID]
    link_id: Mapped[uuid.UUID | None]
    provider: Mapped[str]
    provider_dispute_id: Mapped[str]
    """of a warning, the warning's own id"""
    amount_minor: Mapped[Minor]
    """what is disputed, in the payment's currency"""
    currency: Mapped[CurrencyCode]
    state: Mapped[str]
    is_inquiry: Mapped[bool]
    """no money was withdrawn"""
    reason: Mapped[str]
    """the provider's word"""
    exception_id: Mapped[uuid.UUID | None]
    """the held money that was lost with it: booked from 2100, otherwise from 6110"""
    evidence_due_by: Mapped[dt.datetime | None]
    occurred_at: Mapped[dt.datetime]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
