"""A refund through lost answers, errors and processes that die at every step: made once, booked once, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provvypay.flows import stripe_returns
from provvypay.flows.stripe_payment import start_checkout
from provvypay.flows.stripe_returns import check_refunds
from provvypay.kit import failpoints
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services import returns
from provvypay.services.refunds import RefundWish
from tests.flows.conftest import Books
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.sandbox import SandboxControl

Run = Callable[[], int]
MAKING = {"pattern": "/v1/refunds", "method": "POST", "remaining": 3}
"""three times: the SDK itself tries again twice"""


@pytest.fixture
def paid(link: PaymentLink, sandbox: SandboxControl, run_jobs: Run) -> Iterator[PaymentLink]:
    sandbox.pay(start_checkout(link.short_code))
    sandbox.drain()
    run_jobs()
    yield link
    failpoints.arm("")


def ask(link: PaymentLink, make: Make, amount: int = 20_50) -> str:
    """Ask for a refund; what dies on the way has left its row."""
    with transaction(link.organization_id) as session:
        found = returns.of_link(session, link.organization_id, link.id)[0]
    wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor)
    try:
        with acting_as("web"):
            return stripe_returns.request_refund(
                link.organization_id, wish, actor=make.merchant.actor, may_approve=True
            ).state
    except failpoints.FailpointReached:
        return "died"


def later(observer: Observer, link: PaymentLink, **passed: int) -> None:
    """Let time pass, and the janitor do its round."""
    age = dt.timedelta(**(passed or {"minutes": 2}))
    observer.sql(
        "UPDATE refunds SET next_check_at = clock_timestamp() - interval '1 second'"
        " WHERE link_id = :id AND next_check_at IS NOT NULL",
        id=link.id,
    )
    with observer.engine.connect() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql(
            f"UPDATE refunds SET approved_at = approved_at - interval '{age.total_seconds()} seconds'"
            f" WHERE link_id = '{link.id}'"
        )
    check_refunds()


def made(sandbox: SandboxControl, link: PaymentLink, observer: Observer) -> list[int]:
    """Return the amounts of the refunds Stripe really made."""
    intent = observer.sql("SELECT provider_reference FROM payments WHERE link_id = :id", id=link.id)[0][0]
    return [row["amount"] for row in sandbox.get("/stripe/books")["refunds"] if row["payment_intent"] == intent]


def states(observer: Observer, link: PaymentLink) -> list[tuple[str, str | None]]:
    rows = observer.sql("SELECT state, failure_code FROM refunds WHERE link_id = :id ORDER BY id", id=link.id)
    return [(str(row[0]), row[1]) for row in rows]


@pytest.mark.parametrize("step", ["refund.requested", "refund.answered", "refund.applied"])
def test_a_process_dies_and_the_refund_is_made_once(
    paid: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, observer: Observer, step: str
) -> None:
    failpoints.arm(f"{step}=raise*1")

    assert ask(paid, make) == "died"

    later(observer, paid)
    assert made(sandbox, paid, observer) == [20_50]
    assert states(observer, paid) == [("SUCCEEDED", None)]
    assert books.balances["AUD"]["4090"] == 20_50


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 503},
        {"kind": "drop"},
        {"kind": "drop_after_commit"},
        {"kind": "error_after_commit", "status": 502},
        {"kind": "error_after_commit", "status": 500},
        {"kind": "rate_limit"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_an_answer_is_lost_and_the_refund_is_made_once(
    paid: PaymentLink,
    books: Books,
    make: Make,
    sandbox: SandboxControl,
    observer: Observer,
    fault: dict[str, Any],
) -> None:
    sandbox.fault(vendor="stripe", **MAKING, **fault)

    first = ask(paid, make)

    assert first in {"SUBMITTED", "SUCCEEDED"}
    for _ in range(4):
        later(observer, paid)
    assert made(sandbox, paid, observer) == [20_50]
    assert states(observer, paid) == [("SUCCEEDED", None)]
    assert books.balances["AUD"]["4090"] == 20_50


def test_a_key_stripe_has_spent_on_an_error_ends_the_refund_and_frees_its_amount(
    paid: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.fault(vendor="stripe", kind="error", status=500, stored=True, **{**MAKING, "remaining": 1})

    assert ask(paid, make) == "FAILED"

    assert made(sandbox, paid, observer) == []
    assert states(observer, paid) == [("FAILED", "processor_error")]
    assert ask(paid, make, 120_50) == "SUCCEEDED"
    assert books.exceptions == []


def test_a_refund_nobody_answered_for_a_day_is_looked_for_and_not_made_again(
    paid: PaymentLink, make: Make, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.fault(vendor="stripe", kind="drop", **MAKING)
    assert ask(paid, make) == "SUBMITTED"

    later(observer, paid, days=2)

    assert made(sandbox, paid, observer) == []
    assert states(observer, paid) == [("FAILED", "no_answer")]


def test_what_stripe_refuses_is_free_again_and_what_it_knows_is_learned(
    paid: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, observer: Observer, run_jobs: Run
) -> None:
    sandbox.post("/stripe/hold")
    intent = observer.sql("SELECT provider_reference FROM payments WHERE link_id = :id", id=paid.id)[0][0]
    sandbox.post(f"/stripe/charges/{intent}/refunds", amount=110_00)

    assert ask(paid, make) == "FAILED"

    assert states(observer, paid)[0][0] == "FAILED"
    assert [state for state, _ in states(observer, paid)] == ["FAILED", "SUCCEEDED"]
    assert books.balances["AUD"]["4090"] == 110_00
    sandbox.post("/stripe/release")
    sandbox.drain()
    run_jobs()
    assert made(sandbox, paid, observer) == [110_00]


def test_events_in_any_order_however_often_book_a_refund_once(
    paid: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, observer: Observer, run_jobs: Run
) -> None:
    sandbox.post("/stripe/hold")
    known = {event["id"] for event in sandbox.events()}
    ask(paid, make)
    sandbox.post("/stripe/refunds/settle")
    new = [event["id"] for event in sandbox.events() if event["id"] not in known]

    sandbox.post("/stripe/deliveries/send", event_ids=[*reversed(new), *new], concurrent=True)
    with acting_as("worker"):
        run_jobs()
    together(4, lambda _number: stripe_returns.sync_refunds(intent_of(observer, paid)))

    assert states(observer, paid) == [("SUCCEEDED", None)]
    assert books.balances["AUD"]["4090"] == 20_50
    sandbox.post("/stripe/release")


def intent_of(observer: Observer, link: PaymentLink) -> str:
    return str(observer.sql("SELECT provider_reference FROM payments WHERE link_id = :id", id=link.id)[0][0])


def test_ten_who_press_at_once_never_give_back_more_than_was_received(
    paid: PaymentLink, books: Books, make: Make, sandbox: SandboxControl, observer: Observer
) -> None:
    with transaction(paid.organization_id) as session:
        found = returns.of_link(session, paid.organization_id, paid.id)[0]

    def press(number: int) -> str:
        # Each saw all of it, and whoever comes too late is told; some press on with what they are told.
        seen = found.available_minor
        for _ in range(3):
            wish = RefundWish(uuid7(), found.payment_id, 13_00 + number, seen)
            try:
                with acting_as("web"):
                    return stripe_returns.request_refund(
                        paid.organization_id, wish, actor=make.merchant.actor, may_approve=True
                    ).state
            except Exception as error:  # noqa: BLE001 - judged below by what was really given back
                seen = getattr(error, "available_minor", seen)
        return "given up"

    together(10, press)

    total = sum(made(sandbox, paid, observer))
    assert 0 < total <= 120_50
    assert books.balances["AUD"]["4090"] == total
    assert {state for state, _ in states(observer, paid)} == {"SUCCEEDED"}
