"""Turn money that has arrived into a paid link and a balanced ledger, once; or into an exception a person can see.

Every way money can arrive ends in settle(). It runs in one transaction the caller opened, in few statements, because
statements and round trips are what a settlement costs. The idea, and what was tried against it, stands in
docs/decisions/0003-one-settlement-path.md.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain.payments import IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, PaymentOutcome
from provvypay.errors import Conflict, NotFound
from provvypay.kit.db import Statement, changed
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.ids import uuid7
from provvypay.services import state_machine as steps
from provvypay.services.fx import snapshots
from provvypay.services.ledger import journals, postings

register("settle.locked", "settle.payment", "settle.record", "settle.journals", "settle.done")

_LOCK = Statement("""
    SELECT l.status, l.amount_minor, l.currency, l.description, l.reference, l.short_code, l.expires_at,
        s.late_grace_seconds
    FROM payment_links l JOIN merchant_settings s ON s.organization_id = l.organization_id
    WHERE l.id = :link_id FOR UPDATE OF l
""")

_PAYMENT = Statement("""
    INSERT INTO payments
        (id, organization_id, link_id, attempt_id, provider, provider_reference, asset, asset_amount,
        value_minor, currency, occurred_at, payer, outcome, evidence)
    VALUES
        (:id, :organization_id, :link_id, :attempt_id, :provider, :reference, :asset, :asset_amount,
        :value_minor, :currency, :occurred_at, :payer, :outcome, CAST(:evidence AS jsonb))
    ON CONFLICT (provider, provider_reference) DO NOTHING
""")

_KNOWN = Statement("SELECT id, outcome FROM payments WHERE provider = :provider AND provider_reference = :reference")

# One statement writes all that a settlement is, except its journals: their entries must find them written.
_SETTLED = Statement("""
    WITH settled AS (
        INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at)
        VALUES (:settlement_id, :organization_id, :link_id, :amount_minor, :currency, :occurred_at)
    ), part AS (
        INSERT INTO settlement_parts (settlement_id, payment_id, organization_id, amount_minor, currency)
        VALUES (:settlement_id, :payment_id, :organization_id, :amount_minor, :currency)
    ), stepped AS (
        INSERT INTO link_status_events
            (link_id, organization_id, from_status, to_status, event, actor_type, effective_at)
        VALUES (:link_id, :organization_id, :from_status, 'PAID', :event, 'SYSTEM', :occurred_at)
    ), rates AS (
        INSERT INTO fx_snapshots
            (id, organization_id, link_id, settlement_id, kind,
            asset, currency, state, rate, source, as_of, fetched_at, made_from)
        SELECT id, :organization_id, :link_id, :settlement_id, 'SETTLEMENT',
            asset, currency, state, rate, source, as_of, fetched_at, made_from
        FROM jsonb_to_recordset(CAST(:rates AS jsonb)) AS r
            (id uuid, asset text, currency text, state text, rate numeric, source text, as_of timestamptz,
            fetched_at timestamptz, made_from text)
    ), synced AS (
        INSERT INTO xero_syncs (id, organization_id, link_id, kind, source_id)
        SELECT gen_random_uuid(), :organization_id, :link_id, k.kind, :settlement_id
        FROM xero_connections c CROSS JOIN (VALUES ('INVOICE'), ('PAYMENT')) AS k (kind) WHERE c.state <> 'DISCONNECTED'
    ), event AS (
        INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
        VALUES (:event_id, :organization_id, :link_id, :payment_id, 'payment.settled', :payment_id,
            CAST(:facts AS jsonb), :occurred_at)
    ), told AS (
        INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
        SELECT gen_random_uuid(), :organization_id, m.user_id, 'link.paid', :settlement_id, :link_id,
            CAST(:facts AS jsonb)
        FROM memberships m
    )
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    VALUES (:organization_id, 'link.paid', :settlement_id, CAST(:message AS jsonb))
""")

_HELD = Statement("""
    WITH held AS (
        INSERT INTO payment_exceptions (id, organization_id, payment_id, link_id, kind)
        VALUES (:exception_id, :organization_id, :payment_id, :link_id, :kind)
    ), event AS (
        INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
        VALUES (:event_id, :organization_id, :link_id, :payment_id, 'payment.held', :payment_id,
            CAST(:facts AS jsonb), :occurred_at)
    ), told AS (
        INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
        SELECT gen_random_uuid(), :organization_id, m.user_id, 'payment.exception', :exception_id, :link_id,
            CAST(:facts AS jsonb)
        FROM memberships m
    )
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    VALUES (:organization_id, 'payment.exception', :exception_id, CAST(:message AS jsonb))
""")


@dataclass(frozen=True, slots=True)
class LockedLink:
    """What the decision needs of the link, read under its row lock."""

    status: LinkStatus
    amount_minor: int
    currency: str
    expires_at: dt.datetime | None
    late_grace: dt.timedelta | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Either the event that makes the link PAID, or why the money is held."""

    event: str | None = None
    held_as: ExceptionKind | None = None


