"""Links marked as paid by hand, because the money came another way, and that undone."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.payments import Completion, IncomingPayment
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import LinkStatus, PaymentOutcome, Provider
from provvypay.errors import Conflict
from provvypay.kit.db import Statement
from provvypay.kit.ids import uuid7
from provvypay.services import audit, payment_links, settlement_rows
from provvypay.services import state_machine as steps
from provvypay.services.corrections import held
from provvypay.services.corrections.held import Target
from provvypay.services.ledger import chart, journals, postings
from provvypay.services.ledger.postings import Draft, Line

METHODS = ("BANK_TRANSFER", "CASH", "CHEQUE", "OTHER")

_VOID = Statement("""
    UPDATE settlements SET voided_at = :now WHERE organization_id = :organization_id AND link_id = :link_id
        AND voided_at IS NULL RETURNING id
""")
_BOOKED = Statement("""
    SELECT j.id, j.kind, j.currency, j.description, e.line_no, e.account_code, e.side, e.amount_minor, e.asset,
        e.asset_amount
    FROM journals j JOIN ledger_entries e ON e.journal_id = j.id
    WHERE j.organization_id = :organization_id AND j.source_type = 'SETTLEMENT' AND j.source_id = :settlement_id
    ORDER BY j.id, e.line_no
""")
_CAME_FROM = text("""
    SELECT from_status FROM link_status_events
    WHERE organization_id = :organization_id AND link_id = :link_id AND to_status = 'PAID' ORDER BY seq DESC LIMIT 1
""")
_BY_HAND = text("""
    SELECT s.id AS settlement_id, p.value_minor FROM settlements s
    JOIN settlement_parts part ON part.settlement_id = s.id AND part.resolution_id IS NULL
    JOIN payments p ON p.id = part.payment_id
    WHERE s.organization_id = :organization_id AND s.link_id = :link_id AND s.voided_at IS NULL
        AND p.provider = 'MANUAL'
""")

_GIVEN_BACK = text("""
    SELECT id FROM refunds WHERE organization_id = :organization_id AND link_id = :link_id AND provider = 'MANUAL'
        AND state NOT IN ('FAILED', 'CANCELED')
