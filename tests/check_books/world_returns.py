"""What goes back in the world of the checks: refunds and disputes of every kind and end, by the services."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

from provvypay.domain.statuses import RefundState
from provvypay.kit.clock import now
from provvypay.kit.ids import uuid7
from provvypay.models.refund import Refund
from provvypay.services import disputes, payment_links, refund_facts, refunds, returns
from provvypay.services.disputes import DisputeFact
from provvypay.services.refund_facts import RefundFact
from provvypay.services.refunds import RefundWish
from provvypay.services.return_lines import LineFact
from tests.check_books.world import DAY, T0, Organization, World

AT = T0 + dt.timedelta(minutes=5)


def line(amount_minor: int, currency: str, fee_minor: int = 0) -> LineFact:
    """Return one of Stripe's lines."""
    rate = None if currency != "USD" else "0.65"
    return LineFact(f"txn_{uuid.uuid4().hex}", amount_minor, fee_minor, currency, rate, AT + DAY, AT)


def refund(world: World, of: Organization, payment_id: str, amount: int, *, status: str = "succeeded",
           settled: LineFact | None = None, may_approve: bool = True) -> str:  # fmt: skip
    """Ask for a refund and let the provider answer; return the refund's id."""
    with world.act(of) as session:
        found = returns.of_payment(session, of.id, uuid.UUID(payment_id))
        wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor)
        row = refunds.request(session, of.id, wish, actor=of.owner, may_approve=may_approve, now=now())
    if row.state == RefundState.CREATED:
        return str(row.id)
    left = (settled or line(-amount, of.currency)) if status == "succeeded" else None
    answer = fact(of, amount, status, str(row.id), left)
    _apply(world, of, found.payment_id, answer)
    return str(row.id)


def fact(of: Organization, amount: int, status: str, refund_id: str | None, left: LineFact | None) -> RefundFact:
    """Return a provider's word about a refund."""
    waits = "processing" if status == "pending" else None
    return RefundFact(f"re_{uuid.uuid4().hex}", amount, of.currency, status, waits, None, "", refund_id, AT, left, None)


def _apply(world: World, of: Organization, payment_id: uuid.UUID, answer: RefundFact) -> Refund:
    with world.act(of, role="provvypay_worker") as session:
        found = returns.of_payment(session, of.id, payment_id)
        assert found.link_id is not None
        payment_links.lock(session, found.link_id)
        return refund_facts.record(session, found, answer, now=now())


def dispute(world: World, of: Organization, payment_id: str, amount: int, *statuses: str) -> str:
    """Let a payment be disputed, with one answer of the provider for each status; return the dispute's id."""
    name, withdrawn, row_id = f"du_{uuid.uuid4().hex}", line(-amount, of.currency, 15_00), ""
    for status in statuses:
        moved = None if status.startswith(("warning", "early")) else withdrawn
        back = line(amount, of.currency, -15_00) if status == "won" else None
        told = DisputeFact(name, amount, status, "fraudulent", AT + 7 * DAY, AT, moved, back)
        with world.act(of, role="provvypay_worker") as session:
            found = returns.of_payment(session, of.id, uuid.UUID(payment_id))
            assert found.link_id is not None
            payment_links.lock(session, found.link_id)
            row_id = str(disputes.record(session, found, told, now=now()).id)
    return row_id


def build(world: World, of: Organization) -> None:
    """Add links whose money went back, in every way it can."""

    def paid() -> str:
        return world.pay_by_card(world.link(of), world.charge(100_00, 2_05, of.currency))

    def credit() -> str:
        link = world.link(of)
        world.pay_by_card(link)
        return str(world.arrive(link).payment_id)

    returned = paid()
    ids = {
        "refund": refund(world, of, returned, 10_00),
        "refund_pending": refund(world, of, returned, 5_00, status="pending"),
        "refund_waiting": refund(world, of, returned, 1_00, may_approve=False),
        "payment_returned": returned,
    }
    external = _apply(world, of, uuid.UUID(returned), fact(of, 2_00, "succeeded", None, line(-2_00, of.currency)))
    bounced = paid()
    left = line(-7_00, of.currency)
    ids["refund_bounced"] = refund(world, of, bounced, 7_00, settled=left)
    with world.act(of) as session:
        known = refunds.get(session, uuid.UUID(ids["refund_bounced"])).provider_refund_id
    failed = replace(
        fact(of, 7_00, "failed", None, left), provider_refund_id=str(known), came_back=line(7_00, of.currency)
    )
    _apply(world, of, uuid.UUID(bounced), failed)
    abroad = world.pay_by_card(world.link(of), world.charge(65_00, 1_40, "USD"))
    refund(world, of, abroad, 20_00, settled=line(-13_00, "USD"))
    given_back, lost = credit(), credit()
    ids |= {
        "refund_external": str(external.id),
        "refund_credit": refund(world, of, given_back, 30_00),
        "payment_credit": given_back,
        "dispute": dispute(world, of, paid(), 100_00, "needs_response"),
        "dispute_won": dispute(world, of, paid(), 100_00, "needs_response", "won"),
        "dispute_lost": dispute(world, of, paid(), 100_00, "warning_needs_response", "under_review", "lost"),
        "dispute_credit": dispute(world, of, lost, 40_00, "needs_response", "lost"),
        "dispute_warning": dispute(world, of, paid(), 100_00, "early_warning"),
    }
    refund(world, of, lost, 60_00)
    # a card network may take all of a payment of which some went back already
    both = paid()
    refund(world, of, both, 10_00)
    ids["dispute_over"] = dispute(world, of, both, 100_00, "needs_response")
    if of.currency == "AUD":
        world.ids |= ids
