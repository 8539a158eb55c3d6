"""A card payment from click to books, through the real SDK, the sandbox, signed webhooks and the queue."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Gone, NotFound
from provvypay.flows import create_link as links
from provvypay.flows import stripe_payment
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.expire_links import expire_links
from provvypay.flows.stripe_webhook import sweep_inbox
from provvypay.integrations.stripe import StripeUnavailable
from provvypay.kit import failpoints
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.balance_transaction import BalanceTransaction
from provvypay.models.exception import PaymentException
from provvypay.models.payment import CheckoutSession, Payment, PaymentAttempt, Settlement
from provvypay.models.payment_link import PaymentLink
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.sandbox import SandboxControl

FEE_OF_120_50 = 379  # 2.9 % + 30, half up
MONEY_EVENTS = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed", "charge.updated")


@pytest.fixture(autouse=True)
def as_worker(app: Any) -> Iterator[None]:
    """Flows that the queue runs act in the worker's role; the views in these tests act in the web's own threads."""
    with acting_as("worker"):
        yield


@pytest.fixture
def link(make: Make, sandbox: SandboxControl) -> PaymentLink:
    with acting_as("web"):
        return make.link(amount_minor=120_50, currency="AUD")


def session_of(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def status(link: PaymentLink) -> str:
    with transaction(link.organization_id) as session:
        found = session.execute(text("SELECT status FROM payment_links WHERE id = :id"), {"id": link.id})
        return str(found.scalar_one())


def balances(link: PaymentLink) -> dict[str, int]:
    with transaction(link.organization_id) as session:
        rows = session.execute(
            text(
                "SELECT account_code, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) AS balance"
                " FROM ledger_entries e JOIN journals j ON j.id = e.journal_id"
                " WHERE j.link_id = :id GROUP BY account_code"
            ),
            {"id": link.id},
        )
        return {row.account_code: int(row.balance) for row in rows if row.balance}


def happened(link: PaymentLink) -> list[str]:
    with transaction(link.organization_id) as session:
        return list(
            session.scalars(text("SELECT kind FROM payment_events WHERE link_id = :id ORDER BY id"), {"id": link.id})
        )


PAID_BOOKS = {"1050": 120_50 - FEE_OF_120_50, "4000": -120_50, "6100": FEE_OF_120_50}


def test_the_story_link_card_webhook_paid_booked_fee(
    link: PaymentLink, sandbox: SandboxControl, run_jobs: Callable[[], int], rows: Callable[..., tuple[int, ...]]
) -> None:
    url = stripe_payment.start_checkout(link.short_code)
    sandbox.pay(url)
    sandbox.drain()
    run_jobs()

    assert status(link) == "PAID"
    assert balances(link) == PAID_BOOKS
    assert rows(Payment, Settlement, PaymentException) == (1, 1, 0)
    assert happened(link) == ["checkout.started", "payment.settled", "fee.booked"]


@pytest.mark.parametrize("order", list(itertools.permutations(MONEY_EVENTS)), ids=str)
def test_events_in_every_order_ten_at_once_settle_once(
    link: PaymentLink,
    sandbox: SandboxControl,
    run_jobs: Callable[[], int],
    rows: Callable[..., tuple[int, ...]],
    order: tuple[str, ...],
) -> None:
    sandbox.post("/stripe/hold")
    known = {event["id"] for event in sandbox.events()}
    sandbox.pay(stripe_payment.start_checkout(link.short_code))
    sandbox.post("/stripe/fees/settle")
    made = {event["type"]: event["id"] for event in sandbox.events() if event["id"] not in known}

    for kind in order:
        sandbox.post(f"/stripe/events/{made[kind]}/deliver", times=10, concurrent=True)
        run_jobs()

    assert status(link) == "PAID"
    assert balances(link) == PAID_BOOKS
    assert rows(Payment, Settlement, PaymentException) == (1, 1, 0)


def test_ten_who_learn_of_the_payment_at_once_settle_once(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    sandbox.post("/stripe/hold")
    url = stripe_payment.start_checkout(link.short_code)
    sandbox.pay(url)

    def confirm(_number: int) -> Any:
        with acting_as("worker"):
            return stripe_payment.confirm(session_of(url))

    results = together(10, confirm)

    assert sorted(result.settled.is_new for result in results) == [False] * 9 + [True]
    assert rows(Payment, Settlement, PaymentException) == (1, 1, 0)


def test_a_lost_webhook_is_found_by_the_janitor(link: PaymentLink, sandbox: SandboxControl, observer: Observer) -> None:
    sandbox.post("/stripe/hold")
    url = stripe_payment.start_checkout(link.short_code)
    sandbox.pay(url)

    observer.sql(
        "UPDATE checkout_sessions SET next_check_at = clock_timestamp() WHERE provider_session_id = :id",
        id=session_of(url),
    )
    stripe_payment.check_sessions()

    assert status(link) == "PAID"


def test_two_clicks_share_one_session(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    def click(_number: int) -> str:
        with acting_as("web"):
            return stripe_payment.start_checkout(link.short_code)

    urls = together(6, click)

    assert len(set(urls)) == 1, urls
    assert rows(CheckoutSession) == (1,)


def test_an_answer_lost_after_the_session_was_made_makes_no_second_one(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    before = len(sandbox.get("/stripe/sessions")["sessions"])
    sandbox.fault(kind="drop_after_commit", pattern="/v1/checkout/sessions*", method="POST", remaining=1)

    stripe_payment.start_checkout(link.short_code)

    assert len(sandbox.get("/stripe/sessions")["sessions"]) == before + 1
    assert rows(CheckoutSession) == (1,)


def test_a_process_that_died_with_the_answer_leaves_an_attempt_the_next_click_takes_up(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    before = len(sandbox.get("/stripe/sessions")["sessions"])
    failpoints.arm("checkout.created=raise*1")
    try:
        with pytest.raises(failpoints.FailpointReached):
            stripe_payment.start_checkout(link.short_code)
        assert rows(PaymentAttempt, CheckoutSession) == (1, 0)

        stripe_payment.start_checkout(link.short_code)
    finally:
        failpoints.arm("")

    assert len(sandbox.get("/stripe/sessions")["sessions"]) == before + 1
    assert rows(PaymentAttempt, CheckoutSession) == (1, 1)


def test_an_attempt_nobody_clicks_again_is_taken_up_by_the_janitor(
    link: PaymentLink, sandbox: SandboxControl, observer: Observer, rows: Callable[..., tuple[int, ...]]
) -> None:
    sandbox.fault(kind="drop", pattern="/v1/checkout/sessions*", method="POST", remaining=9)
    with pytest.raises(StripeUnavailable):
        stripe_payment.start_checkout(link.short_code)
    sandbox.calm()

    observer.sql("ALTER TABLE payment_attempts DISABLE TRIGGER frozen")
    observer.sql(
        "UPDATE payment_attempts SET created_at = created_at - interval '2 minutes' WHERE link_id = :id", id=link.id
    )
    observer.sql("ALTER TABLE payment_attempts ENABLE TRIGGER frozen")
    stripe_payment.check_sessions()

    assert rows(PaymentAttempt, CheckoutSession) == (1, 1)


def test_a_failure_stripe_keeps_under_its_key_does_not_block_the_next_click(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    sandbox.fault(kind="error", pattern="/v1/checkout/sessions*", method="POST", stored=True, remaining=1)
    with pytest.raises(StripeUnavailable):
        stripe_payment.start_checkout(link.short_code)

    stripe_payment.start_checkout(link.short_code)

    assert rows(PaymentAttempt, CheckoutSession) == (2, 1)


def test_a_declined_card_leaves_the_session_open_and_a_second_try_pays(
    link: PaymentLink, sandbox: SandboxControl, run_jobs: Callable[[], int]
) -> None:
    url = stripe_payment.start_checkout(link.short_code)
    sandbox.pay(url, card="4000000000009995")
    sandbox.drain()
    run_jobs()
    assert status(link) == "OPEN"

    sandbox.pay(url)
    sandbox.drain()
    run_jobs()

    assert status(link) == "PAID"
    assert happened(link) == ["checkout.started", "card.declined", "payment.settled", "fee.booked"]


def test_cancelling_ends_the_session_at_stripe(link: PaymentLink, sandbox: SandboxControl, make: Make) -> None:
    url = stripe_payment.start_checkout(link.short_code)
    with acting_as("web"):
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    relay_outbox()

    assert sandbox.pay(url)["outcome"] == "closed"
    with pytest.raises(Gone):
        stripe_payment.start_checkout(link.short_code)


def test_money_that_was_faster_than_the_cancellation_is_held(
    link: PaymentLink, sandbox: SandboxControl, make: Make, rows: Callable[..., tuple[int, ...]]
) -> None:
    sandbox.post("/stripe/hold")
    sandbox.pay(stripe_payment.start_checkout(link.short_code))
    with acting_as("web"):
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    relay_outbox()

    assert status(link) == "CANCELED"
    assert rows(Payment, Settlement, PaymentException) == (1, 0, 1)
    assert balances(link)["2100"] == -120_50


def overdue(link: PaymentLink, observer: Observer, *, ago: dt.timedelta = dt.timedelta(seconds=5)) -> None:
    """Let the link's deadline have passed; nothing else can make the clock run."""
    observer.sql("UPDATE payment_links SET expires_at = :at WHERE id = :id", at=now() - ago, id=link.id)