def decide(link: LockedLink, arrived: IncomingPayment) -> Decision:
    """Say what money does to a link: when it happened counts, not when we saw it.

    Source: docs/explanation/settlement.md; the cases stand in tests/services/test_settlement.py
    """
    if link.status is LinkStatus.PAID:
        return Decision(held_as=ExceptionKind.DOUBLE)
    if arrived.currency != link.currency or arrived.value_minor != link.amount_minor:
        return Decision(held_as=ExceptionKind.MISMATCH)
    if link.status not in {LinkStatus.OPEN, LinkStatus.EXPIRED}:
        return Decision(held_as=ExceptionKind.LATE)
    in_time = link.expires_at is None or arrived.occurred_at <= link.expires_at
    if in_time:
        return Decision(event=steps.PAID if link.status is LinkStatus.OPEN else steps.PAID_IN_TIME_SEEN_LATE)
    if link.late_grace and link.expires_at and arrived.occurred_at <= link.expires_at + link.late_grace:
        return Decision(event=steps.PAID if link.status is LinkStatus.OPEN else steps.PAID_WITHIN_GRACE)
    return Decision(held_as=ExceptionKind.LATE)


def settle(session: Session, arrived: IncomingPayment, rates: RateTable, *, now: dt.datetime) -> SettleResult:
    """Record a payment and, if it fits, mark its link PAID; once, however often and from wherever it is reported.

    Money that cannot settle the link is still money: it is booked to 2100, kept as a payment exception, and told.

    :param arrived: what the provider says, matched to a link of the transaction's organization
    :param rates: fetched before the transaction; what is missing becomes an UNAVAILABLE snapshot and stops nothing
    :returns: `is_new=False` for a duplicate, and nothing is written
    :raises NotFound: for a link that is not of this organization; nothing is written
    :raises Conflict: when another organization already has this payment; nothing is written
    """
    row = _LOCK.run(session, {"link_id": arrived.link_id}).fetchone()
    if row is None:
        raise NotFound(f"link {arrived.link_id}")
    failpoint("settle.locked")
    link = LockedLink(
        status=LinkStatus(row.status),
        amount_minor=row.amount_minor,
        currency=row.currency,
        expires_at=row.expires_at,
        late_grace=dt.timedelta(seconds=row.late_grace_seconds) if row.late_grace_seconds else None,
    )
    decision = decide(link, arrived)
    payment_id = uuid7()
    outcome = PaymentOutcome.SETTLED if decision.event else PaymentOutcome.EXCEPTION
    if not _insert_payment(session, payment_id, arrived, outcome):
        return _known(session, arrived)
    failpoint("settle.payment")
    title = row.reference or row.description
    facts = json.dumps(
        {
            "amount_minor": arrived.value_minor,
            "currency": arrived.currency,
            "description": row.description,
            "short_code": row.short_code,
            "provider": arrived.provider,
            "kind": decision.held_as,
        }
    )
    if decision.event:
        settlement_id = _write_settlement(
            session, arrived, payment_id, source=link.status, event=decision.event, facts=facts, rates=rates, now=now
        )
        drafts: tuple[postings.Draft, ...] = postings.settlement(settlement_id, arrived, title=title)
    else:
        _write_exception(session, arrived, payment_id, decision.held_as, facts)
        drafts = (postings.held_payment(payment_id, arrived, title=title),)
    failpoint("settle.record")
    journals.post(session, arrived.organization_id, drafts)
    failpoint("settle.journals")
    failpoint("settle.done")
    return SettleResult(payment_id, outcome, is_new=True, exception_kind=decision.held_as)


