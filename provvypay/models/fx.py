"""The last good rates, and the rates kept with a link when it was made and when it was settled."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.assets import ASSETS
from provvypay.models.base import Base, CurrencyCode, Id, Moment, OrganizationId, currency_shape, one_of

RATE = Numeric(38, 18)


class FxRate(Base):
    """The last good rate of a pair: what the pages fall back to when Redis lost its cache."""

    __tablename__ = "fx_rates"
    __table_args__ = (
        one_of("asset", tuple(ASSETS)),
        CheckConstraint("rate > 0", name="rate_positive"),
        currency_shape(),
    )

    asset: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[CurrencyCode] = mapped_column(primary_key=True)
    rate: Mapped[Decimal] = mapped_column(RATE)
    """currency per one whole token"""
    source: Mapped[str]
    as_of: Mapped[dt.datetime]
    """the source's own time"""
    fetched_at: Mapped[dt.datetime]


class FxSnapshot(Base):
    """A rate kept for good: of the link's CREATION, or of one SETTLEMENT.

    A missing rate is a row UNAVAILABLE, filled in later.
    """

    __tablename__ = "fx_snapshots"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(["organization_id", "settlement_id"], ["settlements.organization_id", "settlements.id"]),
        one_of("kind", ("CREATION", "SETTLEMENT")),
        one_of("asset", tuple(ASSETS)),
        one_of("state", ("OK", "UNAVAILABLE")),
        CheckConstraint("(kind = 'SETTLEMENT') = (settlement_id IS NOT NULL)", name="settlement"),
        CheckConstraint("(state = 'UNAVAILABLE') = (rate IS NULL)", name="rate_missing"),
        CheckConstraint(
            "(rate IS NULL) = (source IS NULL) AND (rate IS NULL) = (as_of IS NULL)"
            " AND (rate IS NULL) = (fetched_at IS NULL)",
            name="evidence",
        ),
        CheckConstraint("rate > 0", name="rate_positive"),
        currency_shape(),
        Index("uq_fx_snapshots_creation", "link_id", "asset", unique=True, postgresql_where=text("kind = 'CREATION'")),
        Index(
            "uq_fx_snapshots_settlement",
            "settlement_id",
            "asset",
            unique=True,
            postgresql_where=text("kind = 'SETTLEMENT'"),
        ),
        Index("ix_fx_snapshots_unavailable", "created_at", postgresql_where=text("state = 'UNAVAILABLE'")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    settlement_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    asset: Mapped[str]
    currency: Mapped[CurrencyCode]
    state: Mapped[str]
    rate: Mapped[Decimal | None] = mapped_column(RATE)
    """currency per one whole token; null while UNAVAILABLE"""
    source: Mapped[str | None]
    as_of: Mapped[dt.datetime | None]
    fetched_at: Mapped[dt.datetime | None]
    created_at: Mapped[Moment]