def test_a_link_expires_and_its_session_with_it(link: PaymentLink, sandbox: SandboxControl, observer: Observer) -> None:
    url = stripe_payment.start_checkout(link.short_code)
    overdue(link, observer)

    expire_links()

    assert status(link) == "EXPIRED"
    assert sandbox.pay(url)["outcome"] == "closed"


def test_a_payment_nobody_told_us_of_beats_the_expiry(
    link: PaymentLink, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.post("/stripe/hold")
    sandbox.pay(stripe_payment.start_checkout(link.short_code))
    overdue(link, observer, ago=dt.timedelta(0))
    observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() + interval '1 second' WHERE id = :id", id=link.id
    )
    observer.sql("SELECT pg_sleep(2.2)")

    expire_links()

    assert status(link) == "PAID"


def test_nothing_expires_while_stripe_does_not_answer(
    link: PaymentLink, sandbox: SandboxControl, observer: Observer
) -> None:
    stripe_payment.start_checkout(link.short_code)
    overdue(link, observer)
    sandbox.fault(kind="error", pattern="/v1/checkout/sessions*", remaining=20)

    expire_links()
    assert status(link) == "OPEN"

    sandbox.calm()
    expire_links()
    assert status(link) == "EXPIRED"


def test_without_redis_the_sweep_does_the_work(
    link: PaymentLink, sandbox: SandboxControl, valkey: Any, observer: Observer
) -> None:
    url = stripe_payment.start_checkout(link.short_code)
    valkey.stop()
    try:
        sandbox.pay(url)
        sandbox.drain()
        observer.sql("UPDATE inbox SET next_attempt_at = clock_timestamp() - interval '1 minute' WHERE state = 'NEW'")
        sweep_inbox()
        assert status(link) == "PAID"
    finally:
        valkey.start()


