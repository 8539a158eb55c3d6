"""The one declarative base, the naming convention, and the few column shapes every table uses."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, MetaData, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column

from provvypay.kit.ids import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Plain SQLAlchemy, so that jobs and services need no Flask; the web layer hands it to Flask-SQLAlchemy."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        dt.datetime: DateTime(timezone=True),
        uuid.UUID: UUID(as_uuid=True),
        str: Text(),
        dict[str, Any]: JSONB(),
    }


Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid7)]
"""a time-ordered UUID made in the process"""
OrganizationId = Annotated[uuid.UUID, mapped_column()]
"""whose row this is; part of every foreign key between tenant tables"""
Moment = Annotated[dt.datetime, mapped_column(server_default=text("clock_timestamp()"))]
"""written by the database's clock"""
Minor = Annotated[int, mapped_column(BigInteger)]
"""integer minor units of the row's currency"""
CurrencyCode = Annotated[str, mapped_column(String(3))]
"""ISO 4217, upper case"""

MOST_MINOR = 99_999_999_999


def one_of(column: str, values: type[Any] | tuple[str, ...], *, name: str | None = None) -> CheckConstraint:
    """Return a check that a text column holds one of an enum's (or tuple's) values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name or f"{column}_known")


def currency_shape(column: str = "currency") -> CheckConstraint:
    """Return a check that a column looks like an ISO 4217 code."""
    return CheckConstraint(f"{column} ~ '^[A-Z]{{3}}$'", name=f"{column}_shape")
