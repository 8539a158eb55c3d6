"""Read one payment link for the merchant's pages, and what paid it; lists are link_list.py's work."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus, Provider
from provvypay.errors import NotFound
from provvypay.services.link_contacts import Contact


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
    contact: Contact
    """the customer; personal data"""
    return_url: str
    own_data: dict[str, str]
    methods: tuple[str, ...]
    archived_at: dt.datetime | None
    pay_url: str
    version: int
    can_activate: bool
    can_cancel: bool
    can_edit: bool
    can_duplicate: bool
    can_archive: bool
    can_unarchive: bool
    is_marked: bool
    """by hand, as paid"""
    can_mark: bool
    can_undo_mark: bool


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


# What was opened once, and is not paid; a discarded draft has no customer.
_MARKABLE = frozenset({LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED})

_ONE = text("""
    SELECT l.*, u.name AS created_by_name, c.name AS customer_name, c.email AS customer_email,
        (SELECT array_agg(DISTINCT e.kind ORDER BY e.kind) FROM payment_exceptions e
         WHERE e.organization_id = :org AND e.state = 'OPEN' AND e.link_id = l.id) AS kinds,
        (SELECT sum(r.amount_minor) FROM refunds r WHERE r.organization_id = :org AND r.link_id = l.id
            AND r.state = 'SUCCEEDED' AND r.exception_id IS NULL) AS refunded_minor,
        EXISTS (SELECT FROM disputes d WHERE d.organization_id = :org AND d.link_id = l.id
            AND d.state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW')) AS is_disputed,
        EXISTS (SELECT FROM settlements s JOIN settlement_parts t ON t.settlement_id = s.id AND t.resolution_id IS NULL
            JOIN payments p ON p.id = t.payment_id AND p.provider = 'MANUAL'
            WHERE s.organization_id = :org AND s.link_id = l.id AND s.voided_at IS NULL) AS is_marked
    FROM payment_links l LEFT JOIN users u ON u.id = l.created_by
    LEFT JOIN link_contacts c ON c.link_id = l.id AND c.organization_id = :org
    WHERE l.organization_id = :org AND l.id = :id
""")

_PAYMENT = text("""
    SELECT p.provider, p.asset, p.occurred_at,
        coalesce(CASE p.provider WHEN 'MANUAL' THEN p.evidence ->> 'reference' END, p.provider_reference)
            AS provider_reference,
        s.amount_minor, s.currency,
        b.fee_minor, b.net_minor, b.currency AS fee_currency
    FROM settlements s
    JOIN settlement_parts t ON t.settlement_id = s.id AND t.organization_id = s.organization_id
    JOIN payments p ON p.id = t.payment_id AND p.organization_id = s.organization_id
    LEFT JOIN LATERAL (
        SELECT min(f.currency) AS currency, CAST(sum(f.fee_minor) AS bigint) AS fee_minor,
            CAST(sum(f.net_minor) AS bigint) AS net_minor
        FROM balance_transactions f WHERE f.organization_id = :org AND f.payment_id = p.id
            AND f.type IN ('charge', 'adjustment')) AS b ON true
    WHERE s.organization_id = :org AND s.link_id = :id AND s.voided_at IS NULL
    ORDER BY p.occurred_at DESC LIMIT 1
""")


def one(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    *,
    public_base_url: str,
    may_manage: bool,
    may_correct: bool = False,
) -> LinkView:
    """Return one link.

    :param may_manage: whether the member who looks may change links; decides what the page offers
    :param may_correct: whether they may mark it as paid by hand, and take that back
    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.execute(_ONE, {"org": organization_id, "id": link_id}).one_or_none()
    if row is None:
        raise NotFound(f"link {link_id}")
    draft, lives = row.status == LinkStatus.DRAFT, row.status in {LinkStatus.DRAFT, LinkStatus.OPEN}
    return LinkView(
        id=row.id,
        short_code=row.short_code,
        description=row.description,
        reference=row.reference,
        status=row.status,
        facts=_facts(row),
        is_marked=row.is_marked,
        amount_minor=row.amount_minor,
        currency=row.currency,
        expires_at=row.expires_at,
        created_at=row.created_at,
        opened_at=row.opened_at,
        paid_at=row.paid_at,
        created_by_name=row.created_by_name,
        contact=Contact(row.customer_name or "", row.customer_email or ""),
        return_url=row.return_url,
        own_data=row.own_data,
        methods=tuple(row.methods),
        archived_at=row.archived_at,
        pay_url=pay_url(public_base_url, row.short_code),
        version=row.version,
        can_activate=may_manage and draft,
        can_cancel=may_manage and lives,
        can_edit=may_manage and lives,
        can_duplicate=may_manage,
        can_archive=may_manage and not lives and row.archived_at is None,
        can_unarchive=may_manage and row.archived_at is not None,
        can_mark=may_correct and row.status in _MARKABLE,
        can_undo_mark=may_correct and row.is_marked,
    )


def _facts(row: Any) -> tuple[str, ...]:
    """Return what is true of a link besides its state."""
    facts = [*(row.kinds or ()), *(["MARKED"] if row.is_marked else ())]
    if row.refunded_minor:
        facts.append("REFUNDED" if row.refunded_minor >= row.amount_minor else "PARTLY_REFUNDED")
    return (*facts, "DISPUTED") if row.is_disputed else tuple(facts)


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
