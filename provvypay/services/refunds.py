"""Refunds as members ask for them: the row first, approved by somebody who may, then sent; never more than is left.

What a provider says of them is applied by refund_facts.py; docs/explanation/refunds-and-disputes.md tells the story.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from provvypay.domain.money import format_grouped
from provvypay.domain.statuses import Provider, RateChoice, RefundState
from provvypay.errors import Conflict, Forbidden, Invalid, NotFound
from provvypay.models.organization import MerchantSettings, Organization
from provvypay.models.payment import Payment
from provvypay.models.refund import Refund
from provvypay.services import audit, hedera_cursors, payment_links, returns, tell, timeline
from provvypay.services.ledger import journals
from provvypay.services.ledger.returns import Returned, manual_refund
from provvypay.services.returns import Returnable

REASONS = ("requested_by_customer", "duplicate", "fraudulent")
"""the provider's words for why"""

# A call is repeated by the janitor when its answer has not come by then.
ANSWER_WAIT = dt.timedelta(seconds=40)


class AvailableChanged(Conflict):
    """What can go back is no longer what the person saw."""

    code = "available_amount_changed"

    def __init__(self, found: Returnable) -> None:
        """Take what is available now."""
        left = f"{found.currency} {format_grouped(found.available_minor, found.currency)}"
        super().__init__(
            f"payment {found.payment_id} has {found.available_minor} left",
            public_message=f"The available amount has changed: {left} can be refunded now. Nothing was refunded.",
        )
        self.available_minor = found.available_minor


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed about a refund in tokens; the merchant sends them."""

    asset: str
    asset_amount: int
    """smallest units"""
    recipient: str
    memo: str
    rate_choice: RateChoice
    rate: Decimal | None = None
    rate_source: str | None = None
    rate_as_of: dt.datetime | None = None


class NotRefundable(Conflict):
    """Nothing can be refunded here, or not now."""

    code = "not_refundable"


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What a member asks for."""

    refund_id: uuid.UUID
    """chosen by the form, so that the same form sent twice asks once"""
    payment_id: uuid.UUID
    amount_minor: int
    seen_available_minor: int
    """what the form said can be refunded"""
    reason: str = "requested_by_customer"
    note: str = ""
    tokens: Terms | None = None
    """of a refund in tokens"""


def request(session: Session, organization_id: uuid.UUID, wish: RefundWish, *, actor: audit.Actor, may_approve: bool,
            now: dt.datetime) -> Refund:  # fmt: skip
    """Write a refund down: on its way at once if this member may approve it, else waiting for one who may.

    :param may_approve: whether the member's role carries refunds.approve
    :raises AvailableChanged: when what can go back is not what the person saw; nothing is written
    :raises NotRefundable: while the payment is disputed, and for money that no provider gives back
    :raises Invalid: for more than is left, or nothing
    """
    link_id = session.scalar(select(Payment.link_id).where(Payment.id == wish.payment_id))
    if link_id is not None:
        payment_links.lock(session, link_id)
    if known := session.scalar(select(Refund).where(Refund.id == wish.refund_id)):
        return known
    found = returns.of_payment(session, organization_id, wish.payment_id)
    check(found, wish)
    approved = may_approve and not needs_second_person(session, organization_id, wish.amount_minor, found.currency)
    by_hand = found.provider == Provider.MANUAL
    values: dict[str, object] = {
        "id": wish.refund_id,
        "organization_id": organization_id,
        "payment_id": found.payment_id,
        "link_id": found.link_id,
        "provider": found.provider,
        "amount_minor": wish.amount_minor,
        "currency": found.currency,
        "exception_id": found.exception_id,
        "reason": wish.reason,
        "note": wish.note,
        "requested_by": actor.id,
    }
    values |= asdict(wish.tokens) if wish.tokens else {}
    if approved and not by_hand:
        values |= _sent(found.provider, actor, now)
    session.execute(insert(Refund).values(**values))
    row = get(session, wish.refund_id)
    say(session, row, "refund.requested", actor, now)
    if not approved:
        tell.approvers(session, row, found.title)
    elif row.provider == Provider.HEDERA:
        hedera_cursors.hurry_all(session, organization_id)
    elif by_hand:
        _write_down(session, row, found, actor, now)
    return get(session, wish.refund_id)


def _sent(provider: str, actor: audit.Actor, now: dt.datetime) -> dict[str, object]:
    """Return what changes when a refund is on its way: Stripe's answer is waited for, a merchant's transfer watched."""
    values: dict[str, object] = {"state": RefundState.SUBMITTED, "approved_by": actor.id, "approved_at": now}
    return values | ({"next_check_at": now + ANSWER_WAIT} if provider == Provider.STRIPE else {})


def _write_down(session: Session, row: Refund, found: Returnable, actor: audit.Actor, now: dt.datetime) -> None:
    """Keep what was given back by hand, of a payment that was marked by hand: no provider is told, the books are."""
    session.execute(
        update(Refund)
        .where(Refund.id == row.id)
        .values(state=RefundState.SUCCEEDED, approved_by=actor.id, approved_at=now, occurred_at=now, updated_at=now)
    )
    what = Returned(row.id, row.amount_minor, row.currency, now, row.link_id, found.title, row.exception_id is not None)
    journals.post(session, row.organization_id, [manual_refund(what)])
    say(session, row, "refund.recorded", actor, now)


