"""Turn money that has arrived into a paid link and a balanced ledger, once; or into an exception a person can see.

Every way money can arrive ends in settle(). It runs in one transaction the caller opened, in few statements, because
statements and round trips are what a settlement costs. The idea, and what was tried against it, stands in
docs/decisions/0003-one-settlement-path.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain.payments import Completion, HeldPart, IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, PaymentOutcome
from provvypay.errors import Conflict, NotFound
from provvypay.kit.db import Statement
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.ids import uuid7
from provvypay.services import settlement_rows as rows
from provvypay.services import state_machine as steps
from provvypay.services.ledger import journals, postings

register("settle.locked", "settle.payment", "settle.record", "settle.journals", "settle.done")

DUST_MINOR = 1
"""a surplus of no more than this is rounding, not money of the customer's"""
QUIET_SHARE = 100
"""held money below this part of the link's amount is seen in the inbox, and rings no bell"""

_LOCK = Statement("""
    SELECT l.status, l.amount_minor, l.currency, l.description, l.reference, l.short_code, l.expires_at,
        s.late_grace_seconds
    FROM payment_links l JOIN merchant_settings s ON s.organization_id = l.organization_id
    WHERE l.id = :link_id FOR UPDATE OF l
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
    """Either the event that makes the link PAID and what its amount is made up of, or why the money is held."""

    event: str | None = None
    held_as: ExceptionKind | None = None
    made_up: Completion | None = None


def decide(link: LockedLink, arrived: IncomingPayment, parts: tuple[HeldPart, ...] = ()) -> Decision:
    """Say what money does to a link: when it happened counts, not when we saw it.

    :param parts: what came for the link before and waits for the rest; money that must be exact never adds to it
    Source: docs/explanation/settlement.md; the cases stand in tests/services/test_settlement.py
    """
    made_up = _make_up(link, arrived, parts)
    event = _event(link, arrived.occurred_at, fits=made_up is not None)
    if link.status is LinkStatus.PAID:
        held_as: ExceptionKind | None = ExceptionKind.DOUBLE
    elif arrived.held_as:
        held_as = arrived.held_as
    elif arrived.currency != link.currency or (made_up is None and arrived.tolerance_minor is None):
        held_as = ExceptionKind.MISMATCH
    elif event is None:
        held_as = ExceptionKind.LATE
    else:
        held_as = None if made_up else ExceptionKind.SHORT
    return Decision(held_as=held_as) if held_as else Decision(event=event, made_up=made_up)


def _make_up(link: LockedLink, arrived: IncomingPayment, parts: tuple[HeldPart, ...]) -> Completion | None:
    """Return how the link's amount is made up, or None when it is not enough."""
    if arrived.tolerance_minor is None:
        exact = arrived.value_minor == link.amount_minor
        return Completion(link.amount_minor, (), link.amount_minor) if exact else None
    due = link.amount_minor - sum(part.amount_minor for part in parts)
    missing = due - arrived.value_minor
    # Each part was rounded down when it came: whoever sent all the tokens is not short of what that took.
    if missing > arrived.tolerance_minor + DUST_MINOR * len(parts):
        return None
    surplus = max(0, -missing)
    rounded = surplus if surplus <= DUST_MINOR else 0
    return Completion(
        link.amount_minor,
        parts,
        taken_minor=min(arrived.value_minor, due),
        written_off_minor=max(0, missing),
        rounded_off_minor=rounded,
        surplus_minor=surplus - rounded,
    )


def _event(link: LockedLink, occurred_at: dt.datetime, *, fits: bool) -> str | None:
    """Return the step money of this moment may make the link take, or None when it came too late."""
    if link.status not in {LinkStatus.OPEN, LinkStatus.EXPIRED}:
        return None
    if link.expires_at is None or occurred_at <= link.expires_at:
        return steps.PAID if link.status is LinkStatus.OPEN else steps.PAID_IN_TIME_SEEN_LATE
    if fits and link.late_grace and occurred_at <= link.expires_at + link.late_grace:
        return steps.PAID if link.status is LinkStatus.OPEN else steps.PAID_WITHIN_GRACE
    return None


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
    parts: tuple[HeldPart, ...] = ()
    if arrived.tolerance_minor is not None:
        parts = rows.parts_of(session, arrived.organization_id, arrived.link_id, link.currency)
    decision = decide(link, arrived, parts)
    payment_id = uuid7()
    outcome = PaymentOutcome.SETTLED if decision.event else PaymentOutcome.EXCEPTION
    if not rows.insert_payment(session, payment_id, arrived, outcome):
        return _known(session, arrived)
    failpoint("settle.payment")
    facts: dict[str, object] = {
        "amount_minor": arrived.value_minor,
        "currency": arrived.currency,
        "description": row.description,
        "reference": row.reference,
        "short_code": row.short_code,
        "provider": arrived.provider,
        "kind": decision.held_as,
    }
    if arrived.asset:
        facts |= {"asset": arrived.asset, "asset_amount": arrived.asset_amount}
    drafts = _write(session, arrived, link, decision, payment_id=payment_id, facts=facts, rates=rates, now=now)
    failpoint("settle.record")
    journals.post(session, arrived.organization_id, drafts)
    failpoint("settle.journals")
    failpoint("settle.done")
    return SettleResult(payment_id, outcome, is_new=True, exception_kind=decision.held_as)


def _write(
    session: Session,
    arrived: IncomingPayment,
    link: LockedLink,
    decision: Decision,
    *,
    payment_id: uuid.UUID,
    facts: dict[str, object],
    rates: RateTable,
    now: dt.datetime,
) -> tuple[postings.Draft, ...]:
    """Write what was decided and return the journals it posts."""
    title = str(facts.pop("reference") or facts["description"])
    if decision.held_as:
        quiet = arrived.value_minor * QUIET_SHARE < link.amount_minor
        held = rows.Held(payment_id, decision.held_as, arrived.value_minor, quiet=quiet)
        rows.write_exception(session, arrived, held, facts)
        return (postings.held_payment(payment_id, arrived, title=title),)
    if decision.event is None or decision.made_up is None:
        raise ValueError("a decision either holds money or settles with it")
    steps.check_step(link.status, LinkStatus.PAID, decision.event)
    act = rows.Act(
        organization_id=arrived.organization_id,
        link_id=arrived.link_id,
        currency=arrived.currency,
        made_up=decision.made_up,
        source=link.status,
        event=decision.event,
        moment=arrived.occurred_at,
        payment_id=payment_id,
    )
    settlement_id = rows.write_settlement(session, act, facts, rates, now=now)
    rows.use_parts(session, act, settlement_id)
    if surplus := decision.made_up.surplus_minor:
        quiet = surplus * QUIET_SHARE < link.amount_minor
        held = rows.Held(payment_id, ExceptionKind.OVER, surplus, quiet=quiet)
        rows.write_exception(session, arrived, held, facts)
    return postings.settlement(settlement_id, arrived, decision.made_up, title=title)


def _known(session: Session, arrived: IncomingPayment) -> SettleResult:
    known = rows.known(session, arrived.provider, arrived.provider_reference)
    if known is None:
        raise Conflict(
            f"{arrived.provider} {arrived.provider_reference} belongs to another organization", code="foreign_payment"
        )
    return SettleResult(known.id, PaymentOutcome(known.outcome), is_new=False)
