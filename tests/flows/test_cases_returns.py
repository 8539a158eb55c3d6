"""Cases 69 to 84 of money that goes back by card, each by its number (docs/explanation/refunds-and-disputes.md).

Cases 75, 77 and 78 stand in test_cases_token_refunds.py; Xero's half of 69, 74 and 79 comes with its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import SessionState
from provvypay.errors import Invalid
from provvypay.flows import create_link as links
from provvypay.flows import stripe_returns
from provvypay.flows.stripe_payment import start_checkout
from provvypay.flows.stripe_webhook import sweep_inbox
from provvypay.kit import settings as kit_settings
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.kit.settings import Settings
from provvypay.models.payment_link import PaymentLink
from provvypay.models.refund import Refund
from provvypay.services import checkout, payment_links, returns
from provvypay.services.refunds import AvailableChanged, NotRefundable, RefundWish
from provvypay.services.state_machine import IllegalStep
from tests.flows.conftest import Books
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.sandbox import SandboxControl

Run = Callable[[], int]
FEE = 379  # Stripe's on AUD 120.50: 2.9 % + 30, half up
PAID = {"1050": 120_50 - FEE, "4000": -120_50, "6100": FEE}


@pytest.fixture
def bank_debits(settings: Settings) -> Iterator[None]:
    """A deployment that offers a delayed method besides cards."""
    kit_settings.use(replace(settings, stripe_payment_methods=("card", "us_bank_account")))
    yield
    kit_settings.use(settings)


def paid(link: PaymentLink, sandbox: SandboxControl, run_jobs: Run, card: str = "4242424242424242") -> str:
    """Pay a link, with everything that follows; return the payment intent."""
    done = sandbox.pay(start_checkout(link.short_code), card=card)
    arrive(sandbox, run_jobs)
    return str(done["payment_intent"])


def arrive(sandbox: SandboxControl, run_jobs: Run) -> None:
    sandbox.drain()
    run_jobs()
    sweep_inbox()
    run_jobs()


def returnable(link: PaymentLink, *, held: bool = False) -> returns.Returnable:
    """Return what can go back of the link's payment, or of the one that is held."""
    with transaction(link.organization_id) as session:
        found = returns.of_link(session, link.organization_id, link.id)
    return next(one for one in found if (one.exception_id is not None) == held)


def ask(link: PaymentLink, make: Make, amount: int, *, seen: int | None = None, held: bool = False,
        role: Role = Role.OWNER) -> Refund:  # fmt: skip
    """Ask for a refund as a member would."""
    found = returnable(link, held=held)
    wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor if seen is None else seen)
    with acting_as("web"):
        actor = make.member(role).actor
        return stripe_returns.request_refund(
            link.organization_id, wish, actor=actor, may_approve=role is not Role.OPERATOR
        )


def states(link: PaymentLink) -> list[tuple[str, int, bool]]:
    with transaction(link.organization_id) as session:
        rows = session.query(Refund).where(Refund.link_id == link.id).order_by(Refund.id)
        return [(row.state, row.amount_minor, row.is_external) for row in rows]


def told(observer: Observer, link: PaymentLink) -> list[str]:
    return [
        str(row[0])
        for row in observer.sql("SELECT DISTINCT kind FROM notifications WHERE link_id = :id ORDER BY 1", id=link.id)
    ]