def needs_second_person(session: Session, organization_id: uuid.UUID, amount_minor: int, currency: str) -> bool:
    """Say whether a refund this large needs a yes from somebody else than who asked for it.

    The limit is the organization's, in its own currency; where there is one, other currencies always need the yes.
    """
    row = session.execute(
        select(MerchantSettings.approval_limit_minor, Organization.currency)
        .join(Organization, Organization.id == MerchantSettings.organization_id)
        .where(MerchantSettings.organization_id == organization_id)
    ).one()
    if row.approval_limit_minor is None:
        return False
    return bool(currency != row.currency or amount_minor > row.approval_limit_minor)


def approve(session: Session, refund_id: uuid.UUID, *, actor: audit.Actor, now: dt.datetime) -> Refund:
    """Send a refund on its way that waits for a yes.

    :raises Conflict: when somebody decided about it already
    :raises NotRefundable: when its payment has come to be disputed meanwhile
    """
    row = lock(session, refund_id)
    if row.state != RefundState.CREATED:
        raise Conflict(f"refund {refund_id} is {row.state}")
    if row.requested_by == actor.id and needs_second_person(
        session, row.organization_id, row.amount_minor, row.currency
    ):
        raise Forbidden(f"{actor.id} asked for refund {refund_id}", public_message="Somebody else has to approve it.")
    found = returns.of_payment(session, row.organization_id, row.payment_id)
    if found.is_disputed:
        raise _disputed(row.payment_id)
    if found.refunded_minor + found.disputed_minor > found.value_minor:
        raise AvailableChanged(found)
    say(session, row, "refund.approved", actor, now)
    if row.provider == Provider.MANUAL:
        _write_down(session, row, found, actor, now)
    else:
        sent = _sent(row.provider, actor, now)
        session.execute(update(Refund).where(Refund.id == refund_id).values(**sent, updated_at=now))
        if row.provider == Provider.HEDERA:
            hedera_cursors.hurry_all(session, row.organization_id)
    return get(session, refund_id)


def withdraw(session: Session, refund_id: uuid.UUID, *, actor: audit.Actor, may_approve: bool,
             now: dt.datetime) -> Refund:  # fmt: skip
    """Take a refund back that waits for a yes: by who asked for it, or by who may approve it.

    :raises Conflict: when it is on its way already, or decided
    :raises Forbidden: for anybody else
    """
    row = lock(session, refund_id)
    if row.state != RefundState.CREATED:
        raise Conflict(f"refund {refund_id} is {row.state}")
    if row.requested_by != actor.id and not may_approve:
        raise Forbidden(f"{actor.id} neither asked for refund {refund_id} nor may approve it")
    session.execute(update(Refund).where(Refund.id == refund_id).values(state=RefundState.CANCELED, updated_at=now))
    say(session, row, "refund.declined", actor, now)
    return get(session, refund_id)


def get(session: Session, refund_id: uuid.UUID) -> Refund:
    """Return a refund of the transaction's organization.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    row = session.scalar(select(Refund).where(Refund.id == refund_id).execution_options(populate_existing=True))
    if row is None:
        raise NotFound(f"refund {refund_id}")
    return row


def lock(session: Session, refund_id: uuid.UUID) -> Refund:
    """Return a refund with its link locked, then its own row: always in this order.

    :raises NotFound: as get()
    """
    link_id = get(session, refund_id).link_id
    if link_id is not None:
        payment_links.lock(session, link_id)
    return session.scalars(
        select(Refund).where(Refund.id == refund_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def waiting_for_approval(session: Session, organization_id: uuid.UUID) -> int:
    """Return how many refunds wait for a yes."""
    return session.scalars(
        select(func.count())
        .select_from(Refund)
        .where(Refund.organization_id == organization_id, Refund.state == RefundState.CREATED)
    ).one()


def check(found: Returnable, wish: RefundWish) -> None:
    """Refuse what cannot be refunded, or not as the person saw it.

    :raises AvailableChanged: see request(); NotRefundable and Invalid as well
    """
    if found.is_disputed:
        raise _disputed(found.payment_id)
    if (found.provider == Provider.HEDERA) != (wish.tokens is not None):
        raise NotRefundable(
            f"payment {found.payment_id} came by {found.provider}",
            public_message="This money did not come by card, so it can’t be refunded to one.",
        )
    if wish.seen_available_minor != found.available_minor:
        raise AvailableChanged(found)
    if found.available_minor == 0:
        raise NotRefundable(f"payment {found.payment_id} is refunded", public_message="All of it is refunded already.")
    if not 1 <= wish.amount_minor <= found.available_minor:
        most = f"{found.currency} {format_grouped(found.available_minor, found.currency)}"
        raise Invalid({"amount": f"Enter an amount of at most {most}."})
    if wish.reason not in REASONS:
        raise Invalid({"reason": "Choose one of the reasons."})


def _disputed(payment_id: uuid.UUID) -> NotRefundable:
    return NotRefundable(
        f"payment {payment_id} is disputed",
        public_message="The customer’s bank disputes this payment, so it can’t be refunded until that is decided.",
    )


def say(session: Session, row: Refund, kind: str, actor: audit.Actor, now: dt.datetime, **more: str) -> None:
    """Write an act about a refund into the link's timeline and into the audit."""
    facts = {"amount_minor": row.amount_minor, "currency": row.currency, **more}
    if row.link_id is not None:
        timeline.add(
            session,
            row.organization_id,
            row.link_id,
            kind,
            dedupe=str(row.id),
            occurred_at=now,
            payment_id=row.payment_id,
            refund_id=str(row.id),
            **facts,
        )
    audit.record(
        session,
        kind,
        actor,
        organization_id=row.organization_id,
        subject_type="refund",
        subject_id=str(row.id),
        payment_id=str(row.payment_id),
        **facts,
    )
