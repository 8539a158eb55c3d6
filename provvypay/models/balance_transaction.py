"""The processor's own ledger lines: what it kept, and in which currency it settles."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from provvypay.models.base import Base, CurrencyCode, Id, Minor, Moment, OrganizationId, currency_shape


class BalanceTransaction(Base):
    """Stripe's own ledger line of a charge: what it kept and what remains, in its settlement currency; a later fact."""

    __tablename__ = "balance_transactions"
    __table_args__ = (
        UniqueConstraint("provider_id"),
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
        CheckConstraint(
            "CASE type WHEN 'adjustment' THEN amount_minor = 0 AND fee_minor <> 0 ELSE fee_minor >= 0 END",
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
    """`charge`; or `adjustment`, the difference of the fee when the charge names another line of Stripe's"""
    amount_minor: Mapped[Minor]
    fee_minor: Mapped[Minor]
    """negative where an adjustment gives some of it back"""
    net_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    """the settlement currency, which may differ from the payment's"""
    exchange_rate: Mapped[str | None]
    """Stripe's rate as text, when it converted"""
    available_on: Mapped[dt.datetime]
    occurred_at: Mapped[dt.datetime]
    created_at: Mapped[Moment]
