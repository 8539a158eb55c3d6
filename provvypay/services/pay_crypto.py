"""Read what the pay page shows of paying with a token: one statement for all that has happened, one for the offers."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain.claim_answers import sentence_for
from provvypay.domain.quotes import price
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind
from provvypay.kit.db import Statement
from provvypay.services import hedera_offers
from provvypay.services.hedera_offers import TokenOffer, Why
from provvypay.services.pay_tokens import (
    MIRROR_IS_LATE,
    ORDER,
    Arrived,
    Claim,
    Crypto,
    Sending,
    TokenChoice,
    seconds_left,
    wallet_form,
)
from provvypay.services.quotes import NO_PRICE, best_offers, snapshots

# As JSON, because five lists of one link in five statements would be five ways to the database on every page.
_READ = Statement("""
    SELECT
    (SELECT row_to_json(q) FROM (
        SELECT a.number, a.amount_minor, CAST(a.asset_amount AS text) AS units, CAST(a.rate AS text) AS rate,
            a.rate_source, a.rate_as_of, a.rate_made_from, a.expires_at, a.created_at, a.entity_id,
            h.id AS hedera_account_id, h.account_id, h.evm_address, h.network, r.kind, c.failures, c.polled_at
        FROM payment_attempts a
        JOIN hedera_accounts h ON h.id = a.hedera_account_id AND h.organization_id = :org
        LEFT JOIN hedera_assets r ON r.network = h.network AND r.entity_id = a.entity_id
        LEFT JOIN hedera_cursors c ON c.hedera_account_id = h.id AND c.organization_id = :org
        WHERE a.organization_id = :org AND a.link_id = :id AND a.method = :asset
        ORDER BY a.number DESC LIMIT 1) AS q) AS quote,
    (SELECT json_agg(x ORDER BY x.consensus_timestamp) FROM (
        SELECT e.kind, h.asset, CAST(h.amount AS text) AS units, e.amount_minor, e.currency, h.consensus_timestamp,
            h.transaction_id, h.network, coalesce(CAST(a.rate AS text), p.evidence ->> 'rate') AS rate
        FROM payment_exceptions e
        LEFT JOIN payments p ON p.id = e.payment_id AND p.organization_id = :org
        JOIN hedera_transfers h ON h.id = coalesce(p.transfer_id, e.transfer_id) AND h.organization_id = :org
        LEFT JOIN payment_attempts a ON a.id = p.attempt_id AND a.organization_id = :org
        WHERE e.organization_id = :org AND e.link_id = :id AND e.state = 'OPEN') AS x) AS held,
    (SELECT json_agg(x ORDER BY x.consensus_timestamp) FROM (
        SELECT '' AS kind, h.asset, CAST(h.amount AS text) AS units, p.value_minor AS amount_minor, p.currency,
            h.consensus_timestamp, h.transaction_id, h.network,
            coalesce(CAST(a.rate AS text), p.evidence ->> 'rate') AS rate
        FROM settlements s
        JOIN settlement_parts t ON t.settlement_id = s.id AND t.organization_id = :org
        JOIN payments p ON p.id = t.payment_id AND p.organization_id = :org
        JOIN hedera_transfers h ON h.id = p.transfer_id AND h.organization_id = :org
        LEFT JOIN payment_attempts a ON a.id = p.attempt_id AND a.organization_id = :org
        WHERE s.organization_id = :org AND s.link_id = :id AND s.voided_at IS NULL) AS x) AS settled,
    (SELECT json_agg(x ORDER BY x.created_at DESC) FROM (
        SELECT c.transaction_id, c.state, c.answer, c.created_at FROM transfer_claims c
        WHERE c.organization_id = :org AND c.link_id = :id ORDER BY c.created_at DESC LIMIT 3) AS x) AS claims,
    EXISTS (SELECT FROM payment_attempts a WHERE a.organization_id = :org AND a.link_id = :id AND a.method <> 'CARD')
        AS ever
""")


@dataclass(frozen=True, slots=True)
class TokensNow:
    """What prices are made of at this moment."""

    network: str
    """settings().crypto_network"""
    rates: RateTable
    """flows.current_rates.current_rates(), read before the transaction"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The link whose page is read."""

    organization_id: uuid.UUID
    link_id: uuid.UUID
    amount_minor: int
    currency: str
    methods: Collection[str]
    window: dt.timedelta
    ends_at: dt.datetime | None
    asset: str
    """the token the customer has chosen, or an empty text"""


