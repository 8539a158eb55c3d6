"""What a vendor told us (inbox), what we must still do elsewhere (outbox), and what the clock must start (schedule)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from provvypay.models.base import Base, Id, Moment, one_of


class InboxMessage(Base):
    """A vendor's event, stored before it is acted on; accepted once."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        one_of("state", ("NEW", "DONE", "IGNORED", "DEAD")),
        CheckConstraint("attempts BETWEEN 0 AND 20", name="attempts"),
        CheckConstraint("event_id <> ''", name="event_id"),
        CheckConstraint("(state = 'NEW') = (handled_at IS NULL)", name="handled"),
        Index("ix_inbox_todo", "next_attempt_at", postgresql_where=text("state = 'NEW'")),
    )

    id: Mapped[Id]
    provider: Mapped[str]
    event_id: Mapped[str]
    event_type: Mapped[str]
    livemode: Mapped[bool]
    account: Mapped[str | None]
    """the connected account the event is about"""
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[Moment]
    state: Mapped[str] = mapped_column(server_default=text("'NEW'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[Moment]
    lease_until: Mapped[dt.datetime | None]
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """counts claims: a worker that lost its lease cannot finish the row"""
    note: Mapped[str] = mapped_column(server_default=text("''"))
    """why it was ignored, or the last failure"""
    handled_at: Mapped[dt.datetime | None]


class OutboxMessage(Base):
    """An effect outside PostgreSQL, written in the transaction of its cause."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("topic", "dedupe"),
        CheckConstraint("NOT (done_at IS NOT NULL AND dead_at IS NOT NULL)", name="one_end"),
        CheckConstraint("attempts BETWEEN 0 AND 20", name="attempts"),
        Index("ix_outbox_todo", "available_at", postgresql_where=text("done_at IS NULL AND dead_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    topic: Mapped[str]
    dedupe: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[Moment]
    available_at: Mapped[Moment]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    lease_until: Mapped[dt.datetime | None]
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    done_at: Mapped[dt.datetime | None]
    dead_at: Mapped[dt.datetime | None]


class Schedule(Base):
    """A job that repeats; claimed by whichever clock comes first."""

    __tablename__ = "schedules"
    __table_args__ = (CheckConstraint("every_seconds >= 1", name="every_seconds"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    every_seconds: Mapped[int] = mapped_column(Integer)
    next_run_at: Mapped[Moment]
    lease_until: Mapped[dt.datetime | None]
    lease_token: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_started_at: Mapped[dt.datetime | None]
    last_finished_at: Mapped[dt.datetime | None]
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
