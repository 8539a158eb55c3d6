"""What the dashboard says of one organization: sums, what needs a person, and what happened lately."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

LATELY = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CurrencySum:
    """A sum in one currency, and of how many rows it is."""

    currency: str
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The key figures; sums in different currencies are never added."""

    outstanding: list[CurrencySum]
    received: list[CurrencySum]
    """lately, by when the money arrived, whether it settled a link or not"""
    fees: list[CurrencySum]
    """lately, in the currency Stripe took them in"""
    exceptions_open: int
    links_count: int


@dataclass(frozen=True, slots=True)
class Badges:
    """The numbers beside the navigation's words."""

    exceptions_open: int
    notifications_unread: int


@dataclass(frozen=True, slots=True)
class OpenException:
    """Money that waits for a person."""

    id: uuid.UUID
    kind: str
    amount_minor: int | None
    """None for money without a value"""
    currency: str | None
    description: str
    occurred_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the activity."""

    event: str
    """a dotted name of docs/reference/events.md"""
    link_id: uuid.UUID
    description: str
    amount_minor: int
    currency: str
    data: dict[str, Any]
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """How far a new organization has come."""

    profile_filled: bool
    has_link: bool
    has_opened: bool
    has_payment: bool
    takes_crypto: bool
    """it chose to, and has an account it is paid on"""


_OUTSTANDING = text("""
    SELECT currency, sum(amount_minor)::bigint AS amount_minor, count(*) AS rows FROM payment_links
    WHERE organization_id = :id AND status = 'OPEN' AND archived_at IS NULL GROUP BY currency ORDER BY currency
""")
_RECEIVED = text("""
    SELECT currency, sum(value_minor)::bigint AS amount_minor, count(*) AS rows FROM payments
    WHERE organization_id = :id AND occurred_at >= :since GROUP BY currency ORDER BY currency
""")
_FEES = text("""
    SELECT b.currency, sum(b.fee_minor)::bigint AS amount_minor, count(*) AS rows
    FROM payments p JOIN balance_transactions b ON b.organization_id = p.organization_id AND b.payment_id = p.id
    WHERE p.organization_id = :id AND p.occurred_at >= :since AND b.type IN ('charge', 'adjustment')
    GROUP BY b.currency ORDER BY b.currency
