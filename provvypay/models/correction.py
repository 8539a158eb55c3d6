"""Corrections that wait for a second person, and what members say about exceptions."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.domain.statuses import CorrectionAction, RequestState
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


class CorrectionRequest(Base):
    """A correction above the organization's limit: it is done once somebody else who may says yes."""

    __tablename__ = "correction_requests"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="RESTRICT"),
        ForeignKeyConstraint(
            ["organization_id", "exception_id"], ["payment_exceptions.organization_id", "payment_exceptions.id"]
        ),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        one_of("action", CorrectionAction),
        one_of("state", RequestState),
        CheckConstraint("num_nonnulls(exception_id, link_id) >= 1", name="subject"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        currency_shape(),
        CheckConstraint("length(btrim(reason)) BETWEEN 1 AND 500", name="reason"),
        CheckConstraint(
            "(state = 'WAITING') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("state NOT IN ('APPROVED', 'REJECTED') OR decided_by <> requested_by", name="second_person"),
        Index(
            "ix_correction_requests_waiting",
            "organization_id",
            text("created_at DESC"),
            postgresql_where=text("state = 'WAITING'"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    action: Mapped[str]
    exception_id: Mapped[uuid.UUID | None]
    link_id: Mapped[uuid.UUID | None]
    details: Mapped[dict[str, Any]]
    """what the person filled in, as the act will need it"""
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'WAITING'"))
    requested_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    decided_at: Mapped[dt.datetime | None]
    created_at: Mapped[Moment]


class ExceptionComment(Base):
    """What a member wrote about an exception."""

    __tablename__ = "exception_comments"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(
            ["organization_id", "exception_id"], ["payment_exceptions.organization_id", "payment_exceptions.id"]
        ),
        CheckConstraint("length(btrim(body)) BETWEEN 1 AND 2000", name="body"),
        Index("ix_exception_comments_by_exception", "organization_id", "exception_id", "created_at"),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId]
    exception_id: Mapped[uuid.UUID]
    written_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    body: Mapped[str]
    created_at: Mapped[Moment]
