"""Organizations (the tenants), their members and their settings."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.roles import Role
from provvypay.models.base import Base, CurrencyCode, Id, Moment, OrganizationId, currency_shape, one_of


class Organization(Base):
    """A merchant: the tenant every other row belongs to."""

    __tablename__ = "organizations"
    __table_args__ = (currency_shape(), CheckConstraint("length(name) BETWEEN 1 AND 120", name="name_length"))

    id: Mapped[Id]
    name: Mapped[str]
    currency: Mapped[CurrencyCode]
    """the currency new links start with, and reports are in"""
    time_zone: Mapped[str]
    """IANA name"""
    created_at: Mapped[Moment]
    archived_at: Mapped[dt.datetime | None]
    """an organization with ledger rows is archived, never deleted"""
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class MerchantSettings(Base):
    """What an organization chose: one row each."""

    __tablename__ = "merchant_settings"
    __table_args__ = (
        CheckConstraint("quote_window_seconds BETWEEN 0 AND 86400", name="quote_window"),
        CheckConstraint("late_grace_seconds IS NULL OR late_grace_seconds BETWEEN 60 AND 2592000", name="late_grace"),
        CheckConstraint("accepted_assets <@ ARRAY['HBAR', 'USDC', 'USDT', 'AUDD']", name="accepted_assets"),
        CheckConstraint("hbar_tolerance_bp BETWEEN 0 AND 500", name="hbar_tolerance"),
        CheckConstraint("token_tolerance_bp BETWEEN 0 AND 500", name="token_tolerance"),
        CheckConstraint("approval_limit_minor BETWEEN 0 AND 99999999999", name="approval_limit"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="RESTRICT"), primary_key=True
    )
    legal_name: Mapped[str] = mapped_column(server_default=text("''"))
    legal_id: Mapped[str] = mapped_column(server_default=text("''"))
    """company or tax number as it shall stand on receipts"""
    support_email: Mapped[str] = mapped_column(server_default=text("''"))
    card_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    crypto_enabled: Mapped[bool] = mapped_column(server_default=text("false"))
    stripe_account_id: Mapped[str | None]
    """the connected account; null while the platform's own key serves this organization"""
    quote_window_seconds: Mapped[int] = mapped_column(Integer, server_default=text("900"))
    """how long a crypto quote holds; 0 = the CREATION rate for the link's life"""
    late_grace_seconds: Mapped[int | None] = mapped_column(Integer)
    """late money this young settles by itself; null = never"""
    accepted_assets: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{HBAR,USDC,USDT,AUDD}'"))
    """tokens offered to customers, where the account can receive them"""
    hbar_tolerance_bp: Mapped[int] = mapped_column(Integer, server_default=text("50"))
    """how much of the amount may be missing when HBAR is paid, in hundredths of a percent"""
    token_tolerance_bp: Mapped[int] = mapped_column(Integer, server_default=text("10"))
    """the same for stablecoins"""
    approval_limit_minor: Mapped[int | None] = mapped_column(BigInteger)
    """corrections above this many minor units, of whatever currency, need a second person; null = none does"""
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[Moment]


class Membership(Base):
    """A person in an organization, with one role."""

    __tablename__ = "memberships"
    __table_args__ = (one_of("role", Role),)

    organization_id: Mapped[OrganizationId] = mapped_column(
        ForeignKey("organizations.id", ondelete="RESTRICT"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), primary_key=True, index=True
    )
    role: Mapped[str]
    created_at: Mapped[Moment]
