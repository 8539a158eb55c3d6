"""Money that needs a person, and what was decided about it."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.statuses import ExceptionKind, ResolutionAction
from provvypay.models.base import MOST_MINOR, Base, Id, Moment, OrganizationId, one_of


class PaymentException(Base):
    """Money that needs a person: it settles no link by itself, or did not go back as it should. Never invisible."""

    __tablename__ = "payment_exceptions"
    __table_args__ = (
        UniqueConstraint("payment_id", "held_in"),
        UniqueConstraint("transfer_id"),
        UniqueConstraint("refund_id"),
        UniqueConstraint("dispute_id"),
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
        ForeignKeyConstraint(
            ["organization_id", "transfer_id"], ["hedera_transfers.organization_id", "hedera_transfers.id"]
        ),
        ForeignKeyConstraint(
            ["organization_id", "refund_id"], ["refunds.organization_id", "refunds.id"], use_alter=True
        ),
        ForeignKeyConstraint(
            ["organization_id", "dispute_id"], ["disputes.organization_id", "disputes.id"], use_alter=True
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(
            ["organization_id", "suggested_link_id"], ["payment_links.organization_id", "payment_links.id"]
        ),
        ForeignKeyConstraint(
            ["organization_id", "resolution_id"],
            ["payment_resolutions.organization_id", "payment_resolutions.id"],
            use_alter=True,
        ),
        ForeignKeyConstraint(
            ["organization_id", "assigned_to"],
            ["memberships.organization_id", "memberships.user_id"],
            name="fk_payment_exceptions_assigned_to",
        ),
        UniqueConstraint("resolution_id"),
        one_of("kind", ExceptionKind),
        one_of("state", ("OPEN", "RESOLVED")),
        CheckConstraint("(state = 'RESOLVED') = (resolved_at IS NOT NULL)", name="resolved"),
        CheckConstraint(
            "num_nonnulls(payment_id, transfer_id, refund_id, dispute_id) = 1"
            " AND num_nonnulls(amount_minor, currency, held_in) = CASE WHEN payment_id IS NULL THEN 0 ELSE 3 END",
            name="held",
        ),
        one_of("held_in", ("2100", "2190")),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        Index(
            "ix_payment_exceptions_open",
            "organization_id",
            text("created_at DESC"),
            postgresql_where=text("state = 'OPEN'"),
        ),
        Index(
            "ix_payment_exceptions_by_link",
            "link_id",
            postgresql_where=text("link_id IS NOT NULL AND state = 'OPEN'"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    payment_id: Mapped[uuid.UUID | None]
    transfer_id: Mapped[uuid.UUID | None]
    """instead of a payment: money that could not be valued, and stands in no book yet"""
    refund_id: Mapped[uuid.UUID | None]
    """a refund that came back, or went beyond what was received"""
    dispute_id: Mapped[uuid.UUID | None]
    """a dispute that takes more than was left"""
    link_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    """how much of the payment is held: all of it, or what came on top"""
    currency: Mapped[str | None] = mapped_column(String(3))
    held_in: Mapped[str | None]
    """2100 Customer Credits, or 2190 Suspense for money that names no link"""
    suggested_link_id: Mapped[uuid.UUID | None]
    """a link it may have been meant for; a person confirms"""
    state: Mapped[str] = mapped_column(server_default=text("'OPEN'"))
    created_at: Mapped[Moment]
    resolved_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    resolution_id: Mapped[uuid.UUID | None]
    """the decision that matched money of unknown purpose to a link, and so made this credit of it"""
    assigned_to: Mapped[uuid.UUID | None]
    """the member who works on it"""


class PaymentResolution(Base):
    """One decision about held money: a fact, never changed."""

    __tablename__ = "payment_resolutions"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(
            ["organization_id", "exception_id"], ["payment_exceptions.organization_id", "payment_exceptions.id"]
        ),
        ForeignKeyConstraint(["organization_id", "settlement_id"], ["settlements.organization_id", "settlements.id"]),
        ForeignKeyConstraint(["organization_id", "payment_id"], ["payments.organization_id", "payments.id"]),
        one_of("action", ResolutionAction),
        CheckConstraint(
            f"(amount_minor IS NULL) = (currency IS NULL) AND amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount"
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        CheckConstraint(
            "(settlement_id IS NOT NULL) = (action IN ('COMPLETED', 'ACCEPTED', 'APPLIED'))"
            " AND (payment_id IS NOT NULL) = (action = 'VALUED')"
            " AND (link_id IS NOT NULL) = (action IN ('APPLIED', 'MATCHED'))"
            " AND num_nonnulls(value_minor, value_currency) = CASE action WHEN 'MATCHED' THEN 2 ELSE 0 END"
            " AND (amount_minor IS NOT NULL) = (action NOT IN ('VALUED', 'KEPT', 'IGNORED'))",
            name="effect",
        ),
        CheckConstraint(f"value_minor BETWEEN 1 AND {MOST_MINOR}", name="value_minor"),
        CheckConstraint("actor_type = 'USER' OR action IN ('COMPLETED', 'VALUED')", name="by_whom"),
        CheckConstraint("approved_by IS NULL OR approved_by <> actor_id", name="approved"),
        CheckConstraint(
            "length(reason) <= 500 AND (action NOT IN ('IGNORED', 'WRITTEN_OFF') OR btrim(reason) <> '')",
            name="reason",
        ),
        CheckConstraint(
            "actor_type IN ('USER', 'SYSTEM') AND (actor_type = 'USER') = (actor_id IS NOT NULL)", name="actor"
        ),
        Index("ix_payment_resolutions_by_exception", "exception_id"),
        Index(
            "ix_payment_resolutions_by_settlement",
            "settlement_id",
            postgresql_where=text("settlement_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    exception_id: Mapped[uuid.UUID]
    action: Mapped[str]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    """how much of the held money it used"""
    currency: Mapped[str | None] = mapped_column(String(3))
    settlement_id: Mapped[uuid.UUID | None]
    """the settlement that used it"""
    payment_id: Mapped[uuid.UUID | None]
    """what money became that could not be valued at first"""
    actor_type: Mapped[str]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[Moment]
    link_id: Mapped[uuid.UUID | None]
    """the link that was named by the person: applied to, or matched with"""
    value_minor: Mapped[int | None] = mapped_column(BigInteger)
    """what matched money was worth to that link"""
    value_currency: Mapped[str | None] = mapped_column(String(3))
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    """the second person, above the organization's limit"""
