"""Read payment links for the merchant's pages: the list, one link and what paid it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus, Provider
from provvypay.errors import NotFound
from provvypay.services import keyset

PAGE_SIZE = 25
MOST_COUNTED = 1000
SEARCH_LENGTH = 100
STATUSES = (LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One line of the list."""

    id: uuid.UUID
    short_code: str
    description: str
    reference: str
    status: str
    amount_minor: int
    currency: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    paid_at: dt.datetime | None
    facts: tuple[str, ...]
    """what is true beside the state, such as DOUBLE: the kinds of its open exceptions"""


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link as its own page shows it."""

    id: uuid.UUID
    short_code: str
    description: str
    reference: str
    status: str
    facts: tuple[str, ...]
    amount_minor: int
    currency: str
    expires_at: dt.datetime | None
    created_at: dt.datetime
    opened_at: dt.datetime | None
    paid_at: dt.datetime | None
    created_by_name: str | None
    pay_url: str
    version: int
    can_activate: bool
    can_cancel: bool
    can_edit: bool


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The payment that settled a link, and what is left of it."""

    method: str
    occurred_at: dt.datetime
    amount_minor: int
    currency: str
    fee_minor: int | None
    fee_currency: str
    """the provider's settlement currency, which may differ from the link's"""
    net_minor: int | None
    """in `fee_currency`"""
    reference: str
    fee_state: str
    """KNOWN, or WAITING until the provider names it"""


# The conditions come from this module alone; what people type travels as parameters.
_LIST = """
    WITH page AS (
        SELECT id, short_code, description, reference, status, amount_minor, currency, created_at, expires_at, paid_at
        FROM payment_links WHERE organization_id = :org {conditions}
        ORDER BY created_at {direction}, id {direction} LIMIT :most
    ), facts AS (
        SELECT link_id, array_agg(DISTINCT kind ORDER BY kind) AS kinds FROM payment_exceptions
        WHERE organization_id = :org AND state = 'OPEN' AND link_id IN (SELECT id FROM page) GROUP BY link_id
    )
    SELECT page.*, facts.kinds FROM page LEFT JOIN facts ON facts.link_id = page.id
    ORDER BY page.created_at {direction}, page.id {direction}
"""
_STATUS = "AND status = :status"
_SEARCH = "AND (description ILIKE :pattern OR reference ILIKE :pattern OR short_code LIKE :code)"
_OLDER = "AND (created_at, id) < (:at, :id)"
_NEWER = "AND (created_at, id) > (:at, :id)"

# The order has no meaning for a count; it keeps the planner on the index, where it can stop at the thousandth.
_COUNTS = text("""
    SELECT s.status, c.number FROM unnest(CAST(:statuses AS text[])) AS s (status) CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM (
            SELECT FROM payment_links WHERE organization_id = :org AND status = s.status
            ORDER BY created_at DESC, id DESC LIMIT :most) AS newest) AS c
""")

_ONE = text("""
    SELECT l.*, u.name AS created_by_name,
        (SELECT array_agg(DISTINCT e.kind ORDER BY e.kind) FROM payment_exceptions e
         WHERE e.organization_id = :org AND e.state = 'OPEN' AND e.link_id = l.id) AS kinds
    FROM payment_links l LEFT JOIN users u ON u.id = l.created_by
    WHERE l.organization_id = :org AND l.id = :id
""")

_PAYMENT = text("""
    SELECT p.provider, p.asset, p.provider_reference, p.occurred_at, s.amount_minor, s.currency,
        b.fee_minor, b.net_minor, b.currency AS fee_currency
    FROM settlements s
    JOIN settlement_parts t ON t.settlement_id = s.id AND t.organization_id = s.organization_id
    JOIN payments p ON p.id = t.payment_id AND p.organization_id = s.organization_id
    LEFT JOIN balance_transactions b
        ON b.organization_id = p.organization_id AND b.payment_id = p.id AND b.type = 'charge'
    WHERE s.organization_id = :org AND s.link_id = :id AND s.voided_at IS NULL
    ORDER BY p.occurred_at DESC, b.occurred_at DESC LIMIT 1
""")