def test_case_69_a_full_refund_is_booked_and_keeps_its_fee(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    paid(link, sandbox, run_jobs)

    refund = ask(link, make, 120_50)
    arrive(sandbox, run_jobs)

    assert (refund.state, refund.requested_by, refund.approved_by) == (
        "SUCCEEDED",
        make.merchant.owner.id,
        make.merchant.owner.id,
    )
    assert states(link) == [("SUCCEEDED", 120_50, False)]
    assert books.balances == {"AUD": {"1050": -FEE, "4000": -120_50, "4090": 120_50, "6100": FEE}}
    assert books.status == "PAID"
    assert {"refund.requested", "refund.booked"} <= set(books.events)
    report = sandbox.get("/stripe/books")["refunds"][-1]
    assert report["metadata"] == {"provvypay_refund_id": str(refund.id)}


def test_case_70_partial_refunds_until_nothing_is_left(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    paid(link, sandbox, run_jobs)

    for amount in (50_00, 70_00):
        assert ask(link, make, amount).state == "SUCCEEDED"
    with pytest.raises(Invalid, match="at most AUD 0"):
        ask(link, make, 51)
    assert ask(link, make, 50).state == "SUCCEEDED"
    with pytest.raises(NotRefundable):
        ask(link, make, 1)

    arrive(sandbox, run_jobs)
    assert books.balances["AUD"]["4090"] == 120_50
    assert returnable(link).available_minor == 0


def test_case_71_of_two_people_the_second_is_told_the_new_amount(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    paid(link, sandbox, run_jobs)

    def press(number: int) -> Any:
        return ask(link, make, 60_00 + number, seen=120_50)

    answers = together(2, press)

    refused = [answer for answer in answers if isinstance(answer, AvailableChanged)]
    made = [answer for answer in answers if isinstance(answer, Refund)]
    assert (len(refused), len(made)) == (1, 1)
    assert refused[0].available_minor == 120_50 - made[0].amount_minor
    assert "AUD 60." in refused[0].public_message or "AUD 59." in refused[0].public_message
    assert [state for state, _, _ in states(link)] == ["SUCCEEDED"]


def test_case_72_a_refund_made_in_stripes_dashboard_is_booked_and_told(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    intent = paid(link, sandbox, run_jobs)

    sandbox.post(f"/stripe/charges/{intent}/refunds", amount=20_50)
    arrive(sandbox, run_jobs)
    arrive(sandbox, run_jobs)

    assert states(link) == [("SUCCEEDED", 20_50, True)]
    assert books.balances == {"AUD": PAID | {"1050": 120_50 - FEE - 20_50, "4090": 20_50}}
    assert "refund.external" in told(observer, link)
    assert returnable(link).available_minor == 100_00


def test_case_73_a_pending_refund_is_not_booked_before_it_succeeds(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    paid(link, sandbox, run_jobs, card="4000000000007726")

    refund = ask(link, make, 30_00)
    arrive(sandbox, run_jobs)

    assert (refund.state, refund.pending_reason) == ("PENDING", "processing")
    assert books.balances == {"AUD": PAID}
    assert returnable(link).available_minor == 90_50
    sandbox.post("/stripe/refunds/settle")
    arrive(sandbox, run_jobs)
    assert states(link) == [("SUCCEEDED", 30_00, False)]
    assert books.balances["AUD"]["4090"] == 30_00


def test_case_74_a_refund_that_fails_after_it_succeeded_is_taken_back(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    paid(link, sandbox, run_jobs, card="4000000000005126")
    assert ask(link, make, 30_00).state == "SUCCEEDED"
    arrive(sandbox, run_jobs)
    assert books.balances["AUD"]["4090"] == 30_00

    sandbox.post("/stripe/refunds/settle")
    arrive(sandbox, run_jobs)
    arrive(sandbox, run_jobs)

    assert states(link) == [("FAILED", 30_00, False)]
    assert books.balances == {"AUD": PAID}
    assert books.exceptions == ["FAILED_REFUND"]
    assert returnable(link).available_minor == 120_50
    assert "payment.exception" in told(observer, link)
    assert ask(link, make, 30_00).state == "SUCCEEDED"


@pytest.mark.usefixtures("bank_debits")
def test_case_76_a_refund_of_a_double_payment_leaves_revenue_alone(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    slow = start_checkout(link.short_code).rsplit("/", 1)[-1]
    sandbox.pay(slow, account_number="000123456789")
    arrive(sandbox, run_jobs)
    second = second_payment(link, sandbox, run_jobs, slow)
    assert books.exceptions == ["DOUBLE"]
    assert books.balances["AUD"]["2100"] == -120_50

    assert ask(link, make, 100_00, held=True).exception_id is not None
    assert books.balances["AUD"]["2100"] == -20_50
    ask(link, make, 20_50, held=True)
    arrive(sandbox, run_jobs)

    assert "2100" not in books.balances["AUD"]
    assert "4090" not in books.balances["AUD"]
    assert books.balances["AUD"]["4000"] == -120_50
    assert exception_states(observer, second) == ["RESOLVED"]


def second_payment(link: PaymentLink, sandbox: SandboxControl, run_jobs: Run, slow: str) -> str:
    """Let a bank debit arrive that was given up: in the meantime the link was paid by card."""
    with transaction(link.organization_id) as session:
        row = checkout.get(session, checkout.find(session, slow)[1])  # type: ignore[index]
        payment_links.lock(session, link.id)
        seen = checkout.Observed(SessionState.COMPLETE, "failed", None, None, None, fee_known=False)
        checkout.observe(session, row, seen, now=now())
    paid(link, sandbox, run_jobs)
    session = sandbox.post(f"/stripe/sessions/{slow}/settle-async", succeed=True)["session"]
    arrive(sandbox, run_jobs)
    return str(session["payment_intent"])


def exception_states(observer: Observer, intent: str) -> list[str]:
    rows = observer.sql(
        "SELECT x.state FROM payment_exceptions x JOIN payments p ON p.id = x.payment_id"
        " WHERE p.provider_reference = :intent",
        intent=intent,
    )
    return [str(row[0]) for row in rows]


def test_case_05_a_refund_heard_of_before_its_payment_waits_for_it(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    known = {event["id"] for event in sandbox.events()}
    sandbox.post("/stripe/hold")
    intent = sandbox.pay(start_checkout(link.short_code))["payment_intent"]
    sandbox.post("/stripe/fees/settle")
    sandbox.post(f"/stripe/charges/{intent}/refunds", amount=20_50)
    new = {event["type"]: event["id"] for event in sandbox.events() if event["id"] not in known}

    sandbox.post("/stripe/deliveries/send", event_ids=[new["charge.refunded"], new["refund.created"]])
    run_jobs()
    sandbox.post("/stripe/release")
    arrive(sandbox, run_jobs)

    assert books.status == "PAID"
    assert states(link) == [("SUCCEEDED", 20_50, True)]
    assert books.balances == {"AUD": PAID | {"1050": 120_50 - FEE - 20_50, "4090": 20_50}}


def dispute(sandbox: SandboxControl, intent: str, **wanted: Any) -> str:
    return str(sandbox.post(f"/stripe/charges/{intent}/disputes", **wanted)["id"])


def step(sandbox: SandboxControl, dispute_id: str, name: str) -> None:
    sandbox.post(f"/stripe/disputes/{dispute_id}/step", step=name)


def disputes_of(observer: Observer, link: PaymentLink) -> list[tuple[str, int, bool]]:
    rows = observer.sql(
        "SELECT state, amount_minor, is_inquiry FROM disputes WHERE link_id = :id ORDER BY created_at", id=link.id
    )
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_case_80_a_dispute_withdraws_the_money_and_blocks_refunds(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    intent = paid(link, sandbox, run_jobs)

    dispute(sandbox, intent, reason="product_not_received")
    arrive(sandbox, run_jobs)

    assert disputes_of(observer, link) == [("NEEDS_RESPONSE", 120_50, False)]
    assert books.balances == {
        "AUD": {"1050": -FEE - 15_00, "1210": 120_50, "4000": -120_50, "6100": FEE, "6110": 15_00}
    }
    assert {"dispute.opened", "dispute.withdrawn"} <= set(books.events)
    assert "dispute.opened" in told(observer, link)
    with pytest.raises(NotRefundable, match="disputed"):
        ask(link, make, 10_00)
    assert states(link) == []
    assert sandbox.get("/stripe/books")["disputes"][-1]["moved"] == -120_50


@pytest.mark.parametrize(("returned", "fee"), [(False, 15_00), (True, 0)])
def test_case_81_a_dispute_is_won(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, returned: bool, fee: int
) -> None:
    intent = paid(link, sandbox, run_jobs)
    sandbox.post("/stripe/settings", dispute_fee_returned=returned)
    opened = dispute(sandbox, intent)
    arrive(sandbox, run_jobs)

    step(sandbox, opened, "won")
    arrive(sandbox, run_jobs)
    sandbox.post("/stripe/settings", dispute_fee_returned=False)

    assert books.balances == {"AUD": PAID | {"1050": 120_50 - FEE - fee} | ({"6110": fee} if fee else {})}
    assert ask(link, make, 10_00).state == "SUCCEEDED"


def test_case_81_a_dispute_is_lost_and_that_is_final(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    intent = paid(link, sandbox, run_jobs)
    opened = dispute(sandbox, intent)
    step(sandbox, opened, "lost")
    arrive(sandbox, run_jobs)
    arrive(sandbox, run_jobs)

    assert disputes_of(observer, link) == [("LOST", 120_50, False)]
    assert books.balances == {"AUD": {"1050": -FEE - 15_00, "4000": -120_50, "6100": FEE, "6110": 120_50 + 15_00}}
    with pytest.raises(NotRefundable):
        ask(link, make, 1)


def test_case_82_a_dispute_of_a_partly_refunded_charge_takes_the_rest(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    intent = paid(link, sandbox, run_jobs)
    ask(link, make, 20_50)

    step(sandbox, dispute(sandbox, intent), "lost")
    arrive(sandbox, run_jobs)

    assert books.balances["AUD"] | {"1050": 0} == {
        "1050": 0, "4000": -120_50, "4090": 20_50, "6100": FEE, "6110": 100_00 + 15_00,
    }  # fmt: skip
    assert returnable(link).available_minor == 0
    assert books.exceptions == []


def test_case_83_a_warning_moves_no_money_and_takes_no_dispute_back(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    intent = paid(link, sandbox, run_jobs)
    opened = dispute(sandbox, intent, inquiry=True)
    sandbox.post(f"/stripe/charges/{intent}/early-warning")
    arrive(sandbox, run_jobs)

    assert books.balances == {"AUD": PAID}
    assert disputes_of(observer, link) == [("WARNING_NEEDS_RESPONSE", 120_50, True), ("EARLY_WARNING", 120_50, True)]
    assert {"dispute.inquiry", "dispute.warning"} <= set(told(observer, link))

    step(sandbox, opened, "escalate")
    arrive(sandbox, run_jobs)
    sandbox.post(f"/stripe/charges/{intent}/early-warning")
    created = next(event for event in reversed(sandbox.events()) if event["type"] == "charge.dispute.created")
    sandbox.post(f"/stripe/events/{created['id']}/deliver", times=1)
    arrive(sandbox, run_jobs)

    assert disputes_of(observer, link)[0] == ("NEEDS_RESPONSE", 120_50, False)
    assert books.balances["AUD"]["1210"] == 120_50


def test_case_84_a_disputed_link_stays_paid(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    dispute(sandbox, paid(link, sandbox, run_jobs))
    arrive(sandbox, run_jobs)

    with acting_as("web"):
        for act in (links.cancel, links.activate):
            with pytest.raises(IllegalStep):
                act(link.organization_id, link.id, actor=make.merchant.actor)
    assert books.status == "PAID"
