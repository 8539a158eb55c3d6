"""Read refunds and disputes for the merchant's pages, and say what a refund would post before it is asked for."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import DisputeState, RefundState
from provvypay.services import return_words
from provvypay.services.ledger import previews
from provvypay.services.ledger import returns as postings
from provvypay.services.returns import Returnable

S = RefundState


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund as the link's pages show it."""

    id: uuid.UUID
    amount_minor: int
    currency: str
    state: str
    is_external: bool
    of_credit: bool
    """whether it gives back money that was held"""
    reason: str
    note: str
    why: str | None
    """why it waits or has failed"""
    asked_by: str | None
    approved_by: str | None
    at: dt.datetime
    requested_by_id: uuid.UUID | None
    reference: str | None
    """the provider's"""

    @property
    def waits(self) -> bool:
        """Say whether something more is to come by itself."""
        return self.state in {S.SUBMITTED, S.PENDING}


@dataclass(frozen=True, slots=True)
class DisputeView:
    """One dispute as the link's pages show it."""

    id: uuid.UUID
    amount_minor: int
    currency: str
    state: str
    why: str
    evidence_due_by: dt.datetime | None
    """while evidence may still be handed in"""
    at: dt.datetime
    reference: str


@dataclass(frozen=True, slots=True)
class WentBack:
    """All that went back of a link's payments, or may."""

    refunds: tuple[RefundView, ...] = ()
    disputes: tuple[DisputeView, ...] = ()

    @property
    def waits(self) -> bool:
        """Say whether the page should look again by itself."""
        return any(one.waits for one in self.refunds)


@dataclass(frozen=True, slots=True)
class WaitingReturn:
    """A refund or dispute that waits for a person."""

    kind: str
    """the stored state, for its badge"""
    link_id: uuid.UUID
    description: str
    amount_minor: int
    currency: str
    due_by: dt.datetime | None


_REFUNDS = text("""
    SELECT r.id, r.amount_minor, r.currency, r.state, r.is_external, r.exception_id, r.reason, r.note,
        r.pending_reason, r.failure_code, r.requested_by, r.provider_refund_id,
        a.name AS asked_by, b.name AS approved_by, coalesce(r.occurred_at, r.created_at) AS at
    FROM refunds r LEFT JOIN users a ON a.id = r.requested_by LEFT JOIN users b ON b.id = r.approved_by
    WHERE r.organization_id = :org AND r.link_id = :link ORDER BY r.created_at DESC, r.id DESC
""")
_DISPUTES = text("""
    SELECT id, amount_minor, currency, state, reason, evidence_due_by, occurred_at AS at, provider_dispute_id
    FROM disputes WHERE organization_id = :org AND link_id = :link ORDER BY created_at DESC, id DESC
""")
_WAITING = text("""
    SELECT b.state, b.link_id, b.amount_minor, b.currency, b.due_by, l.description FROM (
        SELECT state, link_id, amount_minor, currency, NULL::timestamptz AS due_by, created_at FROM refunds
        WHERE organization_id = :org AND state = 'CREATED' AND :approves
        UNION ALL
        SELECT state, link_id, amount_minor, currency, evidence_due_by, created_at FROM disputes
        WHERE organization_id = :org AND state IN ('NEEDS_RESPONSE', 'WARNING_NEEDS_RESPONSE')) AS b
    JOIN payment_links l ON l.organization_id = :org AND l.id = b.link_id
    ORDER BY b.due_by NULLS LAST, b.created_at LIMIT :most
""")


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> WentBack:
    """Return the refunds and disputes of a link, newest first."""
    given = {"org": organization_id, "link": link_id}
    return WentBack(
        refunds=tuple(_refund(row) for row in session.execute(_REFUNDS, given)),
        disputes=tuple(_dispute(row) for row in session.execute(_DISPUTES, given)),
    )


def waiting(session: Session, organization_id: uuid.UUID, *, may_approve: bool, most: int = 5) -> list[WaitingReturn]:
    """Return what waits for a person: refunds for a yes, disputes and inquiries for an answer.

    :param may_approve: whether the member may approve refunds; others are not asked
    """
    rows = session.execute(_WAITING, {"org": organization_id, "approves": may_approve, "most": most})
    return [
        WaitingReturn(row.state, row.link_id, row.description, row.amount_minor, row.currency, row.due_by)
        for row in rows
    ]


def preview(session: Session, found: Returnable, amount_minor: int, *, now: dt.datetime) -> previews.Preview:
    """Return the journal that a refund of this amount will post, exactly as the books will have it."""
    draft = postings.refund(
        postings.Returned(
            id=found.payment_id,
            amount_minor=amount_minor,
            currency=found.currency,
            effective_at=now,
            link_id=found.link_id,
            title=found.title,
            of_credit=found.exception_id is not None,
        )
    )
    return previews.of_drafts(session, found.organization_id, [draft])[0]


def _refund(row: Any) -> RefundView:
    why = None
    if row.state == S.PENDING:
        why = return_words.pending(row.pending_reason)
    elif row.state == S.FAILED:
        why = return_words.failed(row.failure_code)
    elif row.state == S.SUBMITTED:
        why = "Stripe has not answered yet; we ask again by ourselves"
    return RefundView(
        id=row.id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        state=row.state,
        is_external=row.is_external,
        of_credit=row.exception_id is not None,
        reason=return_words.REASONS.get(row.reason, ""),
        note=row.note,
        why=why,
        asked_by=row.asked_by,
        approved_by=row.approved_by if row.approved_by != row.asked_by else None,
        at=row.at,
        requested_by_id=row.requested_by,
        reference=row.provider_refund_id,
    )


def _dispute(row: Any) -> DisputeView:
    answerable = row.state in {DisputeState.NEEDS_RESPONSE, DisputeState.WARNING_NEEDS_RESPONSE}
    why = return_words.disputed(row.reason)
    return DisputeView(
        id=row.id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        state=row.state,
        why=why[:1].upper() + why[1:],
        evidence_due_by=row.evidence_due_by if answerable else None,
        at=row.at,
        reference=row.provider_dispute_id,
    )
