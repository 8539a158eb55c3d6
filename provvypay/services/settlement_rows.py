"""The rows a settlement leaves, each group in one statement: round trips are what a settlement costs.

settlement.py decides; nothing here does. docs/decisions/0003-one-settlement-path.md says why it is written so.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain.payments import Completion, HeldPart, IncomingPayment
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, PaymentOutcome
from provvypay.kit.db import Statement, changed
from provvypay.kit.ids import uuid7
from provvypay.services import audit
from provvypay.services.fx import snapshots

_PAYMENT = Statement("""
    INSERT INTO payments
        (id, organization_id, link_id, attempt_id, provider, provider_reference, asset, asset_amount,
        value_minor, currency, occurred_at, payer, outcome, evidence, transfer_id,
        consensus_timestamp)
    VALUES
        (:id, :organization_id, :link_id, :attempt_id, :provider, :reference, :asset, :asset_amount,
        :value_minor, :currency, :occurred_at, :payer, :outcome, CAST(:evidence AS jsonb), :transfer_id,
        :consensus_timestamp)
    ON CONFLICT (provider, provider_reference) DO NOTHING
""")

_KNOWN = Statement("SELECT id, outcome FROM payments WHERE provider = :provider AND provider_reference = :reference")

# One statement writes all that a settlement is, except its journals: their entries must find them written.
_SETTLED = Statement("""
    WITH settled AS (
        INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at, written_off_minor,
            rounded_off_minor)
        VALUES (:settlement_id, :organization_id, :link_id, :amount_minor, :currency, :occurred_at, :written_off_minor,
            :rounded_off_minor)
    ), part AS (
        INSERT INTO settlement_parts (settlement_id, payment_id, organization_id, amount_minor, currency)
        SELECT :settlement_id, CAST(:payment_id AS uuid), :organization_id, :taken_minor, :currency
        WHERE :taken_minor > 0
    ), stepped AS (
        INSERT INTO link_status_events
            (link_id, organization_id, from_status, to_status, event, actor_type, actor_id, reason, effective_at)
        VALUES (:link_id, :organization_id, :from_status, 'PAID', :event, :actor_type, :actor_id, :reason, :occurred_at)
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
        INSERT INTO xero_syncs (id, organization_id, connection_id, link_id, kind, source_id)
        SELECT gen_random_uuid(), :organization_id, c.id, :link_id, k.kind, :settlement_id
        FROM xero_connections c CROSS JOIN (VALUES ('INVOICE'), ('PAYMENT')) AS k (kind) WHERE c.state <> 'DISCONNECTED'
    ), event AS (
        INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
        VALUES (:event_id, :organization_id, :link_id, CAST(:payment_id AS uuid), 'payment.settled',
            coalesce(:payment_id, :settlement_id), CAST(:facts AS jsonb), :occurred_at)
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
        INSERT INTO payment_exceptions (id, organization_id, payment_id, link_id, kind, amount_minor, currency, held_in)
        VALUES (:exception_id, :organization_id, :payment_id, :link_id, :kind, :amount_minor, :currency, '2100')
    ), event AS (
        INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
        VALUES (:event_id, :organization_id, :link_id, :payment_id, 'payment.held', :payment_id,
            CAST(:facts AS jsonb), :occurred_at)
    ), told AS (
        INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data, muted)
        SELECT gen_random_uuid(), :organization_id, m.user_id, 'payment.exception', :exception_id, :link_id,
            CAST(:facts AS jsonb), :quiet
        FROM memberships m
    )
    INSERT INTO outbox (organization_id, topic, dedupe, payload)
    VALUES (:organization_id, 'payment.exception', :exception_id, CAST(:message AS jsonb))
""")

# Held money that a settlement takes, each by a decision; where nothing is left, the exception is over.
_USED = Statement("""
    WITH used AS (
        SELECT id, exception_id, payment_id, amount_minor, left_minor, action, link_id
        FROM jsonb_to_recordset(CAST(:parts AS jsonb)) AS p
            (id uuid, exception_id uuid, payment_id uuid, amount_minor bigint, left_minor bigint, action text,
            link_id uuid)
    ), decided AS (
        INSERT INTO payment_resolutions (id, organization_id, exception_id, action, amount_minor, currency,
            settlement_id, link_id, actor_type, actor_id, reason, approved_by)
        SELECT id, :organization_id, exception_id, action, amount_minor, :currency, :settlement_id, link_id,
            :actor_type, :actor_id, :reason, :approved_by FROM used
    ), over AS (
        UPDATE payment_exceptions e SET version = e.version + 1,
            state = CASE WHEN used.left_minor = 0 THEN 'RESOLVED' ELSE e.state END,
            resolved_at = CASE WHEN used.left_minor = 0 THEN clock_timestamp() ELSE e.resolved_at END
        FROM used WHERE e.id = used.exception_id
    )
    INSERT INTO settlement_parts (settlement_id, payment_id, organization_id, amount_minor, currency, resolution_id)
    SELECT :settlement_id, payment_id, :organization_id, amount_minor, :currency, id FROM used
""")

_PARTS = Statement("""
    SELECT e.id, e.payment_id, CAST(still_held(e.id) AS bigint) AS amount_minor FROM payment_exceptions e
    WHERE e.organization_id = :organization_id AND e.link_id = :link_id AND e.kind = 'SHORT' AND e.state = 'OPEN'
        AND e.currency = :currency
    ORDER BY e.id
    FOR UPDATE OF e
