"""The processor's fee: a later fact, booked when Stripe's balance transaction is known, once."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.kit.ids import uuid7
from provvypay.models.payment import BalanceTransaction, Payment
from provvypay.services import timeline
from provvypay.services.ledger import journals, postings


@dataclass(frozen=True, slots=True)
class ChargeSettled:
    """A charge's balance transaction, in our shapes."""

    provider_id: str
    amount_minor: int
    """the charge in the settlement currency, before the fee"""
    fee_minor: int
    currency: str
    """the settlement currency"""
    exchange_rate: str | None
    available_on: dt.datetime
    occurred_at: dt.datetime


def record(session: Session, provider: str, provider_reference: str, fact: ChargeSettled) -> bool:
    """Store a balance transaction and book its fee; say whether it was new.

    :param provider_reference: of the payment; nothing is written while that is not known
    """
    payment = session.scalar(
        select(Payment).where(Payment.provider == provider, Payment.provider_reference == provider_reference)
    )
    if payment is None:
        return False
    row_id = uuid7()
    stored = session.scalar(
        insert(BalanceTransaction)
        .values(
            id=row_id,
            organization_id=payment.organization_id,
            payment_id=payment.id,
            provider_id=fact.provider_id,
            type="charge",
            amount_minor=fact.amount_minor,
            fee_minor=fact.fee_minor,
            net_minor=fact.amount_minor - fact.fee_minor,
            currency=fact.currency,
            exchange_rate=fact.exchange_rate,
            available_on=fact.available_on,
            occurred_at=fact.occurred_at,
        )
        .on_conflict_do_nothing(index_elements=[BalanceTransaction.provider_id])
        .returning(BalanceTransaction.id)
    )
    if stored is None:
        return False
    journals.post(session, payment.organization_id, _drafts(row_id, payment, fact))
    if payment.link_id is not None:
        timeline.add(
            session,
            payment.organization_id,
            payment.link_id,
            "fee.booked",
            dedupe=fact.provider_id,
            occurred_at=fact.occurred_at,
            payment_id=payment.id,
            fee_minor=fact.fee_minor,
            currency=fact.currency,
        )
    return True


def _drafts(row_id: uuid.UUID, payment: Payment, fact: ChargeSettled) -> tuple[postings.Draft, ...]:
    return postings.processor_fee(
        row_id,
        charge_minor=payment.value_minor,
        charge_currency=payment.currency,
        settled_minor=fact.amount_minor,
        fee_minor=fact.fee_minor,
        settlement_currency=fact.currency,
        effective_at=fact.occurred_at,
        link_id=payment.link_id,
    )
