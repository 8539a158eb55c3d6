"""Rates: the accepted ones, those of the last two days, their sources, and what links and settlements keep."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.assets import ASSETS
from provvypay.models.base import Base, CurrencyCode, Id, Moment, OrganizationId, currency_shape, one_of

RATE = Numeric(38, 18)

_CROSS_SAYS_FROM_WHAT = "(source = 'CROSS') = (made_from <> '')"


class FxRate(Base):
    """The last accepted rate of a pair, and beside it the one that waits to be confirmed by the next fetch."""

    __tablename__ = "fx_rates"
    __table_args__ = (
        one_of("asset", tuple(ASSETS)),
        CheckConstraint("rate > 0", name="rate_positive"),
        currency_shape(),
        CheckConstraint(_CROSS_SAYS_FROM_WHAT, name="made_from"),
        CheckConstraint("held_rate > 0", name="held_positive"),
        CheckConstraint(
            "(held_rate IS NULL) = (held_source IS NULL) AND (held_rate IS NULL) = (held_as_of IS NULL)"
            " AND (held_rate IS NULL) = (held_fetched_at IS NULL)",
            name="held_evidence",
        ),
    )

    asset: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[CurrencyCode] = mapped_column(primary_key=True)
    rate: Mapped[Decimal] = mapped_column(RATE)
    """currency per one whole token"""
    source: Mapped[str]
    as_of: Mapped[dt.datetime]
    """the source's own time"""
    fetched_at: Mapped[dt.datetime]
    made_from: Mapped[str] = mapped_column(server_default=text("''"))
    """what a CROSS rate was made from, in words; empty for others"""
    held_rate: Mapped[Decimal | None] = mapped_column(RATE)
    """what was fetched last and is too far from `rate` to be believed at once; null when nothing waits"""
    held_source: Mapped[str | None]
    held_as_of: Mapped[dt.datetime | None]
    held_fetched_at: Mapped[dt.datetime | None]


class FxRateHistory(Base):
    """Every rate accepted in the last 48 hours: cross rates are made from it, and missing snapshots filled in."""

    __tablename__ = "fx_rate_history"
    __table_args__ = (
        one_of("asset", tuple(ASSETS)),
        CheckConstraint("rate > 0", name="rate_positive"),
        currency_shape(),
        CheckConstraint(_CROSS_SAYS_FROM_WHAT, name="made_from"),
        Index("ix_fx_rate_history_as_of", "asset", "currency", "as_of"),
    )

    # The moment comes first: old rows are deleted by it, and the rates of one fetch lie together.
    fetched_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[CurrencyCode] = mapped_column(primary_key=True)
    rate: Mapped[Decimal] = mapped_column(RATE)
    """currency per one whole token"""
    source: Mapped[str]
    as_of: Mapped[dt.datetime]
    made_from: Mapped[str] = mapped_column(server_default=text("''"))


class FxSource(Base):
    """One source of rates: who asks it now, how it answered, and what it said last of HBAR in USD."""

    __tablename__ = "fx_sources"
    __table_args__ = (
        one_of("source", ("COINGECKO", "MIRROR_NODE")),
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint("hbar_usd > 0", name="hbar_usd_positive"),
        CheckConstraint("(hbar_usd IS NULL) = (hbar_usd_as_of IS NULL)", name="hbar_usd_evidence"),
    )

    source: Mapped[str] = mapped_column(primary_key=True)
    lease_until: Mapped[dt.datetime | None]
    """until then one fetch has the source for itself"""
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """counts claims: a fetch that lost its lease cannot write"""
    asked_at: Mapped[dt.datetime | None]
    answered_at: Mapped[dt.datetime | None]
    """the last good answer"""
    failed_at: Mapped[dt.datetime | None]
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    """of the last failure, kept when it is over"""
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """in a row; 0 after a good answer"""
    not_before: Mapped[dt.datetime | None]
    """it is not asked again before this"""
    hbar_usd: Mapped[Decimal | None] = mapped_column(RATE)
    """USD per HBAR as it said last, believed or not: for comparing the sources"""
    hbar_usd_as_of: Mapped[dt.datetime | None]


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
        CheckConstraint("(source IS NOT DISTINCT FROM 'CROSS') = (made_from <> '')", name="made_from"),
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
    made_from: Mapped[str] = mapped_column(server_default=text("''"))
    """what a CROSS rate was made from, in words; empty for others"""
    created_at: Mapped[Moment]