""")


def parts_of(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, currency: str) -> tuple[HeldPart, ...]:
    """Return what came for a link before and waits for the rest, locked; the link is locked by the caller."""
    rows = _PARTS.run(session, {"organization_id": organization_id, "link_id": link_id, "currency": currency})
    return tuple(HeldPart(row.id, row.payment_id, row.amount_minor) for row in rows.fetchall() if row.amount_minor > 0)


def insert_payment(session: Session, payment_id: uuid.UUID, arrived: IncomingPayment, outcome: PaymentOutcome) -> bool:
    """Insert the payment; say whether it was new. A duplicate from anywhere ends here, quietly."""
    return insert_payment_row(
        session,
        payment_id,
        outcome,
        {
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
            "evidence": json.dumps(arrived.evidence),
            "transfer_id": arrived.transfer_id,
            "consensus_timestamp": arrived.consensus_timestamp,
        },
    )


def insert_payment_row(session: Session, payment_id: uuid.UUID, outcome: PaymentOutcome, facts: dict[str, Any]) -> bool:
    """Insert a payment from its columns; say whether it was new."""
    return bool(changed(_PAYMENT.run(session, {"id": payment_id, "outcome": outcome, **facts})))


def known(session: Session, provider: str, reference: str) -> Any:
    """Return id and outcome of a payment that was stored before, or None when it is another organization's."""
    return _KNOWN.run(session, {"provider": provider, "reference": reference}).fetchone()


@dataclass(frozen=True, slots=True)
class Act:
    """What makes a link PAID: new money, or a person's decision about money that was held."""

    organization_id: uuid.UUID
    link_id: uuid.UUID
    currency: str
    made_up: Completion
    source: LinkStatus
    event: str
    moment: dt.datetime
    """when it happened: the new money's own time, or the decision's"""
    payment_id: uuid.UUID | None = None
    """the new money; None when only held money is used"""
    actor: audit.Actor = audit.SYSTEM
    reason: str = ""


def write_settlement(
    session: Session, act: Act, facts: dict[str, object], rates: RateTable, *, now: dt.datetime
) -> uuid.UUID:
    """Write the settlement with all that belongs to it but its journals and the parts held before; return its id."""
    settlement_id = uuid7()
    kept = snapshots.rows(
        rates, kind="SETTLEMENT", link_id=act.link_id, currency=act.currency, now=now, settlement_id=settlement_id
    )
    made_up = act.made_up
    _SETTLED.run(
        session,
        {
            "settlement_id": settlement_id,
            "payment_id": act.payment_id,
            "event_id": uuid7(),
            "organization_id": act.organization_id,
            "link_id": act.link_id,
            "amount_minor": made_up.amount_minor,
            "taken_minor": made_up.taken_minor,
            "written_off_minor": made_up.written_off_minor,
            "rounded_off_minor": made_up.rounded_off_minor,
            "currency": act.currency,
            "occurred_at": act.moment,
            "from_status": act.source,
            "event": act.event,
            "actor_type": "USER" if act.actor.type == "USER" else "SYSTEM",
            "actor_id": act.actor.id if act.actor.type == "USER" else None,
            "reason": act.reason,
            "rates": json.dumps(kept, default=str),
            "facts": json.dumps(facts),
            "message": json.dumps({"link_id": str(act.link_id)}),
        },
    )
    return settlement_id


def use_parts(
    session: Session,
    act: Act,
    settlement_id: uuid.UUID,
    *,
    decided: HeldPart | None = None,
    action: str = "ACCEPTED",
    approved_by: uuid.UUID | None = None,
) -> None:
    """Let a settlement take what was held, by one decision for each, and close the exceptions that hold nothing more.

    :param decided: the one a person decided about; the others were only waiting to be completed
    """
    if not act.made_up.parts:
        return
    given = [
        {
            "id": str(uuid7()),
            "exception_id": str(part.exception_id),
            "payment_id": str(part.payment_id),
            "amount_minor": part.amount_minor,
            "left_minor": part.left_minor,
            "action": action if part is decided else "COMPLETED",
            "link_id": str(act.link_id) if part is decided and action == "APPLIED" else None,
        }
        for part in act.made_up.parts
    ]
    _USED.run(
        session,
        {
            "organization_id": act.organization_id,
            "settlement_id": settlement_id,
            "currency": act.currency,
            "parts": json.dumps(given),
            "actor_type": "USER" if act.actor.type == "USER" else "SYSTEM",
            "actor_id": act.actor.id if act.actor.type == "USER" else None,
            "reason": act.reason,
            "approved_by": approved_by,
        },
    )


@dataclass(frozen=True, slots=True)
class Held:
    """How much of a payment needs a person, and why."""

    payment_id: uuid.UUID
    kind: ExceptionKind
    amount_minor: int
    """all of the payment, or what came on top"""
    quiet: bool
    """dust: seen in the inbox, and rings no bell"""


def write_exception(session: Session, arrived: IncomingPayment, held: Held, facts: dict[str, object]) -> None:
    """Write that money of a known link needs a person."""
    _HELD.run(
        session,
        {
            "exception_id": uuid7(),
            "payment_id": held.payment_id,
            "event_id": uuid7(),
            "organization_id": arrived.organization_id,
            "link_id": arrived.link_id,
            "kind": held.kind,
            "amount_minor": held.amount_minor,
            "currency": arrived.currency,
            "occurred_at": arrived.occurred_at,
            "facts": json.dumps({**facts, "kind": held.kind, "amount_minor": held.amount_minor}),
            "message": json.dumps({"link_id": str(arrived.link_id)}),
            "quiet": held.quiet,
        },
    )
