"""Keep Stripe's own ledger lines of refunds and disputes, each once, with the journals they are booked by."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.kit.ids import uuid7
from provvypay.models.balance_transaction import BalanceTransaction
from provvypay.models.refund import Dispute, Refund
from provvypay.services import timeline
from provvypay.services.ledger import journals, returns
from provvypay.services.ledger.postings import Draft

REFUND = "refund"
REFUND_FAILURE = "refund_failure"
DISPUTE = "dispute"
DISPUTE_REVERSAL = "dispute_reversal"


@dataclass(frozen=True, slots=True)
class LineFact:
    """A balance transaction, in our shapes."""

    provider_id: str
    amount_minor: int
    """in the settlement currency, negative where money leaves"""
    fee_minor: int
    currency: str
    exchange_rate: str | None
    available_on: dt.datetime
    occurred_at: dt.datetime


def keep(session: Session, about: Refund | Dispute, kind: str, fact: LineFact, title: str) -> bool:
    """Store a line and book it, once; say whether it was new.

    :param kind: refund, refund_failure, dispute or dispute_reversal
    """
    row_id = session.scalar(
        insert(BalanceTransaction)
        .values(
            id=uuid7(),
            organization_id=about.organization_id,
            payment_id=about.payment_id,
            refund_id=about.id if isinstance(about, Refund) else None,
            dispute_id=about.id if isinstance(about, Dispute) else None,
            provider_id=fact.provider_id,
            type=kind,
            amount_minor=fact.amount_minor,
            fee_minor=fact.fee_minor,
            net_minor=fact.amount_minor - fact.fee_minor,
            currency=fact.currency,
            exchange_rate=fact.exchange_rate,
            available_on=fact.available_on,
            occurred_at=fact.occurred_at,
        )
        .on_conflict_do_nothing()
        .returning(BalanceTransaction.id)
    )
    if row_id is None:
        return False
    what = described(about, title, fact.occurred_at)
    settled = returns.SettledLine(row_id, fact.amount_minor, fact.fee_minor, fact.currency)
    drafts = [_main(session, what, kind), *returns.line(what, settled, of_dispute=isinstance(about, Dispute))]
    journals.post(session, about.organization_id, drafts)
    if about.link_id is not None:
        timeline.add(
            session,
            about.organization_id,
            about.link_id,
            TOLD[kind],
            dedupe=fact.provider_id,
            occurred_at=fact.occurred_at,
            payment_id=about.payment_id,
            amount_minor=about.amount_minor,
            currency=about.currency,
            fee_minor=fact.fee_minor,
            fee_currency=fact.currency,
        )
    return True


TOLD = {
    REFUND: "refund.booked",
    REFUND_FAILURE: "refund.reversed",
    DISPUTE: "dispute.withdrawn",
    DISPUTE_REVERSAL: "dispute.reinstated",
}
"""the event of the timeline each line is told by"""


def described(about: Refund | Dispute, title: str, at: dt.datetime) -> returns.Returned:
    """Return a refund or dispute as the books want it described."""
    return returns.Returned(
        id=about.id,
        amount_minor=about.amount_minor,
        currency=about.currency,
        effective_at=at,
        link_id=about.link_id,
        title=title,
        of_credit=about.exception_id is not None,
    )


def is_booked(session: Session, about: Refund | Dispute, kind: str) -> bool:
    """Say whether a line of this kind is kept already."""
    column = BalanceTransaction.refund_id if isinstance(about, Refund) else BalanceTransaction.dispute_id
    return (
        session.scalar(select(BalanceTransaction.id).where(column == about.id, BalanceTransaction.type == kind))
        is not None
    )


def _main(session: Session, what: returns.Returned, kind: str) -> Draft:
    if kind == REFUND:
        return returns.refund(what)
    if kind == REFUND_FAILURE:
        booked = journals.find(session, "REFUND", what.id, "REFUND")
        if booked is None:
            raise ValueError(f"refund {what.id} came back and had never left")
        return returns.refund_reversal(what, booked)
    return returns.dispute_withdrawn(what) if kind == DISPUTE else returns.dispute_won(what)
