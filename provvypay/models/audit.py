"""Who did what, when and from where: append-only."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment, one_of


class AuditLog(Base):
    """One audited act. The organization is null for acts before one is known, such as a refused sign-in."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("actor_type", ("USER", "SYSTEM", "ANONYMOUS")),
        Index("ix_audit_logs_newest", "organization_id", text("created_at DESC")),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    actor_type: Mapped[str]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    action: Mapped[str]
    """a dotted name of docs/reference/events.md"""
    subject_type: Mapped[str] = mapped_column(server_default=text("''"))
    subject_id: Mapped[str] = mapped_column(server_default=text("''"))
    detail: Mapped[dict[str, Any]]
    """ids and values, never a secret"""
    request_id: Mapped[str] = mapped_column(server_default=text("''"))
    ip: Mapped[str | None] = mapped_column(INET)
    created_at: Mapped[Moment]
