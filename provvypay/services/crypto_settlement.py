"""Tokens that reached a merchant's account: what they are for, what they are worth, and so into the one path of money.

Called in the transaction that stores the transfer. Nothing is ignored: what names a link goes to settle(); what names
none is booked to suspense; what cannot be valued is kept as an exception over the transfer until it can be.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.payments import IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, PaymentOutcome, Provider, TransferConcern
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.clock import now as clock_now
from provvypay.kit.db import Statement
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.ids import uuid7
from provvypay.services import settlement_rows as rows
from provvypay.services import transfer_value as worth_of
from provvypay.services.ledger import journals, postings
from provvypay.services.settlement import settle
from provvypay.services.transfer_value import CLOCKS_APART, Worth

register("transfer.judged", "transfer.held")

_LINK = Statement("""
    SELECT l.amount_minor, l.currency, l.status, l.short_code, l.opened_at, s.hbar_tolerance_bp, s.token_tolerance_bp
    FROM payment_links l JOIN merchant_settings s ON s.organization_id = l.organization_id WHERE l.id = :link_id
""")

_CURRENCY = Statement("SELECT currency FROM organizations WHERE id = :organization_id")

# Money over which no payment can stand: not valued yet, or of a token we do not know.
_UNVALUED = Statement("""
    WITH held AS (
        INSERT INTO payment_exceptions (id, organization_id, transfer_id, link_id, kind)
        VALUES (:exception_id, :organization_id, :transfer_id, :link_id, :kind)
        ON CONFLICT (transfer_id) DO NOTHING RETURNING id
    ), told AS (
        INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data, muted)
        SELECT gen_random_uuid(), :organization_id, m.user_id, 'payment.exception', held.id, :link_id,
            CAST(:facts AS jsonb), :quiet
        FROM memberships m, held
    )
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    SELECT :organization_id, 'payment.exception', id, CAST(:message AS jsonb) FROM held
""")

_SUSPENSE = Statement("""
    WITH held AS (
        INSERT INTO payment_exceptions
            (id, organization_id, payment_id, kind, amount_minor, currency, held_in, suggested_link_id)
        VALUES (:exception_id, :organization_id, :payment_id, :kind, :amount_minor, :currency, '2190', :suggested)
    ), told AS (
        INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, data)
        SELECT gen_random_uuid(), :organization_id, m.user_id, 'payment.exception', :exception_id, CAST(:facts AS jsonb)
        FROM memberships m
    )
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    VALUES (:organization_id, 'payment.exception', :exception_id, '{}')
""")

# Once a rate of its time is known the money is a payment, and the exception over the transfer is over.
_VALUED = Statement("""
    WITH valued AS (
        UPDATE payment_exceptions e SET state = 'RESOLVED', resolved_at = clock_timestamp(), version = e.version + 1
        FROM payments p WHERE e.transfer_id = :transfer_id AND e.state = 'OPEN' AND p.transfer_id = e.transfer_id
        RETURNING e.id, p.id AS payment_id
    )
    INSERT INTO payment_resolutions (id, organization_id, exception_id, action, payment_id, actor_type)
    SELECT gen_random_uuid(), :organization_id, id, 'VALUED', payment_id, 'SYSTEM' FROM valued
""")


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a transfer."""

    link_id: uuid.UUID | None = None
    short_code: str | None = None
    """whose page changed"""
    result: SettleResult | None = None
    """when it named a link and could be valued"""
    held_as: ExceptionKind | None = None


def apply_transfer(session: Session, transfer: StoredTransfer, rates: RateTable) -> Applied:
    """Let a stored transfer do what it does; the same one again changes nothing.

    :param rates: the rates of now, for the settlement's snapshots; the money itself is judged by those of its own time
    """
    if transfer.direction != "IN":
        return Applied()
    if transfer.asset is None:
        return _hold_unvalued(session, transfer, ExceptionKind.UNKNOWN_TOKEN, quiet=False)
    return _apply_to_link(session, transfer, rates) if transfer.link_id else _hold_in_suspense(session, transfer)


def value_again(session: Session, transfer: StoredTransfer, rates: RateTable) -> Applied:
    """Try again to value a transfer that could not be; what can be becomes a payment like any other."""
    applied = apply_transfer(session, transfer, rates)
    _VALUED.run(session, {"transfer_id": transfer.id, "organization_id": transfer.organization_id})
    return applied


def _apply_to_link(session: Session, transfer: StoredTransfer, rates: RateTable) -> Applied:
    link: Any = _LINK.run(session, {"link_id": transfer.link_id}).fetchone()
    asset, moment = str(transfer.asset), transfer.happened_at
    quotes = worth_of.quotes_of(session, transfer.organization_id, uuid.UUID(str(transfer.link_id)))
    worth = worth_of.by_quote(quotes, asset, transfer.asset_amount, moment)
    worth = worth or worth_of.by_rate(session, asset, transfer.asset_amount, link.currency, moment)
    failpoint("transfer.judged")
    if worth is None or worth.value_minor < 1:
        return _hold_unvalued(session, transfer, ExceptionKind.UNVALUED, quiet=worth is not None)
    arrived = IncomingPayment(
        organization_id=transfer.organization_id,
        link_id=uuid.UUID(str(transfer.link_id)),
        provider=Provider.HEDERA,
        provider_reference=transfer.reference,
        value_minor=worth.value_minor,
        currency=link.currency,
        occurred_at=moment,
        clearing_account=ASSETS[asset].account_code,
        asset=asset,
        asset_amount=transfer.asset_amount,
        payer=transfer.sender,
        attempt_id=worth.quote_id,
        transfer_id=transfer.id,
        consensus_timestamp=transfer.consensus_timestamp,
        tolerance_minor=worth_of.tolerance(
            asset,
            link.amount_minor,
            link.currency,
            hbar_bp=link.hbar_tolerance_bp,
            token_bp=link.token_tolerance_bp,
        ),
        held_as=_held_as(transfer, link, quotes),
        evidence=_evidence(transfer, worth),
    )
    result = settle(session, arrived, rates, now=clock_now())
    return Applied(transfer.link_id, link.short_code, result, result.exception_kind)


