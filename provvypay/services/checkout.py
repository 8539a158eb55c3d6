"""Card attempts and Checkout Sessions: at most one open session per link, and every session ever made is remembered."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus, SessionState
from provvypay.errors import Gone, NotFound
from provvypay.kit.ids import uuid7
from provvypay.models.payment import CheckoutSession, PaymentAttempt
from provvypay.models.payment_link import PaymentLink
from provvypay.services import payment_links, quotes, timeline

# Stripe wants 30 minutes to 24 hours; a little more and a little less keeps clear of both edges while a call is on its
# way.
SHORTEST = dt.timedelta(minutes=31)
LONGEST = dt.timedelta(hours=23, minutes=50)

# How long the janitor waits before it asks about a session again: eagerly while the customer is probably paying.
_CHECK_WAITS = (20, 40, 60, 120, 300, 900, 3600)
# A fee is usually known within seconds and at the latest within an hour (Stripe: asynchronous capture).
_FEE_WAITS = (5, 60, 600, 3600, 21600)


@dataclass(frozen=True, slots=True)
class CardOrder:
    """All that is needed to ask Stripe for a session; the same for a repeated call."""

    attempt_id: uuid.UUID
    organization_id: uuid.UUID
    link_id: uuid.UUID
    short_code: str
    amount_minor: int
    currency: str
    description: str
    expires_at: dt.datetime
    idempotency_key: str
    merchant_name: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session a customer can pay."""

    url: str


def prepare(session: Session, link_id: uuid.UUID, merchant_name: str, *, now: dt.datetime) -> CardOrder | OpenSession:
    """Return the link's open session if it can still be paid, else write the intent to make one.

    An intent whose answer was lost is taken up again with the same key and the same parameters.

    :raises Gone: when the link cannot be paid
    """
    link = payment_links.lock(session, link_id)
    if link.status != LinkStatus.OPEN or (link.expires_at is not None and now >= link.expires_at):
        raise Gone(f"link {link_id} is {link.status}", public_message="This link can no longer be paid.")
    if "CARD" not in link.methods:
        raise Gone(f"link {link_id} takes no cards", public_message="This link can’t be paid by card.")
    if quotes.received(session, link.organization_id, link_id):
        raise Gone(
            f"a part of link {link_id} has come",
            public_message="A part came as a token already; a card would pay all of it again.",
        )
    current = session.scalar(
        select(CheckoutSession).where(CheckoutSession.link_id == link_id, CheckoutSession.state == SessionState.OPEN)
    )
    if current is not None and current.url and current.expires_at > now:
        return OpenSession(current.url)
    if current is not None:
        # Its time is over; Stripe may already know. The janitor learns how it ended before another is made.
        raise Gone(
            f"session {current.id} is ending",
            public_message="The last card page has just ended. Wait a few seconds, then try again.",
        )
    if _on_its_way(session, link_id):
        raise Gone(
            f"link {link_id} has a payment on its way",
            public_message=(
                "A card payment for this link is on its way already. This page shows it as soon as it arrives."
            ),
        )
    attempt = session.scalar(
        select(PaymentAttempt)
        .where(PaymentAttempt.link_id == link_id, PaymentAttempt.method == "CARD", PaymentAttempt.state == "STARTED")
        .order_by(PaymentAttempt.number.desc())
        .limit(1)
    )
    if attempt is None or attempt.expires_at < now + dt.timedelta(minutes=30):
        attempt = _new_attempt(session, link, now)
    return _order(link, attempt, merchant_name)


def _on_its_way(session: Session, link_id: uuid.UUID) -> bool:
    """Say whether a session is complete but not yet paid: a delayed method, whose money comes or fails later."""
    return bool(
        session.scalar(
            select(func.count())
            .select_from(CheckoutSession)
            .where(
                CheckoutSession.link_id == link_id,
                CheckoutSession.state == SessionState.COMPLETE,
                CheckoutSession.payment_status == "unpaid",
            )
        )
    )


def resume(session: Session, attempt_id: uuid.UUID, merchant_name: str) -> CardOrder | None:
    """Return the order of an attempt whose answer never came, or None when it has one by now."""
    attempt = session.scalar(select(PaymentAttempt).where(PaymentAttempt.id == attempt_id))
    if attempt is None or attempt.state != "STARTED":
        return None
    return _order(payment_links.get(session, attempt.link_id), attempt, merchant_name)


