"""Read a link's side of Hedera for the merchant: the prices that were given, and every transfer that came for it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.rates import SOURCE_NAMES
from provvypay.services.pay_tokens import explorer_url, plain, wallet_form

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class GivenQuote:
    """One price a customer was given."""

    number: int
    asset: str
    units: int
    amount_minor: int
    currency: str
    rate: str
    source: str
    rate_as_of: dt.datetime
    created_at: dt.datetime
    expires_at: dt.datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class CameByHedera:
    """One transfer for a link: what it was, and what became of it."""

    asset: str | None
    units: int
    amount_minor: int | None
    """what it was worth; None while it has no value"""
    currency: str | None
    at: dt.datetime
    transaction_id: str
    sender: str | None
    rate: str
    """it was taken at; empty while it has no value"""
    kind: str
    """an ExceptionKind while it is held, else empty"""
    exception_id: uuid.UUID | None
    settled: bool
    explorer_url: str


@dataclass(frozen=True, slots=True)
class LinkCrypto:
    """Both, newest first."""

    quotes: tuple[GivenQuote, ...]
    came: tuple[CameByHedera, ...]
    missing_minor: int
    """of the link's amount, once a part came; else 0"""


_QUOTES = text("""
    SELECT number, method, asset_amount, amount_minor, currency, rate, rate_source, rate_as_of, created_at, expires_at
    FROM payment_attempts WHERE organization_id = :org AND link_id = :id AND hedera_account_id IS NOT NULL
    ORDER BY number DESC LIMIT :most
""")

_CAME = text("""
    SELECT h.asset, h.amount, h.transaction_id, h.consensus_timestamp, h.network, h.sender, p.value_minor, p.currency,
        coalesce(CAST(a.rate AS text), p.evidence ->> 'rate') AS rate,
        x.id AS exception_id, x.kind, x.state, x.amount_minor AS held_minor,
        EXISTS (SELECT FROM settlement_parts t JOIN settlements s ON s.id = t.settlement_id
            AND s.organization_id = t.organization_id AND s.voided_at IS NULL
            WHERE t.payment_id = p.id AND t.organization_id = :org) AS settled
    FROM hedera_transfers h
    LEFT JOIN payments p ON p.transfer_id = h.id AND p.organization_id = :org
    LEFT JOIN payment_attempts a ON a.id = p.attempt_id AND a.organization_id = :org
    LEFT JOIN payment_exceptions x
        ON x.organization_id = :org AND (x.transfer_id = h.id OR x.payment_id = p.id) AND x.state = 'OPEN'
    WHERE h.organization_id = :org AND h.link_id = :id
    ORDER BY h.consensus_timestamp DESC LIMIT :most
""")


def of_link(
    session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, amount_minor: int, *, now: dt.datetime
) -> LinkCrypto:
    """Return what Hedera has to do with a link; nothing, for most links that are paid by card.

    :param amount_minor: the link's
    """
    given = {"org": organization_id, "id": link_id, "most": MOST_SHOWN}
    quotes = tuple(_quote(row, now) for row in session.execute(_QUOTES, given))
    came = tuple(_came(row) for row in session.execute(_CAME, given))
    parts = sum(one.amount_minor or 0 for one in came if one.kind == "SHORT")
    return LinkCrypto(quotes, came, max(0, amount_minor - parts) if parts else 0)


def _quote(row: Any, now: dt.datetime) -> GivenQuote:
    return GivenQuote(
        number=row.number,
        asset=row.method,
        units=row.asset_amount,
        amount_minor=row.amount_minor,
        currency=row.currency,
        rate=plain(row.rate),
        source=SOURCE_NAMES.get(row.rate_source, row.rate_source),
        rate_as_of=row.rate_as_of,
        created_at=row.created_at,
        expires_at=row.expires_at,
        is_live=row.expires_at > now,
    )


def _came(row: Any) -> CameByHedera:
    return CameByHedera(
        asset=row.asset,
        units=int(row.amount),
        amount_minor=row.value_minor,
        currency=row.currency,
        at=dt.datetime.fromtimestamp(int(Decimal(row.consensus_timestamp)), dt.UTC),
        transaction_id=wallet_form(row.transaction_id),
        sender=row.sender,
        rate=plain(Decimal(row.rate)) if row.rate else "",
        kind=row.kind or "",
        exception_id=row.exception_id,
        settled=row.settled,
        explorer_url=explorer_url(row.network, row.consensus_timestamp),
    )