def page(
    session: Session,
    organization_id: uuid.UUID,
    *,
    status: str | None = None,
    query: str = "",
    cursor: keyset.Cursor | None = None,
    size: int = PAGE_SIZE,
) -> keyset.Page[LinkRow]:
    """Return one page of links, newest first.

    :param status: one of STATUSES, or None for all
    :param query: part of a description, a reference or a code; `%` and `_` mean themselves
    """
    conditions: list[str] = []
    given: dict[str, Any] = {"org": organization_id, "most": size + 1}
    if status is not None:
        conditions.append(_STATUS)
        given["status"] = status
    if words := searchable(query):
        conditions.append(_SEARCH)
        # A code may be typed with the blanks and hyphens people put between letters.
        code = words.upper().replace(" ", "").replace("-", "") or words
        given |= {"pattern": f"%{_literal(words)}%", "code": f"%{_literal(code)}%"}
    if cursor is not None:
        conditions.append(_NEWER if cursor.newer else _OLDER)
        given |= {"at": cursor.at, "id": cursor.id}
    direction = "ASC" if cursor is not None and cursor.newer else "DESC"
    statement = text(_LIST.format(conditions=" ".join(conditions), direction=direction))
    found = [_row(row) for row in session.execute(statement, given)]
    if keyset.leads_before_the_first_page(found, cursor, size):
        return page(session, organization_id, status=status, query=query, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.created_at, row.id))


def searchable(query: str) -> str:
    """Return what of a typed search can be looked for: one line, no control characters, of sensible length."""
    return " ".join("".join(char if char.isprintable() else " " for char in query).split())[:SEARCH_LENGTH]


def counts(session: Session, organization_id: uuid.UUID) -> dict[str, str]:
    """Return how many links there are per status and in ALL, counted up to a thousand: "37" or "1,000+"."""
    rows = session.execute(
        _COUNTS, {"org": organization_id, "statuses": [str(status) for status in STATUSES], "most": MOST_COUNTED + 1}
    )
    found = {row.status: row.number for row in rows}
    found["ALL"] = sum(found.values())
    return {name: str(number) if number <= MOST_COUNTED else f"{MOST_COUNTED:,}+" for name, number in found.items()}


def one(
    session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, *, public_base_url: str, may_manage: bool
) -> LinkView:
    """Return one link.

    :param may_manage: whether the member who looks may change links; decides what the page offers
    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.execute(_ONE, {"org": organization_id, "id": link_id}).one_or_none()
    if row is None:
        raise NotFound(f"link {link_id}")
    draft = row.status == LinkStatus.DRAFT
    return LinkView(
        id=row.id,
        short_code=row.short_code,
        description=row.description,
        reference=row.reference,
        status=row.status,
        facts=tuple(row.kinds or ()),
        amount_minor=row.amount_minor,
        currency=row.currency,
        expires_at=row.expires_at,
        created_at=row.created_at,
        opened_at=row.opened_at,
        paid_at=row.paid_at,
        created_by_name=row.created_by_name,
        pay_url=pay_url(public_base_url, row.short_code),
        version=row.version,
        can_activate=may_manage and draft,
        can_cancel=may_manage and (draft or row.status == LinkStatus.OPEN),
        can_edit=may_manage and draft,
    )


def pay_url(public_base_url: str, short_code: str) -> str:
    """Return the address a customer opens."""
    return f"{public_base_url}/p/{short_code}"


def payment(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> PaymentView | None:
    """Return the payment that settled a link, with its fee once the provider named it; None while it is not paid."""
    row = session.execute(_PAYMENT, {"org": organization_id, "id": link_id}).one_or_none()
    if row is None:
        return None
    named = row.fee_minor is not None
    charges = row.provider == Provider.STRIPE
    return PaymentView(
        method=method(row.provider, row.asset),
        occurred_at=row.occurred_at,
        amount_minor=row.amount_minor,
        currency=row.currency,
        fee_minor=row.fee_minor if charges else 0,
        fee_currency=row.fee_currency or row.currency,
        net_minor=row.net_minor if charges else row.amount_minor,
        reference=row.provider_reference,
        fee_state="KNOWN" if named or not charges else "WAITING",
    )


def method(provider: str, asset: str | None) -> str:
    """Return how money came, in a word for people."""
    return asset or (
        "Card" if provider == Provider.STRIPE else "Hand" if provider == Provider.MANUAL else provider.title()
    )


def _row(row: Any) -> LinkRow:
    return LinkRow(
        id=row.id,
        short_code=row.short_code,
        description=row.description,
        reference=row.reference,
        status=row.status,
        amount_minor=row.amount_minor,
        currency=row.currency,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paid_at=row.paid_at,
        facts=tuple(row.kinds or ()),
    )


def _literal(words: str) -> str:
    """Return the text with the wildcards of LIKE made plain."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