def read(session: Session, asked: Asked, *, now: dt.datetime) -> Crypto:
    """Return everything but the choices."""
    given = {"org": asked.organization_id, "id": asked.link_id, "asset": asked.asset}
    row: Any = _READ.run(session, given).fetchone()
    arrived = tuple(_arrived(one, asked.currency) for one in row.held or ())
    parts = tuple(one for one in arrived if one.kind == ExceptionKind.SHORT)
    due = max(0, asked.amount_minor - sum(one.amount_minor or 0 for one in parts))
    return Crypto(
        due_minor=due,
        sending=_sending(row.quote, asked, due, now) if row.quote and due else None,
        parts=parts,
        held=tuple(one for one in arrived if one.kind != ExceptionKind.SHORT),
        settled=tuple(_arrived(one, asked.currency) for one in row.settled or ()),
        claims=tuple(_claim(one, now) for one in row.claims or ()),
        watched=row.quote is None or _answers(row.quote, now),
        ever=row.ever,
    )


_HIDDEN = frozenset({Why.OFF, Why.NOT_ACCEPTED, Why.NO_ACCOUNT})
"""What the payee chose needs no word to a customer; what is wrong for a while does."""


def choices(
    session: Session, asked: Asked, due_minor: int, tokens: TokensNow, *, now: dt.datetime
) -> tuple[TokenChoice, ...]:
    """Return what each token would cost if it was chosen now, or why it cannot be; nothing where none is taken."""
    offers = best_offers(
        hedera_offers.of_link(
            session,
            asked.organization_id,
            methods=asked.methods,
            currency=asked.currency,
            network=tokens.network,
            table=tokens.rates,
            now=now,
        )
    )
    if not any(offer.available for offer in offers.values()) and all(_is_hidden(offer) for offer in offers.values()):
        return ()
    kept = snapshots(session, asked.organization_id, asked.link_id)
    found: list[TokenChoice] = []
    for asset in (one for one in ORDER if one in offers):
        offer = offers[asset]
        if _is_hidden(offer):
            continue
        cost = None
        if offer.available:
            cost = price(
                asset,
                due_minor,
                asked.currency,
                creation=kept.get(asset),
                fresh=offer.rate,
                window=asked.window,
                ends_at=asked.ends_at,
                now=now,
            )
        reason = "" if cost else offer.reason or NO_PRICE.format(asset=asset, currency=asked.currency)
        found.append(TokenChoice(asset, cost.units if cost else None, cost.rate if cost else None, reason))
    return tuple(found)


def _is_hidden(offer: TokenOffer) -> bool:
    return offer.why_not in _HIDDEN or (not offer.available and offer.entity_id is None)


def _sending(quote: dict[str, Any], asked: Asked, due: int, now: dt.datetime) -> Sending:
    """Return the newest quote; when a part came since it was given, what is missing of it."""
    until = _at(quote["expires_at"])
    # Of what the quote asked for, as much as is still due: a part of it is worth the same part of its amount.
    units = -(-due * int(quote["units"]) // quote["amount_minor"])
    return Sending(
        number=quote["number"],
        asset=asked.asset,
        units=units,
        rate=Decimal(quote["rate"]),
        source=quote["rate_source"],
        rate_as_of=_at(quote["rate_as_of"]),
        made_from=quote["rate_made_from"],
        valid_until=until,
        lasts_seconds=max(1, seconds_left(until, _at(quote["created_at"]))),
        left_seconds=seconds_left(until, now),
        hedera_account_id=uuid.UUID(quote["hedera_account_id"]),
        account_id=quote["account_id"],
        network=quote["network"],
        entity_id=quote["entity_id"],
        kind=quote["kind"] or "",
        evm_address=quote["evm_address"] or "",
    )


def _answers(quote: dict[str, Any], now: dt.datetime) -> bool:
    """Say whether the mirror node answers for the account of a quote; nobody asked yet is no silence."""
    given, asked = _at(quote["created_at"]), quote["polled_at"]
    silent_since = max(given, _at(asked)) if asked else given
    return not (quote["failures"] and now - silent_since > MIRROR_IS_LATE)


def _arrived(row: dict[str, Any], currency: str) -> Arrived:
    return Arrived(
        kind=row["kind"],
        asset=row["asset"],
        units=int(row["units"]) if row["asset"] else None,
        amount_minor=row["amount_minor"],
        currency=row["currency"] or currency,
        occurred_at=dt.datetime.fromtimestamp(int(row["consensus_timestamp"].partition(".")[0]), dt.UTC),
        transaction_id=wallet_form(row["transaction_id"]),
        consensus_timestamp=row["consensus_timestamp"],
        network=row["network"],
        rate=Decimal(row["rate"]) if row["rate"] else None,
    )


def _claim(row: dict[str, Any], now: dt.datetime) -> Claim:
    pending = row["state"] == "PENDING"
    return Claim(
        transaction_id=wallet_form(row["transaction_id"]),
        state=row["state"],
        answer=sentence_for(row["answer"]),
        is_late=pending and now - _at(row["created_at"]) > MIRROR_IS_LATE,
    )


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
