"""The processor's fee: a later fact, booked when Stripe's balance transaction is known, once.

Stripe never changes a balance transaction. Should a charge come to name another one, the difference of the fee is a
fact of its own, booked once as well (docs/explanation/card-payments.md, "The fee, later").
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.kit.ids import uuid7
from provvypay.models.balance_transaction import BalanceTransaction
from provvypay.models.payment import Payment
from provvypay.services import timeline
from provvypay.services.ledger import journals, postings

log = structlog.get_logger(__name__)

CHARGE = "charge"
ADJUSTMENT = "adjustment"


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
    """Store the balance transaction a charge names and book its fee; say whether it was new.

    :param session: of a transaction that holds the link's lock, so that two who learn of two lines take their turns
    :param provider_reference: of the payment; nothing is written while that is not known
    """
    payment = session.scalar(
        select(Payment).where(Payment.provider == provider, Payment.provider_reference == provider_reference)
    )
    if payment is None:
        return False
    known = session.scalars(
        select(BalanceTransaction).where(
            BalanceTransaction.organization_id == payment.organization_id,
            BalanceTransaction.payment_id == payment.id,
            BalanceTransaction.type.in_((CHARGE, ADJUSTMENT)),
        )
    ).all()
    if not known:
        return _book(session, payment, fact)
    if any(row.provider_id == fact.provider_id for row in known):
        return False
    return _adjust(session, payment, fact, known)


def _book(session: Session, payment: Payment, fact: ChargeSettled) -> bool:
    row_id = _store(session, payment, fact, type_=CHARGE, amount_minor=fact.amount_minor, fee_minor=fact.fee_minor)
    if row_id is None:
        return False
    drafts = postings.processor_fee(
        row_id,
        charge_minor=payment.value_minor,
        charge_currency=payment.currency,
        settled_minor=fact.amount_minor,
        fee_minor=fact.fee_minor,
        settlement_currency=fact.currency,
        effective_at=fact.occurred_at,
        link_id=payment.link_id,
    )
    journals.post(session, payment.organization_id, drafts)
    if payment.link_id is not None:
        told = _facts(payment, fact)
        timeline.add(session, payment.organization_id, payment.link_id, "fee.booked", **told)
    return True


def _adjust(session: Session, payment: Payment, fact: ChargeSettled, known: Sequence[BalanceTransaction]) -> bool:
    """Book what another line of the same charge changes of its fee.

    An answer read before the last one changes nothing. Another amount or currency is no matter of the fee, and Stripe
    knows no such thing: it is not booked but cried out, and 1050 differs from Stripe's balance until a person looks.
    """
    charge = next(row for row in known if row.type == CHARGE)
    if fact.occurred_at < max(row.occurred_at for row in known):
        return False
    if (fact.amount_minor, fact.currency) != (charge.amount_minor, charge.currency):
        log.error("alert.charge_settled_twice", known=charge.provider_id, named=fact.provider_id)
        return False
    before = sum(row.fee_minor for row in known)
    change = fact.fee_minor - before
    if not change:
        return False
    row_id = _store(session, payment, fact, type_=ADJUSTMENT, amount_minor=0, fee_minor=change)
    if row_id is None:
        return False
    draft = postings.fee_adjustment(
        row_id, change_minor=change, currency=fact.currency, effective_at=fact.occurred_at, link_id=payment.link_id
    )
    journals.post(session, payment.organization_id, (draft,))
    if payment.link_id is not None:
        told = _facts(payment, fact) | {"before_minor": before}
        timeline.add(session, payment.organization_id, payment.link_id, "fee.adjusted", **told)
    return True


def _store(
    session: Session, payment: Payment, fact: ChargeSettled, *, type_: str, amount_minor: int, fee_minor: int
) -> uuid.UUID | None:
    return session.scalar(
        insert(BalanceTransaction)
        .values(
            id=uuid7(),
            organization_id=payment.organization_id,
            payment_id=payment.id,
            provider_id=fact.provider_id,
            type=type_,
            amount_minor=amount_minor,
            fee_minor=fee_minor,
            net_minor=amount_minor - fee_minor,
            currency=fact.currency,
            exchange_rate=fact.exchange_rate,
            available_on=fact.available_on,
            occurred_at=fact.occurred_at,
        )
        .on_conflict_do_nothing(index_elements=[BalanceTransaction.provider_id])
        .returning(BalanceTransaction.id)
    )


def _facts(payment: Payment, fact: ChargeSettled) -> dict[str, Any]:
    return {
        "dedupe": fact.provider_id,
        "occurred_at": fact.occurred_at,
        "payment_id": payment.id,
        "fee_minor": fact.fee_minor,
        "currency": fact.currency,
    }