def _new_attempt(session: Session, link: PaymentLink, now: dt.datetime) -> PaymentAttempt:
    number = 1 + (session.scalar(select(func.max(PaymentAttempt.number)).where(PaymentAttempt.link_id == link.id)) or 0)
    deadline = min(now + LONGEST, link.expires_at) if link.expires_at else now + LONGEST
    attempt = PaymentAttempt(
        id=uuid7(),
        organization_id=link.organization_id,
        link_id=link.id,
        number=number,
        method="CARD",
        amount_minor=link.amount_minor,
        currency=link.currency,
        idempotency_key=f"pl:{link.id}:attempt:{number}",
        expires_at=max(deadline, now + SHORTEST).replace(microsecond=0),
    )
    session.execute(
        insert(PaymentAttempt).values(
            {
                name: getattr(attempt, name)
                for name in (
                    "id", "organization_id", "link_id", "number", "method", "amount_minor", "currency",
                    "idempotency_key", "expires_at",
                )
            }
        )
    )  # fmt: skip
    return attempt


def _order(link: PaymentLink, attempt: PaymentAttempt, merchant_name: str) -> CardOrder:
    return CardOrder(
        attempt_id=attempt.id,
        organization_id=link.organization_id,
        link_id=link.id,
        short_code=link.short_code,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        description=link.description,
        expires_at=attempt.expires_at,
        idempotency_key=attempt.idempotency_key,
        merchant_name=merchant_name,
    )


def record_session(
    session: Session,
    order: CardOrder,
    *,
    provider_session_id: str,
    url: str | None,
    expires_at: dt.datetime,
    livemode: bool,
    now: dt.datetime,
) -> None:
    """Store the session Stripe made for an order. Storing it again changes nothing.

    Two that race for one link both get the same session, because they used the same idempotency key.
    """
    payment_links.lock(session, order.link_id)
    known = session.scalar(select(CheckoutSession.id).where(CheckoutSession.provider_session_id == provider_session_id))
    if known is not None:
        return
    session.execute(
        insert(CheckoutSession).values(
            id=uuid7(),
            organization_id=order.organization_id,
            link_id=order.link_id,
            attempt_id=order.attempt_id,
            provider_session_id=provider_session_id,
            url=url,
            state=SessionState.OPEN,
            payment_status="unpaid",
            amount_minor=order.amount_minor,
            currency=order.currency,
            livemode=livemode,
            expires_at=expires_at,
            next_check_at=now + dt.timedelta(seconds=_CHECK_WAITS[0]),
        )
    )
    session.execute(update(PaymentAttempt).where(PaymentAttempt.id == order.attempt_id).values(state="READY"))
    timeline.add(
        session, order.organization_id, order.link_id, "checkout.started", dedupe=str(order.attempt_id), occurred_at=now
    )


def refuse_attempt(session: Session, order: CardOrder) -> None:
    """Mark an attempt Stripe refused: the next click starts afresh with another key."""
    session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id == order.attempt_id, PaymentAttempt.state == "STARTED")
        .values(state="FAILED")
    )


