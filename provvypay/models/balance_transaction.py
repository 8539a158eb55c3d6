"""Stripe's own ledger lines: later facts about payments, refunds and disputes."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from provvypay.models.base import Base, CurrencyCode, Id, Minor, Moment, OrganizationId, currency_shape


class BalanceTransaction(Base):
    """Stripe's own ledger line of a charge, refund or dispute: what it moved and kept, in its settlement currency."""

    __tablename__ = "balance_transactions"
    __table_args__ = (
        UniqueConstraint("provider_id"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("refund_id", "type"),
        UniqueConstraint("dispute_id", "type"),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
        ForeignKeyConstraint(
            ["organization_id", "payment_id", "refund_id"],
            ["refunds.organization_id", "refunds.payment_id", "refunds.id"],
        ),
        ForeignKeyConstraint(
            ["organization_id", "payment_id", "dispute_id"],
            ["disputes.organization_id", "disputes.payment_id", "disputes.id"],
        ),
        CheckConstraint(
            "CASE WHEN type IN ('refund', 'refund_failure') THEN refund_id IS NOT NULL AND dispute_id IS NULL"
            " WHEN type IN ('dispute', 'dispute_reversal') THEN dispute_id IS NOT NULL AND refund_id IS NULL"
            " ELSE refund_id IS NULL AND dispute_id IS NULL END",
            name="subject",
        ),
        CheckConstraint(
            "CASE type WHEN 'adjustment' THEN amount_minor = 0 AND fee_minor <> 0"
            " WHEN 'refund' THEN amount_minor < 0 WHEN 'refund_failure' THEN amount_minor > 0"
            " WHEN 'dispute' THEN amount_minor < 0 AND fee_minor >= 0 WHEN 'dispute_reversal' THEN amount_minor > 0"
            " ELSE fee_minor >= 0 END",
            name="fee_minor",
        ),
        CheckConstraint("net_minor = amount_minor - fee_minor", name="net_minor"),
        currency_shape(),
        Index("ix_balance_transactions_by_payment", "organization_id", "payment_id"),
        Index("uq_balance_transactions_charge", "payment_id", unique=True, postgresql_where=text("type = 'charge'")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    payment_id: Mapped[uuid.UUID]
    provider_id: Mapped[str]
    type: Mapped[str]
    """`charge`; `adjustment`, the difference of the fee when the charge names another line of Stripe's; `refund` and
    `refund_failure`; `dispute` and `dispute_reversal`"""
    refund_id: Mapped[uuid.UUID | None]
    dispute_id: Mapped[uuid.UUID | None]
    amount_minor: Mapped[Minor]
    """negative where money leaves"""
    fee_minor: Mapped[Minor]
    """negative where some of it is given back"""
    net_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    """the settlement currency, which may differ from the payment's"""
    exchange_rate: Mapped[str | None]
    """Stripe's rate as text, when it converted"""
    available_on: Mapped[dt.datetime]
    occurred_at: Mapped[dt.datetime]
    created_at: Mapped[Moment]