""")


@dataclass(frozen=True, slots=True)
class Mark:
    """How the money came, as a member says."""

    mark_id: uuid.UUID
    """chosen by the form, so that the same form sent twice marks once"""
    link_id: uuid.UUID
    method: str
    paid_at: dt.datetime
    reference: str
    reason: str
    actor: audit.Actor
    approved_by: uuid.UUID | None = None


class NotMarkable(Conflict):
    """The link cannot be marked, or the mark not undone."""

    code = "not_markable"


def plan(session: Session, organization_id: uuid.UUID, link: Target, mark: Mark) -> tuple[IncomingPayment, Completion]:
    """Return the payment a mark stands for, over what is still due, and what the link's amount is made up of.

    :raises NotMarkable: for a link that is paid, or was never open
    """
    if link.status not in {LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED}:
        raise NotMarkable(
            f"link {link.id} is {link.status}",
            public_message=f"This link is {link.status.lower()}: it cannot be marked as paid.",
        )
    parts = settlement_rows.parts_of(session, organization_id, link.id, link.currency)
    due = link.amount_minor - sum(part.amount_minor for part in parts)
    if due < 1:
        raise NotMarkable(
            f"link {link.id} is covered by parts",
            public_message="What came for this link before covers it: accept that in Exceptions instead.",
        )
    arrived = IncomingPayment(
        organization_id=organization_id,
        link_id=link.id,
        provider=Provider.MANUAL,
        provider_reference=f"mark:{mark.mark_id}",
        value_minor=due,
        currency=link.currency,
        occurred_at=mark.paid_at,
        clearing_account=chart.BANK,
        evidence={"method": mark.method, "reference": mark.reference, "reason": mark.reason},
    )
    return arrived, Completion(link.amount_minor, parts, taken_minor=due)


def drafts(link: Target, arrived: IncomingPayment, made_up: Completion) -> tuple[Draft, Draft]:
    """Return the journals a mark will post: the sale, and 1000 Bank (with parts held before) / 1200."""
    return postings.settlement(uuid.UUID(int=0), arrived, made_up, title=link.title)


def is_known(session: Session, mark: Mark) -> bool:
    """Say whether this very mark was made already."""
    return settlement_rows.known(session, Provider.MANUAL, f"mark:{mark.mark_id}") is not None


@dataclass(frozen=True, slots=True)
class Marked:
    """What a mark by hand stands as."""

    settlement_id: uuid.UUID
    value_minor: int
    """what was said to have come another way"""


def marked(session: Session, organization_id: uuid.UUID, link: Target) -> Marked:
    """Return how a link was marked by hand.

    :raises NotMarkable: for a link that was not
    """
    row = session.execute(_BY_HAND, {"organization_id": organization_id, "link_id": link.id}).first()
    if link.status is not LinkStatus.PAID or row is None:
        raise NotMarkable(f"link {link.id} is not marked by hand", public_message="This link was not marked by hand.")
    return Marked(row.settlement_id, row.value_minor)


def mark_paid(
    session: Session, organization_id: uuid.UUID, mark: Mark, rates: RateTable, *, now: dt.datetime
) -> Target | None:
    """Mark a link as paid by hand; the same mark again does nothing and returns None.

    :raises NotFound: for a link that is not this organization's
    :raises NotMarkable: for a link that is paid, or was never open
    """
    link = held.target(session, organization_id, mark.link_id, locked=True)
    if is_known(session, mark):
        return None
    arrived, made_up = plan(session, organization_id, link, mark)
    steps.check_step(link.status, LinkStatus.PAID, steps.MARKED_PAID)
    payment_id = uuid7()
    settlement_rows.insert_payment(session, payment_id, arrived, PaymentOutcome.SETTLED)
    act = settlement_rows.Act(
        organization_id=organization_id,
        link_id=link.id,
        currency=link.currency,
        made_up=made_up,
        source=link.status,
        event=steps.MARKED_PAID,
        moment=mark.paid_at,
        payment_id=payment_id,
        actor=mark.actor,
        reason=mark.reason,
    )
    facts: dict[str, object] = {
        "amount_minor": arrived.value_minor,
        "currency": link.currency,
        "description": link.description,
        "short_code": link.short_code,
        "provider": Provider.MANUAL,
        "kind": None,
        "method": mark.method,
    }
    settlement_id = settlement_rows.write_settlement(session, act, facts, rates, now=now)
    settlement_rows.use_parts(session, act, settlement_id)
    journals.post(session, organization_id, postings.settlement(settlement_id, arrived, made_up, title=link.title))
    _record(
        session, organization_id, "link.marked_paid", mark.actor, link, reason=mark.reason, approved_by=mark.approved_by
    )
    return link


def undo(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    *,
    actor: audit.Actor,
    reason: str,
    now: dt.datetime,
    approved_by: uuid.UUID | None = None,
) -> LinkStatus:
    """Take a mark back: its journals are reversed, and the link is again what it was, by the clock; return that.

    :raises NotMarkable: for a link that was not marked by hand
    """
    link = held.target(session, organization_id, link_id, locked=True)
    given = {"organization_id": organization_id, "link_id": link_id}
    marked(session, organization_id, link)
    if session.execute(_GIVEN_BACK, given).first() is not None:
        raise NotMarkable(
            f"money of link {link_id} was given back",
            public_message="Money of this link was given back, so its mark stays.",
        )
    came_from = LinkStatus(session.execute(_CAME_FROM, given).scalar_one())
    target = came_from
    if came_from is LinkStatus.OPEN and link.expires_at and link.expires_at < now:
        target = LinkStatus.EXPIRED
    voided = _VOID.run(session, {**given, "now": now}).fetchone()
    if voided is None:
        raise NotMarkable(f"link {link_id} has no live settlement")
    journals.post(session, organization_id, reversals(session, organization_id, voided.id, link_id, at=now))
    payment_links.advance(
        session,
        organization_id,
        link_id,
        LinkStatus.PAID,
        target,
        event=steps.MARK_UNDONE,
        actor=actor,
        at=now,
        reason=reason,
    )
    _record(session, organization_id, "link.mark_undone", actor, link, reason=reason, approved_by=approved_by)
    return target


def reversals(
    session: Session, organization_id: uuid.UUID, settlement_id: uuid.UUID, link_id: uuid.UUID, *, at: dt.datetime
) -> list[Draft]:
    """Return the journals that take back what a settlement booked, line by line with the sides exchanged."""
    taken_back: dict[uuid.UUID, Draft] = {}
    given = {"organization_id": organization_id, "settlement_id": settlement_id}
    for row in _BOOKED.run(session, given).fetchall():
        line = Line(
            row.account_code,
            "CREDIT" if row.side == "DEBIT" else "DEBIT",
            row.amount_minor,
            row.asset,
            row.asset_amount,
        )
        before = taken_back.get(row.id)
        taken_back[row.id] = Draft(
            kind="REVERSAL",
            source_type="JOURNAL",
            source_id=row.id,
            currency=row.currency,
            effective_at=at,
            description=f"Taken back: {row.description}",
            link_id=link_id,
            lines=(*(before.lines if before else ()), line),
            reverses_id=row.id,
        )
    return list(taken_back.values())


def _record(
    session: Session,
    organization_id: uuid.UUID,
    action: str,
    actor: audit.Actor,
    link: Target,
    *,
    reason: str,
    approved_by: uuid.UUID | None,
) -> None:
    audit.record(
        session,
        action,
        actor,
        organization_id=organization_id,
        subject_type="payment_link",
        subject_id=str(link.id),
        amount_minor=link.amount_minor,
        currency=link.currency,
        reason=reason,
        approved_by=str(approved_by) if approved_by else None,
    )
