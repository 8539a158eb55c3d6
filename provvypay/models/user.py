"""People, their sessions, and the throttle of the sign-in."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("length(email) BETWEEN 3 AND 254", name="email_length"),
        CheckConstraint("length(name) BETWEEN 1 AND 120", name="name_length"),
    )

    id: Mapped[Id]
    email: Mapped[str]
    """as typed; unique without case"""
    name: Mapped[str]
    password_hash: Mapped[str]
    """argon2id with its parameters"""
    is_platform_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    disabled_at: Mapped[dt.datetime | None]
    created_at: Mapped[Moment]


Index("uq_users_email_lower", func.lower(User.email), unique=True)


class UserSession(Base):
    """One sign-in on one device; the cookie holds the token, this row its SHA-256."""

    __tablename__ = "user_sessions"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id"))
    """the organization this person works in at the moment"""
    created_at: Mapped[Moment]
    last_seen_at: Mapped[Moment]
    expires_at: Mapped[dt.datetime]
    """absolute end; the idle end is last_seen_at plus the idle limit"""
    revoked_at: Mapped[dt.datetime | None]
    user_agent: Mapped[str] = mapped_column(server_default=text("''"))
    ip: Mapped[str | None] = mapped_column(INET)


class SignInThrottle(Base):
    """Failures of one account or one address; in PostgreSQL, so that a flushed Redis forgives nobody."""

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    """`account:<sha256 of the lower-case address>` or `ip:<address>`"""
    failures: Mapped[int] = mapped_column(Integer)
    window_started_at: Mapped[dt.datetime]
    blocked_until: Mapped[dt.datetime | None]
