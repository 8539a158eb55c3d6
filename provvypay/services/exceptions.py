"""Read payment exceptions: money that arrived but cannot settle a link by itself. Deciding about them comes later."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.errors import NotFound
from provvypay.services import keyset
from provvypay.services.numbers import exception_number

PAGE_SIZE = 25

# First that the money is safe and where it stands, then why it is here (settlement.held_payment books all kinds alike).
_SAFE = "Safe in 2100 Customer Credits"
_WHY: dict[str, str] = {
    ExceptionKind.DOUBLE: "a second payment for a link that was paid already",
    ExceptionKind.LATE: "a payment that came after the link had ended",
    ExceptionKind.MISMATCH: "a payment of another amount than the link asked for",
}


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One line of the list."""

    id: uuid.UUID
    number: str
    kind: str
    state: str
    sentence: str
    amount_minor: int
    currency: str
    occurred_at: dt.datetime
    link_description: str | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exception as its own page shows it."""

    id: uuid.UUID
    number: str
    kind: str
    state: str
    """OPEN or RESOLVED"""
    sentence: str
    amount_minor: int
    """what arrived"""
    currency: str
    occurred_at: dt.datetime
    provider: str
    provider_reference: str
    payment_id: uuid.UUID
    link_id: uuid.UUID | None
    link_description: str | None
    link_amount_minor: int | None
    """what the link asked for"""
    link_currency: str | None


_SELECT = """
    SELECT x.id, x.kind, x.state, x.payment_id, x.created_at, x.link_id, p.value_minor, p.currency, p.occurred_at,
        p.provider, p.provider_reference, l.description, l.status AS link_status, l.amount_minor AS link_amount_minor,
        l.currency AS link_currency
    FROM {source} AS x
    JOIN payments p ON p.organization_id = x.organization_id AND p.id = x.payment_id
    LEFT JOIN payment_links l ON l.organization_id = x.organization_id AND l.id = x.link_id
    {rest}
"""
_PAGE = """(
        SELECT * FROM payment_exceptions WHERE organization_id = :org AND state = 'OPEN' {condition}
        ORDER BY created_at {direction}, id {direction} LIMIT :most)"""
_OLDER = "AND (created_at, id) < (:at, :id)"
_NEWER = "AND (created_at, id) > (:at, :id)"
_ONE = text(_SELECT.format(source="payment_exceptions", rest="WHERE x.organization_id = :org AND x.id = :id"))


def page(
    session: Session, organization_id: uuid.UUID, *, cursor: keyset.Cursor | None = None, size: int = PAGE_SIZE
) -> keyset.Page[ExceptionRow]:
    """Return one page of open exceptions, newest first."""
    backwards = cursor is not None and cursor.newer
    condition = "" if cursor is None else _NEWER if backwards else _OLDER
    given: dict[str, Any] = {"org": organization_id, "most": size + 1}
    if cursor is not None:
        given |= {"at": cursor.at, "id": cursor.id}
    direction = "ASC" if backwards else "DESC"
    query = _SELECT.format(
        source=_PAGE.format(condition=condition, direction=direction),
        rest=f"ORDER BY x.created_at {direction}, x.id {direction}",
    )
    found = [_row(row) for row in session.execute(text(query), given)]
    if keyset.leads_before_the_first_page(found, cursor, size):
        return page(session, organization_id, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.created_at, row.id))


def one(session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID) -> ExceptionView:
    """Return one exception.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.execute(_ONE, {"org": organization_id, "id": exception_id}).one_or_none()
    if row is None:
        raise NotFound(f"exception {exception_id}")
    return ExceptionView(
        id=row.id,
        number=exception_number(row.id),
        kind=row.kind,
        state=row.state,
        sentence=sentence(row.kind, row.link_status),
        amount_minor=row.value_minor,
        currency=row.currency,
        occurred_at=row.occurred_at,
        provider=row.provider,
        provider_reference=row.provider_reference,
        payment_id=row.payment_id,
        link_id=row.link_id,
        link_description=row.description,
        link_amount_minor=row.link_amount_minor,
        link_currency=row.link_currency,
    )


def sentence(kind: str, link_status: str | None) -> str:
    """Say that the money is safe, where it is booked, and why it is here.

    :param link_status: of the link it came for; None when it names none
    """
    why = _WHY.get(kind, "a payment that fits no link by itself")
    if kind == ExceptionKind.LATE and link_status == LinkStatus.CANCELED:
        why = "a payment that came after the link was canceled"
    return f"{_SAFE}: {why}"


def _row(row: Any) -> ExceptionRow:
    return ExceptionRow(
        id=row.id,
        number=exception_number(row.id),
        kind=row.kind,
        state=row.state,
        sentence=sentence(row.kind, row.link_status),
        amount_minor=row.value_minor,
        currency=row.currency,
        occurred_at=row.occurred_at,
        link_description=row.description,
        created_at=row.created_at,
    )