def _insert_payment(session: Session, payment_id: uuid.UUID, arrived: IncomingPayment, outcome: PaymentOutcome) -> bool:
    """Insert the payment; say whether it was new. A duplicate from anywhere ends here, quietly."""
    inserted = _PAYMENT.run(
        session,
        {
            "id": payment_id,
            "organization_id": arrived.organization_id,
            "link_id": arrived.link_id,
            "attempt_id": arrived.attempt_id,
            "provider": arrived.provider,
            "reference": arrived.provider_reference,
            "asset": arrived.asset,
            "asset_amount": arrived.asset_amount,
            "value_minor": arrived.value_minor,
            "currency": arrived.currency,
            "occurred_at": arrived.occurred_at,
            "payer": arrived.payer,
            "outcome": outcome,
            "evidence": json.dumps(arrived.evidence),
        },
    )
    return bool(changed(inserted))


def _known(session: Session, arrived: IncomingPayment) -> SettleResult:
    known = _KNOWN.run(session, {"provider": arrived.provider, "reference": arrived.provider_reference}).fetchone()
    if known is None:
        raise Conflict(
            f"{arrived.provider} {arrived.provider_reference} belongs to another organization", code="foreign_payment"
        )
    return SettleResult(known.id, PaymentOutcome(known.outcome), is_new=False)


def _write_settlement(
    session: Session,
    arrived: IncomingPayment,
    payment_id: uuid.UUID,
    *,
    source: LinkStatus,
    event: str,
    facts: str,
    rates: RateTable,
    now: dt.datetime,
) -> uuid.UUID:
    steps.check_step(source, LinkStatus.PAID, event)
    settlement_id = uuid7()
    kept = snapshots.rows(
        rates,
        kind="SETTLEMENT",
        link_id=arrived.link_id,
        currency=arrived.currency,
        now=now,
        settlement_id=settlement_id,
    )
    _SETTLED.run(
        session,
        {
            "settlement_id": settlement_id,
            "payment_id": payment_id,
            "event_id": uuid7(),
            "organization_id": arrived.organization_id,
            "link_id": arrived.link_id,
            "amount_minor": arrived.value_minor,
            "currency": arrived.currency,
            "occurred_at": arrived.occurred_at,
            "from_status": source,
            "event": event,
            "rates": json.dumps(kept, default=str),
            "facts": facts,
            "message": json.dumps({"link_id": str(arrived.link_id)}),
        },
    )
    return settlement_id


def _write_exception(
    session: Session, arrived: IncomingPayment, payment_id: uuid.UUID, kind: ExceptionKind | None, facts: str
) -> None:
    _HELD.run(
        session,
        {
            "exception_id": uuid7(),
            "payment_id": payment_id,
            "event_id": uuid7(),
            "organization_id": arrived.organization_id,
            "link_id": arrived.link_id,
            "kind": kind,
            "occurred_at": arrived.occurred_at,
            "facts": facts,
            "message": json.dumps({"link_id": str(arrived.link_id)}),
        },
    )