def test_a_flushed_redis_only_delays(
    link: PaymentLink, sandbox: SandboxControl, run_jobs: Callable[[], int], observer: Observer
) -> None:
    from provvypay.kit import cache

    sandbox.pay(stripe_payment.start_checkout(link.short_code))
    sandbox.drain()
    cache.connection().flushall()
    assert run_jobs() == 0

    observer.sql("UPDATE inbox SET next_attempt_at = clock_timestamp() - interval '1 minute' WHERE state = 'NEW'")
    sweep_inbox()
    run_jobs()

    assert status(link) == "PAID"


def test_an_event_about_nothing_of_ours_is_kept_and_ignored(
    sandbox: SandboxControl, run_jobs: Callable[[], int], observer: Observer
) -> None:
    known = f"cs_test_{uuid.uuid4().hex}"
    sandbox.post(
        "/stripe/events", type="checkout.session.completed", object={"id": known, "object": "checkout.session"}
    )
    sandbox.post("/stripe/events", type="customer.created", object={"id": "cus_1", "object": "customer"})
    sandbox.drain()
    run_jobs()

    states = observer.sql(
        "SELECT DISTINCT state FROM inbox WHERE payload->'data'->'object'->>'id' IN (:known, 'cus_1')", known=known
    )
    assert [row.state for row in states] == ["IGNORED"]


@pytest.mark.parametrize("status_", [LinkStatus.DRAFT, LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_only_an_open_link_can_be_paid(make: Make, sandbox: SandboxControl, status_: LinkStatus) -> None:
    with acting_as("web"):
        link = make.link(status=status_)

    with pytest.raises(Gone):
        stripe_payment.start_checkout(link.short_code)


def test_an_unknown_code_is_not_found(sandbox: SandboxControl) -> None:
    with pytest.raises(NotFound):
        stripe_payment.start_checkout("23456789")


def test_a_fee_reported_ten_times_is_booked_once(
    link: PaymentLink, sandbox: SandboxControl, rows: Callable[..., tuple[int, ...]]
) -> None:
    sandbox.post("/stripe/hold")
    url = stripe_payment.start_checkout(link.short_code)
    sandbox.pay(url)
    sandbox.post("/stripe/fees/settle")

    for _ in range(10):
        stripe_payment.confirm(session_of(url))

    assert balances(link) == PAID_BOOKS
    assert rows(BalanceTransaction) == (1,)


def test_yen_are_charged_as_yen(make: Make, sandbox: SandboxControl, run_jobs: Callable[[], int]) -> None:
    with acting_as("web"):
        link = make.link(amount_minor=500, currency="JPY")
    sandbox.pay(stripe_payment.start_checkout(link.short_code))
    sandbox.drain()
    run_jobs()

    assert balances(link)["4000"] == -500
