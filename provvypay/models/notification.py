"""Who was told of what: in the app, and by e-mail."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment, OrganizationId, one_of


class Notification(Base):
    """One message to one member in the app.

    A muted one is written as such, so that silence is a choice that can be seen.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("cause_id", "kind", "user_id"),
        ForeignKeyConstraint(["organization_id", "user_id"], ["memberships.organization_id", "memberships.user_id"]),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        Index("ix_notifications_newest", "organization_id", "user_id", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    user_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    """a dotted name of docs/reference/events.md"""
    cause_id: Mapped[uuid.UUID]
    """the settlement, exception or sync it tells of"""
    link_id: Mapped[uuid.UUID | None]
    data: Mapped[dict[str, Any]]
    muted: Mapped[bool] = mapped_column(server_default=text("false"))
    read_at: Mapped[dt.datetime | None]
    created_at: Mapped[Moment]


class EmailDelivery(Base):
    """One e-mail to one address for one cause, and how far it came. No row is written while the channel is off."""

    __tablename__ = "email_deliveries"
    __table_args__ = (
        UniqueConstraint("cause_id", "kind", "recipient"),
        one_of("state", ("PENDING", "SENT", "DELIVERED", "BOUNCED", "COMPLAINED", "FAILED", "SUPPRESSED")),
        CheckConstraint("attempts BETWEEN 0 AND 20", name="attempts"),
        CheckConstraint("length(recipient) <= 254", name="recipient_length"),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    cause_id: Mapped[uuid.UUID]
    recipient: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    provider_message_id: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[Moment]
    updated_at: Mapped[dt.datetime | None]
