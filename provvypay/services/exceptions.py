"""Read one payment exception: money that arrived but cannot settle a link by itself; the list is exception_list.py."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.errors import NotFound
from provvypay.services.numbers import exception_number
from provvypay.services.pay_tokens import explorer_url, wallet_form

# First that the money is safe and where it stands, then why it is here.
_SAFE = {"2100": "Safe in 2100 Customer Credits", "2190": "Safe in 2190 Suspense"}
_IN_THE_ACCOUNT = "In your Hedera account, booked nowhere yet"
_WHY: dict[str, str] = {
    ExceptionKind.DOUBLE: "a second payment for a link that was paid already",
    ExceptionKind.LATE: "a payment that came after the link had ended",
    ExceptionKind.MISMATCH: "a payment of another amount than the link asked for",
    ExceptionKind.SHORT: "a part of what is due; it settles the link together with the rest",
    ExceptionKind.OVER: "what a payment brought beyond what was due",
    ExceptionKind.WRONG_TOKEN: "a payment in a token the customer was given no price for",
    ExceptionKind.UNCONFIRMED: "a payment sent in an unusual way, whose memo names the link; a person confirms it",
    ExceptionKind.NO_MEMO: "a transfer without a memo, so it names no link",
    ExceptionKind.UNKNOWN_MEMO: "a transfer whose memo names none of your links",
    ExceptionKind.UNKNOWN_TOKEN: "a token we do not know, or an NFT; it has no value we could book",
    ExceptionKind.UNVALUED: "a transfer worth less than a cent, or for which there is no rate of its time yet",
}
_BACK: dict[str, str] = {
    ExceptionKind.FAILED_REFUND: "A refund failed: the money is back with you, and your customer does not have it",
    ExceptionKind.REFUND_MISMATCH: "Tokens left your account for a refund otherwise than agreed, and stand in no book",
    ExceptionKind.OVER_REFUNDED: "More goes back than was received: look at it in Stripe’s dashboard",
}


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exception as its own page shows it."""

    id: uuid.UUID
    number: str
    kind: str
    state: str
    """OPEN or RESOLVED"""
    version: int
    """what a decision about it must name"""
    held_in: str | None
    created_at: dt.datetime
    assigned_to: uuid.UUID | None
    assignee: str | None
    asset: str | None
    units: int | None
    """smallest units that came, for tokens"""
    sentence: str
    amount_minor: int | None
    """what is held; None for money without a value"""
    received_minor: int | None
    """what arrived, of which it may be a part"""
    received_currency: str | None
    currency: str | None
    occurred_at: dt.datetime
    provider: str
    provider_reference: str
    payment_id: uuid.UUID | None
    link_id: uuid.UUID | None
    link_description: str | None
    link_amount_minor: int | None
    """what the link asked for"""
    link_currency: str | None
    link_status: str | None
    short_code: str | None
    customer_email: str
    """whom the link is for; personal data"""
    transfer: TransferEvidence | None
    """what Hedera says, for money from there"""
    suggestion: SuggestedLink | None
    """the link it may have been meant for; a person confirms"""


@dataclass(frozen=True, slots=True)
class TransferEvidence:
    """A transfer as the ledger shows it."""

    network: str
    transaction_id: str
    """as wallets write it"""
    consensus_timestamp: str
    """seconds and nanoseconds: what decides about in time and late"""
    name: str
    """what kind of transaction it was"""
    asset: str | None
    entity_id: str
    units: int
    """smallest units; of a token nobody knows, as it counts itself"""
    memo: str | None
    sender: str | None
    account_id: str
    explorer_url: str


@dataclass(frozen=True, slots=True)
class SuggestedLink:
    """A link that fits by token and amount, or on whose pay page the transaction was reported."""

    id: uuid.UUID
    description: str
    short_code: str
    fits: bool
    reported: bool
    """somebody typed the transaction's id on its pay page: a hint, never a proof"""

    @property
    def why(self) -> str:
        """Why it is named."""
        if not self.reported:
            return "token and amount fit its open price"
        return (
            f"{'token and amount fit its open price, and ' if self.fits else ''}its pay page reported the transaction"
        )


