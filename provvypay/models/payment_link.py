"""Payment links, the legal steps of their life, and the steps each one took."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
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

# At most 15 pairs; names of 1 to 30 characters, values of 1 to 100 (GOV.UK Pay's limits).
_OWN_DATA_FITS = (
    "jsonb_typeof(own_data) = 'object'"
    " AND jsonb_array_length(jsonb_path_query_array(own_data, '$.keyvalue()')) <= 15"
    """ AND NOT jsonb_path_exists(own_data, '$.keyvalue() ? (!(@.key like_regex "^.{1,30}$")"""
    """ || @.value.type() != "string" || !(@.value like_regex "^.{1,100}$"))')"""
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
        CheckConstraint(
            "return_url = '' OR (length(return_url) <= 2000 AND return_url ~ '^https://[^[:space:][:cntrl:]]+$')",
            name="return_url",
        ),
        CheckConstraint(
            "cardinality(methods) BETWEEN 1 AND 5 AND methods <@ ARRAY['CARD', 'HBAR', 'USDC', 'USDT', 'AUDD']",
            name="methods",
        ),
        CheckConstraint(_OWN_DATA_FITS, name="own_data"),
        CheckConstraint("archived_at IS NULL OR status IN ('PAID', 'EXPIRED', 'CANCELED')", name="archived"),
        currency_shape(),
        Index("ix_payment_links_newest", "organization_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_payment_links_by_status",
            "organization_id",
            "status",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index(
            "ix_payment_links_by_amount",
            "organization_id",
            "status",
            text("currency DESC"),
            text("amount_minor DESC"),
            text("id DESC"),
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index(
            "ix_payment_links_by_end",
            "organization_id",
            "status",
            "ends_at",
            "id",
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index(
            "ix_payment_links_archived",
            "organization_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("archived_at IS NOT NULL"),
        ),
        Index(
            "ix_payment_links_expiring",
            "expires_at",
            "id",
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
    return_url: Mapped[str] = mapped_column(server_default=text("''"))
    """where the receipt leads back to; https, or empty"""
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{CARD}'"))
    """the ways to pay its merchant chose, whether or not they can be used at the moment"""
    own_data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """names and values of the merchant's own; the customer never sees them"""
    archived_at: Mapped[dt.datetime | None]
    """when it was put out of sight of the lists; only what has ended can be"""
    ends_at: Mapped[dt.datetime] = mapped_column(
        Computed("coalesce(expires_at, '9999-12-31 00:00:00+00')", persisted=True)
    )
    """`expires_at`, or the end of time: an order needs a value"""
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class LinkContact(Base):
    """Whom a link is for: personal data, apart from the link so that it can be erased without touching the ledger."""

    __tablename__ = "link_contacts"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        CheckConstraint("length(name) <= 120", name="name_length"),
        CheckConstraint("length(email) <= 254", name="email_length"),
        CheckConstraint("name <> '' OR email <> ''", name="somebody"),
    )

    link_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[OrganizationId]
    name: Mapped[str] = mapped_column(server_default=text("''"))
    email: Mapped[str] = mapped_column(server_default=text("''"))
    updated_at: Mapped[Moment]


class LinkSearch(Base):
    """The words a link is found by; written by triggers alone (docs/decisions/0022)."""

    __tablename__ = "link_search"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        Index("ix_link_search_words", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    link_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[OrganizationId]
    words: Mapped[Any] = mapped_column(TSVECTOR, nullable=False)
    """each begins with the last twelve figures of the organization's id"""


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
