"""The books: accounts, journals and their entries. Append-only; a correction is a reversing journal."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import base as postgresql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from provvypay.domain.assets import ASSETS
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


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's xid8: which transaction wrote the row."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        """Return the type's name in DDL."""
        return "xid8"


KINDS = tuple(
    "SALE PAYMENT CREDIT SUSPENSE FEE CONVERSION_OUT CONVERSION_IN REVERSAL REFUND REFUND_REVERSAL"
    " DISPUTE_WITHDRAWN DISPUTE_FEE DISPUTE_WON DISPUTE_LOST WRITE_OFF OWN_TRANSFER".split()
)
"""what a journal is for"""
SOURCE_TYPES = tuple("SETTLEMENT PAYMENT BALANCE_TRANSACTION JOURNAL REFUND DISPUTE RESOLUTION".split())
"""what made it"""

postgresql.ischema_names["xid8"] = TransactionId  # so that comparing the models with a database knows the type


class Account(Base):
    """One account of an organization's chart; the code never changes, the name may."""

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("kind", ("ASSET", "LIABILITY", "REVENUE", "EXPENSE")),
        CheckConstraint("code ~ '^[0-9]{4}$'", name="code_shape"),
        CheckConstraint("NOT (is_system AND archived_at IS NOT NULL)", name="system_stays"),
        CheckConstraint("length(btrim(name)) BETWEEN 1 AND 80", name="name"),
    )

    organization_id: Mapped[OrganizationId] = mapped_column(
        ForeignKey("organizations.id", ondelete="RESTRICT"), primary_key=True
    )
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    is_system: Mapped[bool] = mapped_column(server_default=text("false"))
    """one the product posts to; it stays"""
    archived_at: Mapped[dt.datetime | None]
    created_at: Mapped[Moment]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    """counts changes, so that nobody overwrites what they have not seen"""


class PeriodLock(Base):
    """One word of an accountant: closed through this day, or open again. The last one holds; none is ever changed."""

    __tablename__ = "period_locks"
    __table_args__ = (
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("(locked_through IS NULL) = (open_from IS NULL)", name="open_from"),
        CheckConstraint("length(reason) <= 500", name="reason"),
    )

    organization_id: Mapped[OrganizationId] = mapped_column(
        ForeignKey("organizations.id", ondelete="RESTRICT"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    locked_through: Mapped[dt.date | None]
    """the last closed day, in `time_zone`; none: all is open"""
    time_zone: Mapped[str]
    """the organization's at that time: a lock does not move when the organization does"""
    open_from: Mapped[dt.datetime | None]
    """the first instant journals may have; written by PostgreSQL"""
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    locked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Moment]


class Journal(Base):
    """A balanced set of ledger entries in one currency, for one business fact. Sealed by the commit that wrote it."""

    __tablename__ = "journals"
    __table_args__ = (
        UniqueConstraint("source_type", "source_id", "kind"),
        UniqueConstraint("organization_id", "id", "currency"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("reverses_id"),
        ForeignKeyConstraint(["organization_id", "link_id"], ["payment_links.organization_id", "payment_links.id"]),
        ForeignKeyConstraint(["organization_id", "reverses_id"], ["journals.organization_id", "journals.id"]),
        ForeignKeyConstraint(["organization_id", "lock_seq"], ["period_locks.organization_id", "period_locks.seq"]),
        one_of("kind", KINDS),
        one_of(
            "source_type",
            ("SETTLEMENT", "PAYMENT", "BALANCE_TRANSACTION", "JOURNAL", "REFUND", "DISPUTE", "RESOLUTION"),
        ),
        currency_shape(),
        CheckConstraint("(kind IN ('REVERSAL', 'REFUND_REVERSAL')) = (reverses_id IS NOT NULL)", name="reversal"),
        CheckConstraint("moved_from < effective_at AND lock_seq IS NOT NULL OR moved_from IS NULL", name="moved_from"),
        Index("ix_journals_by_link", "organization_id", "link_id"),
        Index("ix_journals_newest", "organization_id", text("effective_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    organization_id: Mapped[OrganizationId] = mapped_column(ForeignKey("organizations.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    source_type: Mapped[str]
    source_id: Mapped[uuid.UUID]
    currency: Mapped[CurrencyCode]
    effective_at: Mapped[dt.datetime]
    """business date: when the fact happened, or the first open instant when that lay in a closed period"""
    description: Mapped[str]
    link_id: Mapped[uuid.UUID | None]
    reverses_id: Mapped[uuid.UUID | None]
    created_xid: Mapped[str] = mapped_column(TransactionId, server_default=text("pg_current_xact_id()"))
    created_at: Mapped[Moment]
    moved_from: Mapped[dt.datetime | None]
    """when the fact happened, where that lay in a closed period"""
    lock_seq: Mapped[int | None] = mapped_column(Integer)
    """the lock that held when it was written; by a trigger"""


class LedgerEntry(Base):
    """One line of a journal: DEBIT or CREDIT of one account."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "journal_id", "currency"],
            ["journals.organization_id", "journals.id", "journals.currency"],
        ),
        ForeignKeyConstraint(["organization_id", "account_code"], ["accounts.organization_id", "accounts.code"]),
        one_of("side", ("DEBIT", "CREDIT")),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MOST_MINOR}", name="amount_minor"),
        CheckConstraint("(asset IS NULL) = (asset_amount IS NULL)", name="asset_pair"),
        CheckConstraint("asset_amount > 0", name="asset_amount"),
        one_of("asset", tuple(ASSETS)),
        Index(
            "ix_ledger_entries_by_account",
            "organization_id",
            "account_code",
            "currency",
            "effective_at",
            "journal_id",
            "line_no",
            postgresql_include=["side", "amount_minor"],
        ),
    )

    journal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    organization_id: Mapped[OrganizationId]
    account_code: Mapped[str]
    side: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[CurrencyCode]
    asset: Mapped[str | None]
    asset_amount: Mapped[int | None] = mapped_column(BigInteger)
    """smallest units, so that quantities can be proved against the chain"""
    effective_at: Mapped[dt.datetime]
    """the journal's; by a trigger, so that a statement reads one index"""
