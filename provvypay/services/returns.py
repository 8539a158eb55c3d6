"""What can go back of a payment: what was received, less what goes back already; and what is held of it as a credit."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import Provider
from provvypay.errors import NotFound

REFUNDABLE = frozenset({Provider.STRIPE})
"""providers a refund is asked for on the link's page"""
WATCHED_KINDS = frozenset({"native", "hts"})
"""tokens whose outgoing transfers the watcher reads; those of ERC-20 contracts stand in no list of an account's"""


@dataclass(frozen=True, slots=True)
class Returnable:
    """A payment, seen by what of it can go back."""

    payment_id: uuid.UUID
    organization_id: uuid.UUID
    link_id: uuid.UUID | None
    short_code: str | None
    provider: str
    provider_reference: str
    asset: str | None
    occurred_at: dt.datetime
    value_minor: int
    """what was received, in `currency`"""
    currency: str
    refunded_minor: int
    """by refunds that went back or are on their way"""
    returned_minor: int
    """the part of it a provider has taken on"""
    disputed_minor: int
    """by disputes that are open or lost"""
    is_disputed: bool
    """a dispute is undecided: no refund is made meanwhile"""
    exception_id: uuid.UUID | None
    """the open exception that holds it as a customer's credit"""
    held_minor: int | None
    """what of that is still held, and not on its way back"""
    title: str
    payer: str | None = None
    """who sent tokens, as far as the ledger says: where a refund of them goes"""
    asset_amount: int | None = None
    """smallest units that came"""
    transfer_kind: str | None = None
    account_id: str | None = None
    """of the merchant, that received them"""
    network: str | None = None

    @property
    def available_minor(self) -> int:
        """What can still go back."""
        left = self.value_minor - self.refunded_minor - self.disputed_minor
        return max(0, left if self.held_minor is None else min(left, self.held_minor))

    def exceeds(self, more_minor: int) -> bool:
        """Say whether so much more goes back than was received, by what providers report."""
        return self.returned_minor + self.disputed_minor + more_minor > self.value_minor

    @property
    def is_refundable(self) -> bool:
        """Say whether a refund may be made now."""
        return self.provider in REFUNDABLE and not self.is_disputed and self.available_minor > 0


_RETURNABLE = """
    SELECT p.id, p.organization_id, p.link_id, l.short_code, p.provider, p.provider_reference, p.asset, p.occurred_at,
        p.value_minor, p.currency, coalesce(nullif(l.reference, ''), l.description, 'Money without a link') AS title,
        p.payer, p.asset_amount, t.kind AS transfer_kind, t.account_id, t.network,
        CAST(coalesce((SELECT sum(r.amount_minor) FROM refunds r WHERE r.organization_id = :org AND r.payment_id = p.id
            AND r.state NOT IN ('FAILED', 'CANCELED')), 0) AS bigint) AS refunded_minor,
        CAST(coalesce((SELECT sum(r.amount_minor) FROM refunds r WHERE r.organization_id = :org AND r.payment_id = p.id
            AND r.state IN ('PENDING', 'SUCCEEDED')), 0) AS bigint) AS returned_minor,
        CAST(coalesce((SELECT sum(d.amount_minor) FROM disputes d WHERE d.organization_id = :org
            AND d.payment_id = p.id AND d.state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'LOST')), 0) AS bigint)
            AS disputed_minor,
        EXISTS (SELECT FROM disputes d WHERE d.organization_id = :org AND d.payment_id = p.id
            AND d.state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW')) AS is_disputed,
        x.id AS exception_id,
        CASE WHEN x.id IS NOT NULL THEN CAST(still_held(x.id) AS bigint) END AS held_minor
    FROM payments p
    LEFT JOIN payment_links l ON l.organization_id = :org AND l.id = p.link_id
    LEFT JOIN hedera_transfers t ON t.organization_id = :org AND t.id = p.transfer_id
    LEFT JOIN payment_exceptions x ON x.organization_id = :org AND x.payment_id = p.id
        AND (x.state = 'OPEN' OR still_held(x.id) > 0)
    WHERE p.organization_id = :org AND {condition} AND (p.provider <> 'MANUAL' OR EXISTS (
        SELECT FROM settlement_parts part JOIN settlements s ON s.id = part.settlement_id
        WHERE part.organization_id = :org AND part.payment_id = p.id AND s.voided_at IS NULL))
    ORDER BY p.occurred_at, p.id
"""
_OF_PAYMENT = text(_RETURNABLE.format(condition="p.id = :id"))
_OF_LINK = text(_RETURNABLE.format(condition="p.link_id = :id"))


def find_payment(session: Session, provider: str, reference: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return (organization, payment) of a provider's payment, across organizations; None while it is not known."""
    row = session.execute(
        text("SELECT organization_id, payment_id FROM lookup_payment(:provider, :reference)"),
        {"provider": provider, "reference": reference},
    ).one_or_none()
    return (row.organization_id, row.payment_id) if row else None


def of_payment(session: Session, organization_id: uuid.UUID, payment_id: uuid.UUID) -> Returnable:
    """Return what can go back of a payment; under its link's lock it stays so.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.execute(_OF_PAYMENT, {"org": organization_id, "id": payment_id}).one_or_none()
    if row is None:
        raise NotFound(f"payment {payment_id}")
    return _read(row)


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> list[Returnable]:
    """Return what can go back of each payment that came for a link, oldest first."""
    return [_read(row) for row in session.execute(_OF_LINK, {"org": organization_id, "id": link_id})]


def can_go_back(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> bool:
    """Say whether a refund may be made now of any payment that came for a link."""
    return any(one.is_refundable for one in of_link(session, organization_id, link_id))


def _read(row: Any) -> Returnable:
    return Returnable(
        payment_id=row.id,
        organization_id=row.organization_id,
        link_id=row.link_id,
        short_code=row.short_code,
        provider=row.provider,
        provider_reference=row.provider_reference,
        asset=row.asset,
        occurred_at=row.occurred_at,
        value_minor=row.value_minor,
        currency=row.currency,
        refunded_minor=row.refunded_minor,
        returned_minor=row.returned_minor,
        disputed_minor=row.disputed_minor,
        is_disputed=row.is_disputed,
        exception_id=row.exception_id,
        held_minor=row.held_minor,
        title=row.title,
        payer=row.payer,
        asset_amount=row.asset_amount,
        transfer_kind=row.transfer_kind,
        account_id=row.account_id,
        network=row.network,
    )
