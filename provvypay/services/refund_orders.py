"""Refunds on their way to a provider: what is asked of it, when it is asked again, and what it refused."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from provvypay.domain.statuses import RefundState
from provvypay.models.payment import Payment
from provvypay.models.refund import Refund
from provvypay.services import audit
from provvypay.services.refunds import get, lock, say

# The provider keeps a key for a day; after that a repeated call would be a second refund.
KEY_LIFE = dt.timedelta(hours=23)
# How long the janitor waits before it asks about a refund again.
CHECK_WAITS = (60, 600, 3600, 6 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """All that is needed to ask the provider; the same for a repeated call."""

    refund_id: uuid.UUID
    organization_id: uuid.UUID
    payment_id: uuid.UUID
    provider_reference: str
    """of the payment"""
    provider_refund_id: str | None
    state: str
    amount_minor: int
    currency: str
    reason: str
    key_is_good: bool
    """whether the provider still knows the key, should it have been used"""


def order(session: Session, refund_id: uuid.UUID, *, now: dt.datetime) -> RefundOrder:
    """Return what is to be asked of the provider for a refund, in whatever state it is."""
    row = get(session, refund_id)
    reference = session.scalars(select(Payment.provider_reference).where(Payment.id == row.payment_id)).one()
    return RefundOrder(
        refund_id=row.id,
        organization_id=row.organization_id,
        payment_id=row.payment_id,
        provider_reference=reference,
        provider_refund_id=row.provider_refund_id,
        state=row.state,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reason=row.reason,
        key_is_good=row.approved_at is not None and now < row.approved_at + KEY_LIFE,
    )


def refuse(session: Session, refund_id: uuid.UUID, code: str, *, now: dt.datetime) -> None:
    """End a refund the provider did not accept: no money has moved, and its amount is free again."""
    row = lock(session, refund_id)
    if row.state != RefundState.SUBMITTED:
        return
    session.execute(
        update(Refund)
        .where(Refund.id == refund_id)
        .values(state=RefundState.FAILED, failure_code=code, next_check_at=None, updated_at=now)
    )
    say(session, row, "refund.refused", audit.SYSTEM, now, code=code)


def ask_later(session: Session, refund_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Let the janitor ask again after a while."""
    row = get(session, refund_id)
    if row.next_check_at is None:
        return
    wait = CHECK_WAITS[min(row.checks, len(CHECK_WAITS) - 1)]
    session.execute(
        update(Refund)
        .where(Refund.id == refund_id, Refund.next_check_at.is_not(None))
        .values(checks=Refund.checks + 1, next_check_at=now + dt.timedelta(seconds=wait))
    )


def due(session: Session, *, most: int = 50) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (organization, refund) of those whose time to be asked about has come, of any organization."""
    rows = session.execute(text("SELECT organization_id, refund_id FROM due_refunds(:most)"), {"most": most})
    return [(row.organization_id, row.refund_id) for row in rows]
