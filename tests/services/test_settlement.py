"""Money that has arrived settles a link once, or is held where a person can see it; in any order, however often."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from provvypay.domain.payments import Completion, IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, PaymentOutcome
from provvypay.errors import Conflict, NotFound
from provvypay.kit import failpoints
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services import payment_links
from provvypay.services.settlement import Decision, LockedLink, decide, settle

T0 = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)

FACTS = ("payments", "settlements", "settlement_parts", "journals", "ledger_entries", "payment_exceptions", "outbox")


def books(organization_id: uuid.UUID) -> dict[str, int]:
    """Count the rows that money leaves in an organization."""
    with transaction(organization_id) as session:
        return {name: session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in FACTS}


def balances(organization_id: uuid.UUID) -> dict[str, int]:
    """Return debit minus credit per account, in minor units."""
    with transaction(organization_id) as session:
        rows = session.execute(
            text(
                "SELECT account_code, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) AS balance"
                " FROM ledger_entries GROUP BY account_code"
            )
        )
        return {row.account_code: int(row.balance) for row in rows if row.balance}


def arrive(arrived: IncomingPayment, rates: RateTable | None = None) -> Any:
    """Settle in a transaction of its own, as every flow does."""
    with transaction(arrived.organization_id) as session:
        return settle(session, arrived, rates or RateTable(), now=now())


# ---------------------------------------------------------------- the decision, purely

LINK = LockedLink(LinkStatus.OPEN, 120_50, "AUD", T0, None)
PAYMENT = IncomingPayment(
    uuid.UUID(int=1), uuid.UUID(int=2), "STRIPE", "pi_1", 120_50, "AUD", T0 - HOUR, clearing_account="1050"
)


@pytest.mark.parametrize(
    ("link", "payment", "decision"),
    [
        (LINK, PAYMENT, Decision(event="link.paid")),
        (replace(LINK, expires_at=None), PAYMENT, Decision(event="link.paid")),
        (LINK, replace(PAYMENT, occurred_at=T0), Decision(event="link.paid")),
        (LINK, replace(PAYMENT, occurred_at=T0 + HOUR), Decision(held_as=ExceptionKind.LATE)),
        (replace(LINK, status=LinkStatus.EXPIRED), PAYMENT, Decision(event="link.paid_in_time_seen_late")),
        (
            replace(LINK, status=LinkStatus.EXPIRED),
            replace(PAYMENT, occurred_at=T0 + HOUR),
            Decision(held_as=ExceptionKind.LATE),
        ),
        (
            replace(LINK, status=LinkStatus.EXPIRED, late_grace=2 * HOUR),
            replace(PAYMENT, occurred_at=T0 + HOUR),
            Decision(event="link.paid_within_grace"),
        ),
        (
            replace(LINK, status=LinkStatus.EXPIRED, late_grace=HOUR / 2),
            replace(PAYMENT, occurred_at=T0 + HOUR),
            Decision(held_as=ExceptionKind.LATE),
        ),
        (replace(LINK, late_grace=2 * HOUR), replace(PAYMENT, occurred_at=T0 + HOUR), Decision(event="link.paid")),
        (replace(LINK, status=LinkStatus.CANCELED), PAYMENT, Decision(held_as=ExceptionKind.LATE)),
        (replace(LINK, status=LinkStatus.PAID), PAYMENT, Decision(held_as=ExceptionKind.DOUBLE)),
        (
            replace(LINK, status=LinkStatus.PAID),
            replace(PAYMENT, value_minor=1),
            Decision(held_as=ExceptionKind.DOUBLE),
        ),
        (LINK, replace(PAYMENT, value_minor=120_49), Decision(held_as=ExceptionKind.MISMATCH)),
        (LINK, replace(PAYMENT, value_minor=120_51), Decision(held_as=ExceptionKind.MISMATCH)),
        (LINK, replace(PAYMENT, currency="USD"), Decision(held_as=ExceptionKind.MISMATCH)),
    ],
)
def test_what_money_does_to_a_link(link: LockedLink, payment: IncomingPayment, decision: Decision) -> None:
    decided = decide(link, payment)

    assert replace(decided, made_up=None) == decision
    assert decided.made_up == (Completion(120_50, (), 120_50) if decision.event else None)


# ---------------------------------------------------------------- one payment, one settlement


def test_exact_money_in_time_settles_the_link_and_balances_the_books(make: Any) -> None:
    link = make.link(amount_minor=120_50, currency="AUD")

    result = arrive(make.incoming_payment(link))

    assert result.outcome is PaymentOutcome.SETTLED
    assert result.is_new
    assert balances(link.organization_id) == {"1050": 120_50, "4000": -120_50}
    with transaction(link.organization_id) as session:
        assert payment_links.get(session, link.id).status == LinkStatus.PAID


def test_the_same_payment_ten_times_at_once_settles_once(make: Any, in_threads: Any) -> None:
    link = make.link(amount_minor=120_50, currency="AUD")
    arrived = make.incoming_payment(link)

    results: list[SettleResult] = []
    errors = in_threads(10, lambda session: results.append(settle(session, arrived, RateTable(), now=now())))

    assert errors == []
    assert sorted(result.is_new for result in results) == [False] * 9 + [True]
    assert tuple(books(link.organization_id).values()) == (1, 1, 1, 2, 4, 0, 1)


def test_two_payments_at_once_settle_once_and_the_other_is_held(make: Any, in_threads: Any) -> None:
    link = make.link(amount_minor=120_50, currency="AUD")
    payments = [make.incoming_payment(link), make.incoming_payment(link)]

    results: list[SettleResult] = []
    errors = in_threads(2, lambda session: results.append(settle(session, payments.pop(), RateTable(), now=now())))

    assert errors == []
    assert sorted(result.outcome for result in results) == [PaymentOutcome.EXCEPTION, PaymentOutcome.SETTLED]
    assert [r.exception_kind for r in results if r.outcome is PaymentOutcome.EXCEPTION] == [ExceptionKind.DOUBLE]
    assert balances(link.organization_id) == {"1050": 241_00, "2100": -120_50, "4000": -120_50}


def test_money_for_a_canceled_link_is_held_and_not_lost(make: Any) -> None:
    link = make.link(status=LinkStatus.CANCELED, amount_minor=88_00, currency="AUD")

    result = arrive(make.incoming_payment(link))

    assert result.exception_kind is ExceptionKind.LATE
    assert balances(link.organization_id) == {"1050": 88_00, "2100": -88_00}
    with transaction(link.organization_id) as session:
        assert payment_links.get(session, link.id).status == LinkStatus.CANCELED
        assert session.execute(text("SELECT kind, state FROM payment_exceptions")).one() == ("LATE", "OPEN")


def test_money_before_the_expiry_settles_a_link_that_expired_meanwhile(make: Any) -> None:
    link = make.link(status=LinkStatus.EXPIRED, amount_minor=88_00, currency="AUD")

    result = arrive(make.incoming_payment(link, occurred_at=link.expires_at - dt.timedelta(seconds=1)))

    assert result.outcome is PaymentOutcome.SETTLED
    with transaction(link.organization_id) as session:
        last = session.execute(text("SELECT event FROM link_status_events ORDER BY seq DESC LIMIT 1")).scalar_one()
    assert last == "link.paid_in_time_seen_late"


def test_a_missing_rate_is_a_snapshot_too_and_stops_nothing(make: Any) -> None:
    link = make.link(amount_minor=88_00, currency="AUD")

    arrive(make.incoming_payment(link), RateTable())

    with transaction(link.organization_id) as session:
        states = session.execute(
            text("SELECT state, count(*) FROM fx_snapshots WHERE kind = 'SETTLEMENT' GROUP BY state")
        ).all()
    assert [tuple(row) for row in states] == [("UNAVAILABLE", 4)]


@pytest.mark.parametrize("name", sorted(name for name in failpoints.KNOWN if name.startswith("settle.")))
def test_a_failure_at_any_step_leaves_nothing_and_the_next_try_settles(make: Any, name: str) -> None:
    link = make.link(amount_minor=120_50, currency="AUD")
    arrived = make.incoming_payment(link)
    before = books(link.organization_id)

    failpoints.arm(f"{name}=raise")
    try:
        with pytest.raises(failpoints.FailpointReached):
            arrive(arrived)
    finally:
        failpoints.arm("")

    assert books(link.organization_id) == before
    assert arrive(arrived).is_new


def test_a_link_of_another_organization_is_not_found(make: Any) -> None:
    link = make.link()
    stranger = make.organization()
    arrived = replace(make.incoming_payment(link), organization_id=stranger.organization_id)

    with pytest.raises(NotFound):
        arrive(arrived)


def test_a_payment_another_organization_has_is_a_conflict_and_writes_nothing(make: Any) -> None:
    theirs, ours = make.link(merchant=make.organization()), make.link()
    arrived = make.incoming_payment(theirs)
    arrive(arrived)

    with pytest.raises(Conflict):
        arrive(replace(arrived, organization_id=ours.organization_id, link_id=ours.id))

    assert books(ours.organization_id)["payments"] == 0


def test_every_member_is_told_once(make: Any) -> None:
    link = make.link()
    arrived = make.incoming_payment(link)

    arrive(arrived)
    arrive(arrived)

    with transaction(link.organization_id) as session:
        members = session.execute(text("SELECT count(*) FROM memberships")).scalar_one()
        told = session.execute(text("SELECT count(*) FROM notifications WHERE kind = 'link.paid'")).scalar_one()
    assert told == members > 0
