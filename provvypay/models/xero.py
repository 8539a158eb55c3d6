"""A merchant's connection to Xero, and what must be written there."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment, OrganizationId, one_of


class XeroConnection(Base):
    """An organization's Xero; while one is CONNECTED, settlements plan sync rows."""

    __tablename__ = "xero_connections"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        one_of("state", ("CONNECTED", "NEEDS_RECONNECT", "DISCONNECTED")),
        Index(
            "uq_xero_connections_one_live",
            "organization_id",
            unique=True,
            postgresql_where=text("state <> 'DISCONNECTED'"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    tenant_id: Mapped[uuid.UUID]
    state: Mapped[str]
    created_at: Mapped[Moment]


class XeroSync(Base):
    """One document to be written to Xero, at most once."""

    __tablename__ = "xero_syncs"
    __table_args__ = (
        UniqueConstraint("link_id", "kind", "source_id"),
        UniqueConstraint("organization_id", "xero_document_id"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        one_of("kind", ("INVOICE", "PAYMENT", "FEE", "OVERPAYMENT", "CREDIT_NOTE", "REFUND_PAYMENT", "DISPUTE")),
        one_of("state", ("PENDING", "RETRYING", "SUCCESS", "FAILED", "SKIPPED")),
        CheckConstraint("attempts BETWEEN 0 AND 6", name="attempts"),
        CheckConstraint("(next_attempt_at IS NOT NULL) = (state IN ('PENDING', 'RETRYING'))", name="waiting"),
        CheckConstraint("(state = 'SUCCESS') = (xero_document_id IS NOT NULL)", name="document"),
        Index("ix_xero_syncs_due", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    link_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    source_id: Mapped[uuid.UUID]
    """the settlement, refund or dispute it stands for"""
    state: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[dt.datetime | None] = mapped_column(server_default=text("clock_timestamp()"))
    xero_document_id: Mapped[uuid.UUID | None]
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[Moment]