""")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM payment_exceptions WHERE organization_id = :id AND state = 'OPEN') AS exceptions,
           (SELECT count(*) FROM payment_links WHERE organization_id = :id) AS links
""")
_BADGES = text("""
    SELECT (SELECT count(*) FROM payment_exceptions WHERE organization_id = :id AND state = 'OPEN') AS exceptions,
           (SELECT count(*) FROM notifications
            WHERE organization_id = :id AND user_id = :user_id AND read_at IS NULL AND NOT muted) AS unread
""")
_ATTENTION = text("""
    SELECT e.id, e.kind, coalesce(e.amount_minor, r.amount_minor, d.amount_minor) AS amount_minor,
        coalesce(e.currency, r.currency, d.currency) AS currency, coalesce(l.description, '') AS description,
        coalesce(p.occurred_at, e.created_at) AS occurred_at
    FROM payment_exceptions e
    LEFT JOIN refunds r ON r.organization_id = e.organization_id AND r.id = e.refund_id
    LEFT JOIN disputes d ON d.organization_id = e.organization_id AND d.id = e.dispute_id
    LEFT JOIN payments p ON p.organization_id = e.organization_id
        AND p.id = coalesce(e.payment_id, r.payment_id, d.payment_id)
    LEFT JOIN payment_links l ON l.organization_id = e.organization_id AND l.id = e.link_id
    WHERE e.organization_id = :id AND e.state = 'OPEN' ORDER BY e.created_at DESC LIMIT :most
""")
# Steps are found through the newest links and the newest payments, which have their indexes: the tables of steps and
# events have none by organization, because a settlement pays for every index.
_ACTIVITY = text("""
    WITH recent AS (
        (SELECT id FROM payment_links WHERE organization_id = :id ORDER BY created_at DESC, id DESC LIMIT 60)
        UNION
        (SELECT link_id FROM payments WHERE organization_id = :id AND link_id IS NOT NULL
         ORDER BY occurred_at DESC, id DESC LIMIT 30)
    ), happened AS (
        SELECT s.link_id, s.event, '{}'::jsonb AS data, s.effective_at AS at, s.created_at
        FROM recent r JOIN link_status_events s ON s.link_id = r.id
        WHERE s.organization_id = :id AND s.event <> 'link.drafted' AND s.effective_at > :since
        UNION ALL
        SELECT e.link_id, e.kind, e.data, e.occurred_at, e.created_at
        FROM recent r JOIN payment_events e ON e.link_id = r.id
        WHERE e.organization_id = :id
          AND e.kind IN ('payment.held', 'card.declined', 'card.paused', 'fee.booked', 'fee.adjusted', 'refund.booked',
              'refund.failed', 'refund.external', 'dispute.opened', 'dispute.inquiry', 'dispute.won', 'dispute.lost')
          AND e.occurred_at > :since
    )
    SELECT h.event, h.link_id, h.data, h.at, l.description, l.amount_minor, l.currency
    FROM happened h JOIN payment_links l ON l.organization_id = :id AND l.id = h.link_id
    ORDER BY h.at DESC, h.created_at DESC LIMIT :most
""")
_FIRST_STEPS = text("""
    SELECT s.legal_name <> '' OR s.support_email <> '' AS profile_filled,
           EXISTS (SELECT FROM payment_links WHERE organization_id = :id) AS has_link,
           EXISTS (SELECT FROM payment_links WHERE organization_id = :id AND opened_at IS NOT NULL) AS has_opened,
           EXISTS (SELECT FROM payments WHERE organization_id = :id) AS has_payment,
           s.crypto_enabled AND EXISTS (SELECT FROM hedera_accounts a
               WHERE a.organization_id = :id AND a.network = :network AND a.state = 'ACTIVE') AS takes_crypto
    FROM merchant_settings s WHERE s.organization_id = :id
""")


def figures(session: Session, organization_id: uuid.UUID, *, now: dt.datetime) -> Figures:
    """Return the key figures as of a moment."""
    counts = session.execute(_COUNTS, {"id": organization_id}).one()
    return Figures(
        outstanding=_sums(session, _OUTSTANDING, id=organization_id),
        received=_sums(session, _RECEIVED, id=organization_id, since=now - LATELY),
        fees=_sums(session, _FEES, id=organization_id, since=now - LATELY),
        exceptions_open=counts.exceptions,
        links_count=counts.links,
    )


def badges(session: Session, organization_id: uuid.UUID, user_id: uuid.UUID) -> Badges:
    """Return the numbers of the navigation for one member."""
    row = session.execute(_BADGES, {"id": organization_id, "user_id": user_id}).one()
    return Badges(exceptions_open=row.exceptions, notifications_unread=row.unread)


def attention(session: Session, organization_id: uuid.UUID, *, most: int = 5) -> list[OpenException]:
    """Return the newest open exceptions."""
    rows = session.execute(_ATTENTION, {"id": organization_id, "most": most})
    return [OpenException(r.id, r.kind, r.amount_minor, r.currency, r.description, r.occurred_at) for r in rows]


def activity(session: Session, organization_id: uuid.UUID, *, now: dt.datetime, most: int = 8) -> list[Happening]:
    """Return what happened lately to the newest links and to links that were paid, newest first."""
    rows = session.execute(_ACTIVITY, {"id": organization_id, "since": now - LATELY, "most": most})
    return [Happening(r.event, r.link_id, r.description, r.amount_minor, r.currency, r.data, r.at) for r in rows]


def first_steps(session: Session, organization_id: uuid.UUID, *, network: str) -> FirstSteps:
    """Return how far an organization has come towards its first payment.

    :param network: Hedera's, on which it may be paid
    """
    row = session.execute(_FIRST_STEPS, {"id": organization_id, "network": network}).one()
    return FirstSteps(row.profile_filled, row.has_link, row.has_opened, row.has_payment, row.takes_crypto)


def _sums(session: Session, statement: Any, **given: object) -> list[CurrencySum]:
    return [CurrencySum(row.currency, row.amount_minor, row.rows) for row in session.execute(statement, given)]