_ONE = text("""
    SELECT x.id, x.kind, x.state, x.version, x.payment_id, x.created_at, x.link_id, x.held_in, x.assigned_to,
        coalesce(x.amount_minor, r.amount_minor, d.amount_minor) AS amount_minor,
        coalesce(x.currency, r.currency, d.currency) AS currency,
        p.value_minor, p.currency AS value_currency,
        coalesce(p.occurred_at, to_timestamp(CAST(h.consensus_timestamp AS numeric))) AS occurred_at,
        coalesce(p.provider, 'HEDERA') AS provider, coalesce(p.provider_reference, h.transaction_id) AS reference,
        h.id AS transfer_id, h.network, h.transaction_id, h.consensus_timestamp, h.name, h.asset, h.entity_id,
        h.amount AS units, h.memo, h.sender, h.account_id,
        l.description, l.status AS link_status, l.amount_minor AS link_amount_minor, l.currency AS link_currency,
        l.short_code, c.email AS customer_email, u.name AS assignee,
        s.id AS suggested_id, s.description AS suggested_description, s.short_code AS suggested_code,
        x.suggested_link_id IS NOT NULL AS fits, coalesce(t.link_id = s.id, false) AS reported
    FROM payment_exceptions x
    LEFT JOIN refunds r ON r.organization_id = x.organization_id AND r.id = x.refund_id
    LEFT JOIN disputes d ON d.organization_id = x.organization_id AND d.id = x.dispute_id
    LEFT JOIN payments p ON p.organization_id = x.organization_id
        AND p.id = coalesce(x.payment_id, r.payment_id, d.payment_id)
    LEFT JOIN hedera_transfers h
        ON h.organization_id = x.organization_id AND h.id = coalesce(x.transfer_id, p.transfer_id)
    LEFT JOIN payment_links l ON l.organization_id = x.organization_id AND l.id = x.link_id
    LEFT JOIN link_contacts c ON c.organization_id = x.organization_id AND c.link_id = x.link_id
    LEFT JOIN users u ON u.id = x.assigned_to
    LEFT JOIN LATERAL (SELECT t.link_id FROM transfer_claims t
        WHERE t.organization_id = x.organization_id AND t.transfer_id = h.id AND t.state = 'ATTACHED'
        ORDER BY t.created_at LIMIT 1) t ON x.link_id IS NULL
    LEFT JOIN payment_links s ON s.organization_id = x.organization_id
        AND s.id = coalesce(x.suggested_link_id, t.link_id)
    WHERE x.organization_id = :org AND x.id = :id
""")


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
        version=row.version,
        held_in=row.held_in,
        created_at=row.created_at,
        assigned_to=row.assigned_to,
        assignee=row.assignee,
        asset=row.asset,
        units=int(row.units) if row.asset else None,
        sentence=sentence(row.kind, row.link_status, row.held_in),
        amount_minor=row.amount_minor,
        received_minor=row.value_minor,
        received_currency=row.value_currency,
        currency=row.currency,
        occurred_at=row.occurred_at,
        provider=row.provider,
        provider_reference=row.reference,
        payment_id=row.payment_id,
        link_id=row.link_id,
        link_description=row.description,
        link_amount_minor=row.link_amount_minor,
        link_currency=row.link_currency,
        link_status=row.link_status,
        short_code=row.short_code,
        customer_email=row.customer_email or "",
        transfer=_transfer(row) if row.transfer_id else None,
        suggestion=_suggestion(row) if row.suggested_id else None,
    )


def _suggestion(row: Any) -> SuggestedLink:
    return SuggestedLink(
        row.suggested_id, row.suggested_description, row.suggested_code, fits=row.fits, reported=row.reported
    )


def _transfer(row: Any) -> TransferEvidence:
    return TransferEvidence(
        network=row.network,
        transaction_id=wallet_form(row.transaction_id),
        consensus_timestamp=row.consensus_timestamp,
        name=row.name,
        asset=row.asset,
        entity_id=row.entity_id,
        units=int(row.units),
        memo=row.memo,
        sender=row.sender,
        account_id=row.account_id,
        explorer_url=explorer_url(row.network, row.consensus_timestamp),
    )


def sentence(kind: str, link_status: str | None, held_in: str | None = "2100") -> str:
    """Say that the money is safe, where it is booked, and why it is here.

    :param link_status: of the link it came for; None when it names none
    :param held_in: the account it is booked in; None for what is booked nowhere
    """
    if kind in _BACK:
        return _BACK[kind]
    why = _WHY.get(kind, "a payment that fits no link by itself")
    if kind == ExceptionKind.LATE and link_status == LinkStatus.CANCELED:
        why = "a payment that came after the link was canceled"
    return f"{_SAFE.get(held_in or '', _IN_THE_ACCOUNT)}: {why}"