def _held_as(transfer: StoredTransfer, link: Any, quotes: list[worth_of.Quote]) -> ExceptionKind | None:
    """Say why money with a good memo may not settle by itself: how, when, or in which token it came."""
    moment = transfer.happened_at
    shown = {quote.asset for quote in quotes if quote.created_at - CLOCKS_APART <= moment}
    if transfer.concern or link.status == LinkStatus.DRAFT or not shown:
        return ExceptionKind.UNCONFIRMED
    if link.opened_at is None or moment < link.opened_at - CLOCKS_APART:
        return ExceptionKind.UNCONFIRMED
    return None if transfer.asset in shown else ExceptionKind.WRONG_TOKEN


def _hold_in_suspense(session: Session, transfer: StoredTransfer) -> Applied:
    """Book money that names no link of this organization to 2190, at what it was worth when it came."""
    organization: Any = _CURRENCY.run(session, {"organization_id": transfer.organization_id}).fetchone()
    currency = organization.currency
    asset, moment = str(transfer.asset), transfer.happened_at
    worth = worth_of.by_rate(session, asset, transfer.asset_amount, currency, moment)
    if worth is None or worth.value_minor < 1:
        return _hold_unvalued(session, transfer, ExceptionKind.UNVALUED, quiet=worth is not None)
    named = bool((transfer.memo or "").strip()) or transfer.concern is TransferConcern.FOREIGN_MEMO
    kind = ExceptionKind.UNKNOWN_MEMO if named else ExceptionKind.NO_MEMO
    payment_id = uuid7()
    if not rows.insert_payment_row(session, payment_id, PaymentOutcome.EXCEPTION, _columns(transfer, worth, currency)):
        return Applied()
    facts = {
        "kind": kind,
        "amount_minor": worth.value_minor,
        "currency": currency,
        "asset": asset,
        "asset_amount": transfer.asset_amount,
        "provider": Provider.HEDERA,
    }
    _SUSPENSE.run(
        session,
        {
            "exception_id": uuid7(),
            "organization_id": transfer.organization_id,
            "payment_id": payment_id,
            "kind": kind,
            "amount_minor": worth.value_minor,
            "currency": currency,
            "suggested": None if named else worth_of.likely_link(session, transfer),
            "facts": json.dumps(facts),
        },
    )
    failpoint("transfer.held")
    draft = postings.suspense(
        payment_id,
        clearing_account=ASSETS[asset].account_code,
        value_minor=worth.value_minor,
        currency=currency,
        asset=asset,
        asset_amount=transfer.asset_amount,
        occurred_at=moment,
    )
    journals.post(session, transfer.organization_id, (draft,))
    return Applied(held_as=kind)


def _columns(transfer: StoredTransfer, worth: Worth, currency: str) -> dict[str, Any]:
    """Return the payment of a transfer that names no link."""
    return {
        "organization_id": transfer.organization_id,
        "link_id": None,
        "attempt_id": None,
        "provider": Provider.HEDERA,
        "reference": transfer.reference,
        "asset": transfer.asset,
        "asset_amount": transfer.asset_amount,
        "value_minor": worth.value_minor,
        "currency": currency,
        "occurred_at": transfer.happened_at,
        "payer": transfer.sender,
        "evidence": json.dumps(_evidence(transfer, worth)),
        "transfer_id": transfer.id,
        "consensus_timestamp": transfer.consensus_timestamp,
    }


def _hold_unvalued(session: Session, transfer: StoredTransfer, kind: ExceptionKind, *, quiet: bool) -> Applied:
    """Keep money that no book can show yet where a person sees it.

    :param quiet: less than a minor unit: seen in the inbox, and rings no bell
    """
    facts = {
        "kind": kind,
        "asset": transfer.asset or transfer.entity_id,
        "asset_amount": str(transfer.asset_amount),
        "provider": Provider.HEDERA,
    }
    _UNVALUED.run(
        session,
        {
            "exception_id": uuid7(),
            "organization_id": transfer.organization_id,
            "transfer_id": transfer.id,
            "link_id": transfer.link_id,
            "kind": kind,
            "quiet": quiet,
            "facts": json.dumps(facts),
            "message": json.dumps({"link_id": str(transfer.link_id)} if transfer.link_id else {}),
        },
    )
    return Applied(transfer.link_id, held_as=kind)


def _evidence(transfer: StoredTransfer, worth: Worth) -> dict[str, str]:
    evidence = {"transaction": transfer.transaction_id, "consensus_timestamp": transfer.consensus_timestamp}
    if transfer.concern:
        evidence["concern"] = transfer.concern
    return evidence | worth.basis
