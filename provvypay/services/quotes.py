"""Quotes: what a link costs in a token, kept for a while as an attempt to pay; one, however often it is asked for.

A quote is evidence: what the customer was told, at which rate, on which account and until when. It is never changed;
choosing again makes the next one, or finds the one that still holds.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy.orm import Session

from provvypay.domain import quotes as rules
from provvypay.domain.quotes import Price, Snapshot
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.errors import Conflict, Gone
from provvypay.kit.db import Statement
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services import hedera_offers, payment_links, timeline
from provvypay.services.hedera_offers import TokenOffer

_RECEIVED = Statement("""
    SELECT coalesce(sum(amount_minor), 0) AS received FROM payment_exceptions
    WHERE organization_id = :org AND link_id = :id AND kind = :kind AND state = 'OPEN' AND held_in = '2100'
""")

_SNAPSHOTS = Statement("""
    SELECT asset, rate, source, as_of, made_from, created_at FROM fx_snapshots
    WHERE organization_id = :org AND link_id = :id AND kind = 'CREATION' AND state = 'OK'
""")

_WINDOW = Statement("SELECT quote_window_seconds FROM merchant_settings WHERE organization_id = :org")

_NEWEST = Statement("""
    SELECT id, expires_at FROM payment_attempts
    WHERE organization_id = :org AND link_id = :id AND method = :asset AND amount_minor = :due
        AND hedera_account_id = :account AND entity_id = :entity AND expires_at > :now
    ORDER BY number DESC LIMIT 1
""")

_GIVE = Statement("""
    INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor, currency,
        idempotency_key, expires_at, asset_amount, rate, rate_source, rate_as_of, rate_made_from, hedera_account_id,
        entity_id)
    SELECT :attempt, :org, :id, n.number, :asset, 'READY', :due, :currency, :key || n.number, :until, :units, :rate,
        :source, :as_of, :made_from, :account, :entity
    FROM (SELECT 1 + coalesce(max(number), 0) AS number FROM payment_attempts
          WHERE organization_id = :org AND link_id = :id) AS n
    RETURNING number
""")


def give(
    session: Session, link_id: uuid.UUID, asset: str, rates: RateTable, *, network: str | None, now: dt.datetime
) -> uuid.UUID:
    """Give a quote for what is still due, or the same one again while it holds; return the account it was given for.

    :param rates: flows.current_rates.current_rates(), read before the transaction
    :param network: settings().crypto_network
    :raises Gone: when the link cannot be paid any more
    :raises Conflict: when the token is not offered now; its message says why
    """
    link = payment_links.lock(session, link_id)
    if link.status != LinkStatus.OPEN or (link.expires_at is not None and now >= link.expires_at):
        raise Gone(f"link {link_id} is {link.status}", public_message="This link can no longer be paid.")
    due = link.amount_minor - received(session, link.organization_id, link.id)
    if due <= 0:
        raise Gone(f"link {link_id} waits to be settled", public_message="All of it has arrived. Do not pay again.")
    offer = _offer_of(session, link, asset, rates, network=network, now=now)
    found = rules.price(
        asset,
        due,
        link.currency,
        creation=snapshots(session, link.organization_id, link.id).get(asset),
        fresh=offer.rate,
        window=_window(session, link.organization_id),
        ends_at=link.expires_at,
        now=now,
    )
    if found is None:
        raise Conflict(f"no price for {asset}", public_message=NO_PRICE.format(asset=asset, currency=link.currency))
    if not _again(session, link, due, offer, found, now=now):
        _write(session, link, due, offer, found, now=now)
    return cast("uuid.UUID", offer.hedera_account_id)


NO_PRICE = "There is no price in {asset} for {currency} at the moment. Choose another way, or try again in a minute."


def received(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> int:
    """Return how much of a link came already and waits for the rest, in its minor units."""
    given = {"org": organization_id, "id": link_id, "kind": ExceptionKind.SHORT}
    row: Any = _RECEIVED.run(session, given).fetchone()
    return int(row.received)


def snapshots(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> dict[str, Snapshot]:
    """Return the rates that were kept when a link was opened, by token; what was not known then is missing."""
    rows = _SNAPSHOTS.run(session, {"org": organization_id, "id": link_id})
    return {row.asset: Snapshot(row.rate, row.source, row.as_of, row.made_from, row.created_at) for row in rows}


def best_offers(offers: Iterable[TokenOffer]) -> dict[str, TokenOffer]:
    """Return one offer for each token: of several ids of one token the first that may be paid."""
    best: dict[str, TokenOffer] = {}
    for offer in offers:
        known = best.get(offer.asset)
        if known is None or (offer.available and not known.available):
            best[offer.asset] = offer
    return best


def _offer_of(
    session: Session, link: PaymentLink, asset: str, rates: RateTable, *, network: str | None, now: dt.datetime
) -> TokenOffer:
    offers = hedera_offers.of_link(
        session,
        link.organization_id,
        methods=(asset,) if asset in link.methods else (),
        currency=link.currency,
        network=network,
        table=rates,
        now=now,
    )
    offer = best_offers(offers).get(asset)
    if offer is None or not offer.available:
        why = offer.reason if offer else None
        raise Conflict(f"{asset} is not offered", public_message=why or f"{asset} is not taken for this link.")
    return offer


def _window(session: Session, organization_id: uuid.UUID) -> dt.timedelta:
    row: Any = _WINDOW.run(session, {"org": organization_id}).fetchone()
    return dt.timedelta(seconds=row.quote_window_seconds)


def _again(session: Session, link: PaymentLink, due: int, offer: TokenOffer, found: Price, *, now: dt.datetime) -> bool:
    """Say whether the newest quote of the same token, amount and account still serves."""
    given = {
        "org": link.organization_id,
        "id": link.id,
        "asset": found.asset,
        "due": due,
        "account": offer.hedera_account_id,
        "entity": offer.entity_id,
        "now": now,
    }
    row: Any = _NEWEST.run(session, given).fetchone()
    return row is not None and rules.may_serve_again(row.expires_at, found.valid_until, now)


def _write(session: Session, link: PaymentLink, due: int, offer: TokenOffer, found: Price, *, now: dt.datetime) -> None:
    attempt_id = uuid7()
    _GIVE.run(
        session,
        {
            "attempt": attempt_id,
            "org": link.organization_id,
            "id": link.id,
            "asset": found.asset,
            "due": due,
            "currency": link.currency,
            "key": f"pl:{link.id}:attempt:",
            "until": found.valid_until,
            "units": found.units,
            "rate": found.rate,
            "source": found.source,
            "as_of": found.as_of,
            "made_from": found.made_from,
            "account": offer.hedera_account_id,
            "entity": offer.entity_id,
        },
    )
    timeline.add(
        session,
        link.organization_id,
        link.id,
        "quote.given",
        dedupe=str(attempt_id),
        occurred_at=now,
        asset=found.asset,
        asset_amount=found.units,
        amount_minor=due,
        currency=link.currency,
        rate=str(found.rate),
        until=found.valid_until.isoformat(),
    )
