"""Payment links, the legal steps of their life, and the steps each one took."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.short_codes import PATTERN
from provvypay.domain.statuses import LinkStatus
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


class PaymentLink(Base):
    """An amount somebody is asked to pay.

    `status`, `status_seq` and the `…_at` of states are set by the database only.
    """

    __tablename__ = "payment_links"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "id", "currency"),
        one_of("status", LinkStatus),
        CheckConstraint(f"short_code ~ '{PATTERN}'", name="short_code_shape"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        CheckConstraint("(status = 'PAID') = (paid_at IS NOT NULL)", name="paid_at"),
        CheckConstraint("length(description) BETWEEN 1 AND 255", name="description_length"),
        CheckConstraint("length(reference) <= 255", name="reference_length"),
        currency_shape(),
        Index("ix_payment_links_newest", "organization_id", text("created_at DESC"), text("id DESC")),
        Index("ix_payment_links_by_status", "organization_id", "status", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_payment_links_expiring",
            "expires_at",
            postgresql_where=text("status = 'OPEN' AND expires_at IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    short_code: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(server_default=text("'NEW'"))
    status_seq: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    description: Mapped[str]
    """what it is for; the customer reads it"""
    reference: Mapped[str] = mapped_column(server_default=text("''"))
    """the merchant's own reference"""
    expires_at: Mapped[dt.datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Moment]
    opened_at: Mapped[dt.datetime | None]
    paid_at: Mapped[dt.datetime | None]
    """when the money that settled it arrived at the provider"""
    closed_at: Mapped[dt.datetime | None]
    """when it expired or was canceled"""
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class LinkTransition(Base):
    """One legal step, as data: the state machine of services/state_machine.py, held by foreign keys."""

    __tablename__ = "link_transitions"

    from_status: Mapped[str] = mapped_column(primary_key=True)
    to_status: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(primary_key=True)


class LinkStatusEvent(Base):
    """One step a link took; the history is a path because each step begins where the last one ended."""

    __tablename__ = "link_status_events"
    __table_args__ = (
        UniqueConstraint("link_id", "seq", "to_status"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["from_status", "to_status", "event"],
            ["link_transitions.from_status", "link_transitions.to_status", "link_transitions.event"],
        ),
        ForeignKeyConstraint(
            ["link_id", "prev_seq", "from_status"],
            ["link_status_events.link_id", "link_status_events.seq", "link_status_events.to_status"],
        ),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("(seq = 1) = (from_status = 'NEW')", name="first_step"),
        one_of("actor_type", ("USER", "SYSTEM")),
        CheckConstraint("(actor_type = 'USER') = (actor_id IS NOT NULL)", name="actor"),
        CheckConstraint(
            "event NOT IN ('link.late_payment_accepted', 'link.marked_paid', 'link.mark_undone')"
            " OR (actor_type = 'USER' AND reason <> '')",
            name="correction_has_person_and_reason",
        ),
    )

    link_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    """given by the trigger, under the link's row lock"""
    organization_id: Mapped[OrganizationId]
    prev_seq: Mapped[int | None] = mapped_column(Integer, Computed("NULLIF(seq - 1, 0)", persisted=True))
    from_status: Mapped[str]
    to_status: Mapped[str]
    event: Mapped[str]
    actor_type: Mapped[str]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    effective_at: Mapped[dt.datetime]
    """when it happened at its source (for PAID: when the money arrived)"""
    created_at: Mapped[Moment]