def find(session: Session, provider_session_id: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return (organization, our session row) of a Stripe session, across organizations."""
    row = session.execute(
        text("SELECT organization_id, session_id FROM lookup_checkout_session(:id)"), {"id": provider_session_id}
    ).one_or_none()
    return (row.organization_id, row.session_id) if row else None


def find_by_intent(session: Session, payment_intent_id: str) -> str | None:
    """Return the Stripe session id of a payment intent we know, across organizations."""
    row = session.execute(
        text("SELECT provider_session_id FROM lookup_checkout_session_by_intent(:id) LIMIT 1"),
        {"id": payment_intent_id},
    ).one_or_none()
    return row.provider_session_id if row else None


def get(session: Session, session_id: uuid.UUID) -> CheckoutSession:
    """Return a session row of the transaction's organization.

    :raises NotFound: for an unknown one
    """
    row = session.scalar(select(CheckoutSession).where(CheckoutSession.id == session_id))
    if row is None:
        raise NotFound(f"checkout session {session_id}")
    return row


def open_sessions(session: Session, link_id: uuid.UUID) -> list[str]:
    """Return the Stripe ids of sessions of a link that may still be paid."""
    return list(
        session.scalars(
            select(CheckoutSession.provider_session_id).where(
                CheckoutSession.link_id == link_id, CheckoutSession.state == SessionState.OPEN
            )
        )
    )


def is_being_made(session: Session, link_id: uuid.UUID) -> bool:
    """Say whether a link has an intent whose session is not stored yet: it may carry what the link said before."""
    return bool(
        session.scalar(
            select(func.count())
            .select_from(PaymentAttempt)
            .where(
                PaymentAttempt.link_id == link_id,
                PaymentAttempt.method == "CARD",
                PaymentAttempt.state == "STARTED",
            )
        )
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """What Stripe said of a session at one moment."""

    state: SessionState
    payment_status: str
    """unpaid, paid, no_payment_required, or our own word `failed`: a delayed payment that did not arrive"""
    payment_intent_id: str | None
    url: str | None
    decline_code: str | None
    fee_known: bool


def observe(session: Session, row: CheckoutSession, seen: Observed, *, now: dt.datetime) -> bool:
    """Bring our row up to what Stripe says; say whether it was news.

    What two processes learned may be applied in the other order: a session only ever goes on (open → complete and
    unpaid → failed or paid; open → expired), so an older view than the row's is left alone.

    :param row: locked through its link by the caller
    """
    before = SessionState(row.state)
    if _progress(seen.state, seen.payment_status) < _progress(before, row.payment_status):
        return False
    just_paid = row.payment_status == "unpaid" and seen.payment_status != "unpaid"
    # Waiting for the fee is another wait than waiting for the customer, and starts from its beginning.
    checks = 1 if just_paid else row.checks + 1
    session.execute(
        update(CheckoutSession)
        .where(CheckoutSession.id == row.id)
        .values(
            state=seen.state,
            payment_status=seen.payment_status,
            payment_intent_id=row.payment_intent_id or seen.payment_intent_id,
            url=seen.url if seen.state is SessionState.OPEN else None,
            decline_code=seen.decline_code,
            checks=checks,
            next_check_at=_next_check(seen, checks, row.expires_at, now),
            updated_at=now,
        )
    )
    if happened := _turn(before, seen):
        timeline.add(session, row.organization_id, row.link_id, happened, dedupe=str(row.id), occurred_at=now)
    return True


def _progress(state: SessionState, payment_status: str) -> int:
    if state is SessionState.OPEN:
        return 0
    return 1 if state is SessionState.COMPLETE and payment_status == "unpaid" else 2


def _turn(before: SessionState, seen: Observed) -> str | None:
    """Return the timeline's word for what this view of the session tells, if it is one of the rarer turns."""
    if seen.state is SessionState.EXPIRED and before is SessionState.OPEN:
        return "checkout.expired"
    if seen.state is SessionState.COMPLETE:
        return {"unpaid": "payment.processing", "failed": "payment.failed"}.get(seen.payment_status)
    return None


def _next_check(seen: Observed, checks: int, expires_at: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    if seen.state is SessionState.EXPIRED or seen.payment_status == "failed":
        return None
    if seen.state is SessionState.COMPLETE and seen.payment_status != "unpaid":
        if seen.fee_known or checks > len(_FEE_WAITS):
            return None
        return now + dt.timedelta(seconds=_FEE_WAITS[checks - 1])
    wait = dt.timedelta(seconds=_CHECK_WAITS[min(checks, len(_CHECK_WAITS) - 1)])
    if seen.state is SessionState.OPEN and now < expires_at:
        return min(now + wait, expires_at + dt.timedelta(seconds=5))
    return now + wait


def due(session: Session, *, most: int = 50) -> list[str]:
    """Return Stripe session ids the janitor should ask about, across organizations."""
    rows = session.execute(text("SELECT provider_session_id FROM due_checkout_sessions(:most)"), {"most": most})
    return [row.provider_session_id for row in rows]


def stale_attempts(session: Session, *, most: int = 20) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (organization, attempt) of intents whose answer never came, across organizations."""
    rows = session.execute(text("SELECT organization_id, attempt_id FROM stale_card_attempts(:most)"), {"most": most})
    return [(row.organization_id, row.attempt_id) for row in rows]
