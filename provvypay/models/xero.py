"""A merchant's connection to Xero, and what must be written there."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment, OrganizationId, one_of


class XeroAuthorization(Base):
    """A trip to Xero's consent page: its state is good once, for one session of one organization."""

    __tablename__ = "xero_authorizations"
    __table_args__ = (
        UniqueConstraint("state_hash"),
        CheckConstraint("octet_length(state_hash) = 32", name="state_hash"),
        CheckConstraint("expires_at > created_at", name="lifetime"),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    session_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    state_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the state that travels"""
    created_at: Mapped[Moment]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class XeroGrant(Base):
    """What one consent gave us: one pair of tokens, however many companies it opens."""

    __tablename__ = "xero_grants"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        one_of("state", ("LIVE", "REFUSED", "ENDED")),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint(
            "CASE state WHEN 'ENDED' THEN access_token = '' AND refresh_token = '' AND previous_refresh_token = ''"
            " ELSE access_token LIKE 'v1.%' AND refresh_token LIKE 'v1.%'"
            " AND (previous_refresh_token = '' OR previous_refresh_token LIKE 'v1.%') END",
            name="sealed",
        ),
        Index("ix_xero_grants_oldest", "refreshed_at", postgresql_where=text("state = 'LIVE'")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    auth_event_id: Mapped[str]
    """Xero's own name of the consent"""
    xero_user_id: Mapped[str] = mapped_column(server_default=text("''"))
    scopes: Mapped[str]
    """parted by blanks"""
    state: Mapped[str] = mapped_column(server_default=text("'LIVE'"))
    """REFUSED: Xero answers invalid_grant; ENDED: nothing of ours uses it any more, and its tokens are gone"""
    access_token: Mapped[str]
    """sealed (kit/sealing.py)"""
    refresh_token: Mapped[str]
    """sealed"""
    previous_refresh_token: Mapped[str] = mapped_column(server_default=text("''"))
    """sealed; Xero takes it for 30 more minutes"""
    expires_at: Mapped[dt.datetime]
    """of the access token"""
    refreshed_at: Mapped[Moment]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    """one more with each refresh"""
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_at: Mapped[Moment]


class XeroConnection(Base):
    """One company's books in Xero. While one is not DISCONNECTED, settlements plan sync rows for it.

    There is one row per company, ever: connecting it again takes the row up again, another company gets its own.
    """

    __tablename__ = "xero_connections"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "tenant_id"),
        ForeignKeyConstraint(["organization_id", "grant_id"], ["xero_grants.organization_id", "xero_grants.id"]),
        one_of("state", ("CONNECTED", "NEEDS_RECONNECT", "DISCONNECTED")),
        one_of("pause_reason", ("MINUTE", "DAY", "CONCURRENT", "APP", "OFFLINE")),
        CheckConstraint("state <> 'CONNECTED' OR grant_id IS NOT NULL", name="granted"),
        CheckConstraint("(state = 'DISCONNECTED') = (disconnected_at IS NOT NULL)", name="ended"),
        CheckConstraint("(paused_until IS NULL) = (pause_reason IS NULL)", name="paused"),
        Index(
            "uq_xero_connections_one_live",
            "organization_id",
            unique=True,
            postgresql_where=text("state <> 'DISCONNECTED'"),
        ),
        Index(
            "uq_xero_connections_one_owner",
            "tenant_id",
            unique=True,
            postgresql_where=text("state <> 'DISCONNECTED'"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    tenant_id: Mapped[uuid.UUID]
    """the company, sent as xero-tenant-id; never taken from a request"""
    state: Mapped[str]
    created_at: Mapped[Moment]
    grant_id: Mapped[uuid.UUID | None]
    xero_connection_id: Mapped[uuid.UUID | None]
    """Xero's id of the connection, needed to end it"""
    tenant_name: Mapped[str] = mapped_column(server_default=text("''"))
    chart: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """what Xero answered about the company: accounts, tax rates, currencies, lock dates (domain/xero_chart.py)"""
    chart_at: Mapped[dt.datetime | None]
    mapping: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """what the merchant chose (domain/xero_mapping.py); empty until they did"""
    mapping_version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    paused_until: Mapped[dt.datetime | None]
    """nothing is sent before this; what waits burns no try"""
    pause_reason: Mapped[str | None]
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    """why it must be connected again, in Xero's words"""
    connected_at: Mapped[Moment]
    disconnected_at: Mapped[dt.datetime | None]
    reconciled_at: Mapped[dt.datetime | None]


class XeroSync(Base):
    """One document to be written to Xero, at most once."""

    __tablename__ = "xero_syncs"
    __table_args__ = (
        UniqueConstraint("connection_id", "link_id", "kind", "source_id"),
        UniqueConstraint("connection_id", "xero_document_id"),
        ForeignKeyConstraint(
            ["organization_id", "connection_id"], ["xero_connections.organization_id", "xero_connections.id"]
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        one_of("kind", ("INVOICE", "PAYMENT", "FEE", "OVERPAYMENT", "CREDIT_NOTE", "REFUND_PAYMENT", "DISPUTE")),
        one_of("state", ("PENDING", "RETRYING", "SUCCESS", "FAILED", "SKIPPED")),
        CheckConstraint("attempts BETWEEN 0 AND 6", name="attempts"),
        CheckConstraint("(next_attempt_at IS NOT NULL) = (state IN ('PENDING', 'RETRYING'))", name="waiting"),
        CheckConstraint("(state = 'SUCCESS') = (xero_document_id IS NOT NULL)", name="document"),
        CheckConstraint("revision >= 0 AND key_number >= 0 AND lease_token >= 0", name="counters"),
        Index("ix_xero_syncs_by_link", "organization_id", "link_id"),
        Index("ix_xero_syncs_newest", "organization_id", text("created_at DESC"), text("id DESC")),
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
    connection_id: Mapped[uuid.UUID]
    """in whose books; an id of another company's is never used"""
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    """why it waits or failed, as a word of domain/xero_problems.py; empty when nothing is wrong"""
    document_number: Mapped[str] = mapped_column(server_default=text("''"))
    """the number or reference it has in Xero"""
    document: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """of what was written: amount, currency, contact"""
    revision: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """how often a person had it written anew because the one before was voided in Xero"""
    key_number: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """of the idempotency key; 0: never sent"""
    key_hash: Mapped[str] = mapped_column(server_default=text("''"))
    """of the body the key was used with"""
    key_used_at: Mapped[dt.datetime | None]
    """first use; Xero keeps a key for six minutes"""
    lease_until: Mapped[dt.datetime | None]
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    synced_at: Mapped[dt.datetime | None]
