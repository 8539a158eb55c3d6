"""Cases 1 to 26 of card payments, each by its number (docs/explanation/card-payments.md lists them).

Halves about refunds, Xero and mail come with those. What is tried more widely elsewhere is tried here once, by name.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.money import AmountRefused, parse_amount
from provvypay.errors import Conflict, Gone
from provvypay.flows import create_link as links
from provvypay.flows import stripe_payment
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.expire_links import expire_links
from provvypay.flows.stripe_backfill import backfill_events
from provvypay.flows.stripe_payment import confirm, start_checkout
from provvypay.kit import failpoints
from provvypay.kit import settings as kit_settings
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import Settings
from provvypay.models.payment_link import PaymentLink
from provvypay.services import checkout, payment_links
from provvypay.services.payment_links import LinkDetails
from tests.flows.conftest import Books
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.sandbox import SandboxControl

Run = Callable[[], int]
DEBIT = {"account_number": "000123456789"}


delayed = pytest.mark.usefixtures("bank_debits")


@pytest.fixture
def bank_debits(settings: Settings) -> Iterator[None]:
    """A deployment that offers a delayed method besides cards."""
    kit_settings.use(replace(settings, stripe_payment_methods=("card", "us_bank_account")))
    yield
    kit_settings.use(settings)


def session_of(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def made_since(sandbox: SandboxControl, known: set[str]) -> dict[str, str]:
    return {event["type"]: event["id"] for event in sandbox.events() if event["id"] not in known}


def pay_held(sandbox: SandboxControl, link: PaymentLink) -> dict[str, str]:
    """Pay while webhooks are held; return the events by type."""
    known = {event["id"] for event in sandbox.events()}
    sandbox.post("/stripe/hold")
    sandbox.pay(start_checkout(link.short_code))
    sandbox.post("/stripe/fees/settle")
    return made_since(sandbox, known)


def everything_arrives(sandbox: SandboxControl, run_jobs: Run) -> None:
    sandbox.drain()
    run_jobs()


def fee(amount: int) -> int:
    """Stripe's fee in the sandbox: 2.9 % + 30, half up."""
    return (amount * 29 + 500) // 1000 + 30


def settled_books(amount: int, currency: str = "AUD") -> dict[str, dict[str, int]]:
    return {currency: {"1050": amount - fee(amount), "4000": -amount, "6100": fee(amount)}}


ONCE = {"payments": 1, "settlements": 1, "journals": 3, "payment_exceptions": 0, "checkout_sessions": 1}


# ---------------------------------------------------------------- exactly once


def test_case_01_the_same_event_twice_is_a_no_op(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    events = pay_held(sandbox, link)

    for _ in range(2):
        answer = sandbox.post(f"/stripe/events/{events['checkout.session.completed']}/deliver", times=1)
        assert [attempt["http_status"] for attempt in answer["attempts"]] == [200]
        run_jobs()

    assert books.counts == ONCE


def test_case_02_intent_and_session_both_arrive(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    events = pay_held(sandbox, link)
    sandbox.post(
        "/stripe/deliveries/send",
        event_ids=[events["payment_intent.succeeded"], events["checkout.session.completed"]],
    )
    run_jobs()

    assert books.counts == ONCE
    assert books.status == "PAID"


def test_case_03_two_workers_in_the_same_millisecond(link: PaymentLink, books: Books, sandbox: SandboxControl) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)

    def work(_number: int) -> Any:
        with acting_as("worker"):
            return confirm(session_of(url))

    results = together(2, work)

    assert sorted(result.settled.is_new for result in results) == [False, True]
    assert books.counts["settlements"] == 1


def test_case_04_our_answer_is_lost_after_the_commit(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    events = pay_held(sandbox, link)
    event = events["checkout.session.completed"]
    failpoints.arm("webhook.stored=raise*1")
    try:
        lost = sandbox.post(f"/stripe/events/{event}/deliver", times=1)["attempts"]
    finally:
        failpoints.arm("")
    again = sandbox.post(f"/stripe/events/{event}/deliver", times=1)["attempts"]
    observer.sql("UPDATE inbox SET next_attempt_at = clock_timestamp() - interval '1 minute' WHERE state = 'NEW'")
    from provvypay.flows.stripe_webhook import sweep_inbox

    sweep_inbox()
    run_jobs()

    assert [attempt["http_status"] for attempt in lost + again] == [500, 200]
    assert observer.sql("SELECT count(*) FROM inbox WHERE event_id = :id", id=event)[0][0] == 1
    assert books.status == "PAID"


@pytest.mark.parametrize(
    "order",
    list(itertools.permutations(("payment_intent.succeeded", "charge.updated", "checkout.session.completed"))),
    ids=str,
)
def test_case_05_events_in_any_order(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run, order: tuple[str, ...]
) -> None:
    events = pay_held(sandbox, link)
    sandbox.post("/stripe/deliveries/send", event_ids=[events[kind] for kind in order])
    run_jobs()

    assert books.counts == ONCE
    assert books.balances == settled_books(120_50)


def test_case_06_no_webhook_the_return_page_confirms(link: PaymentLink, books: Books, sandbox: SandboxControl) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)

    confirm(session_of(url))

    assert books.status == "PAID"


def test_case_06_no_webhook_the_missed_events_are_fetched(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    everything_arrives(sandbox, run_jobs)  # what earlier tests held back
    sandbox.fault(kind="webhook_drop", pattern="*", remaining=50)
    sandbox.pay(start_checkout(link.short_code))
    sandbox.drain()
    assert run_jobs() == 0

    assert backfill_events() >= 4
    run_jobs()

    assert books.status == "PAID"
    assert backfill_events() == 0


def test_case_07_the_customer_closes_the_tab(
    link: PaymentLink, books: Books, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    observer.sql(
        "UPDATE checkout_sessions SET next_check_at = clock_timestamp() WHERE provider_session_id = :id",
        id=session_of(url),
    )

    stripe_payment.check_sessions()

    assert books.status == "PAID"


@pytest.mark.parametrize("signature", ["wrong_secret", "stale", "missing"])
def test_case_08_a_bad_signature_stores_nothing(
    link: PaymentLink, sandbox: SandboxControl, observer: Observer, signature: str
) -> None:
    event = pay_held(sandbox, link)["checkout.session.completed"]

    attempts = sandbox.post(f"/stripe/events/{event}/deliver", times=1, signature=signature)["attempts"]

    assert [attempt["http_status"] for attempt in attempts] == [400]
    assert observer.sql("SELECT count(*) FROM inbox WHERE event_id = :id", id=event)[0][0] == 0


def test_case_08_signed_in_the_future_is_refused(
    link: PaymentLink, sandbox: SandboxControl, observer: Observer
) -> None:
    event = pay_held(sandbox, link)["checkout.session.completed"]
    sandbox.post("/clock", signature_offset_seconds=400)

    attempts = sandbox.post(f"/stripe/events/{event}/deliver", times=1)["attempts"]

    assert [attempt["http_status"] for attempt in attempts] == [400]
    assert observer.sql("SELECT count(*) FROM inbox WHERE event_id = :id", id=event)[0][0] == 0


@pytest.mark.parametrize(
    ("envelope", "note"),
    [
        ({"account": "acct_somebody_else"}, "of a connected account we do not serve"),
        ({"livemode": True}, "of the other mode"),
    ],
    ids=["case_08_another_account", "case_09_the_other_mode"],
)
def test_case_08_and_09_events_that_are_not_ours_are_kept_and_ignored(
    sandbox: SandboxControl, run_jobs: Run, observer: Observer, envelope: dict[str, Any], note: str
) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    body = {"id": f"cs_{uuid.uuid4().hex}", "object": "checkout.session"}
    sandbox.post("/stripe/events", type="checkout.session.completed", object=body, id=event_id, **envelope)
    sandbox.drain()
    run_jobs()

    assert [tuple(row) for row in observer.sql("SELECT state, note FROM inbox WHERE event_id = :id", id=event_id)] == [
        ("IGNORED", note)
    ]


def test_case_10_an_unknown_object_makes_no_error_loop(
    sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    body = {"id": f"pi_{uuid.uuid4().hex}", "object": "payment_intent"}
    sandbox.post("/stripe/events", type="payment_intent.succeeded", object=body, id=event_id)
    sandbox.drain()
    run_jobs()

    row = observer.sql("SELECT state, attempts FROM inbox WHERE event_id = :id", id=event_id)[0]
    assert tuple(row) == ("IGNORED", 1)


def test_case_11_killed_between_commit_and_ring(
    link: PaymentLink, books: Books, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    failpoints.arm("confirm.applied=raise*1")
    try:
        with pytest.raises(failpoints.FailpointReached):
            confirm(session_of(url))
    finally:
        failpoints.arm("")

    relay_outbox()

    waiting = observer.sql(
        "SELECT count(*) FROM outbox WHERE organization_id = :id AND done_at IS NULL", id=link.organization_id
    )
    assert waiting[0][0] == 0
    assert books.status == "PAID"


def test_case_12_no_journal_no_payment(link: PaymentLink, books: Books, sandbox: SandboxControl) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    failpoints.arm("settle.record=raise*1")
    try:
        with pytest.raises(failpoints.FailpointReached):
            confirm(session_of(url))
    finally:
        failpoints.arm("")
    assert (books.status, books.counts["payments"]) == ("OPEN", 0)

    confirm(session_of(url))

    assert books.status == "PAID"


def test_case_13_rates_and_queue_down_the_payment_is_confirmed(
    link: PaymentLink, books: Books, sandbox: SandboxControl, valkey: Any
) -> None:
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    valkey.stop()
    try:
        confirm(session_of(url))
    finally:
        valkey.start()

    assert books.status == "PAID"


def test_case_14_a_whole_day_again_makes_no_new_row(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    known = {event["id"] for event in sandbox.events()}
    sandbox.pay(start_checkout(link.short_code))
    everything_arrives(sandbox, run_jobs)
    before = books.counts

    for event in made_since(sandbox, known).values():
        sandbox.post(f"/stripe/events/{event}/deliver", times=2)
    run_jobs()

    assert books.counts == before == ONCE


# ---------------------------------------------------------------- amounts and states


@delayed
def test_case_15_complete_and_unpaid_stays_open_without_a_journal(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    sandbox.pay(start_checkout(link.short_code), **DEBIT)
    everything_arrives(sandbox, run_jobs)

    assert (books.status, books.counts["journals"]) == ("OPEN", 0)
    assert books.events == ["checkout.started", "payment.processing"]
    with pytest.raises(Gone, match="on its way"):
        start_checkout(link.short_code)


@delayed
def test_case_15_the_money_comes_later(link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run) -> None:
    url = start_checkout(link.short_code)
    sandbox.pay(url, **DEBIT)
    everything_arrives(sandbox, run_jobs)
    sandbox.post(f"/stripe/sessions/{session_of(url)}/settle-async", succeed=True)
    everything_arrives(sandbox, run_jobs)

    assert books.status == "PAID"
    assert books.balances == settled_books(120_50)


@delayed
def test_case_15_an_expired_deadline_waits_for_money_that_is_on_its_way(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run, observer: Observer
) -> None:
    sandbox.pay(start_checkout(link.short_code), **DEBIT)
    everything_arrives(sandbox, run_jobs)
    observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() - interval '5 seconds' WHERE id = :id", id=link.id
    )

    expire_links()

    assert books.status == "OPEN"


@delayed
def test_case_16_the_money_does_not_come_and_the_link_can_be_paid_again(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    url = start_checkout(link.short_code)
    sandbox.pay(url, **DEBIT)
    everything_arrives(sandbox, run_jobs)
    sandbox.post(f"/stripe/sessions/{session_of(url)}/settle-async", succeed=False)
    everything_arrives(sandbox, run_jobs)
    assert books.status == "OPEN"
    assert "payment.failed" in books.events

    sandbox.pay(start_checkout(link.short_code))
    everything_arrives(sandbox, run_jobs)

    assert books.status == "PAID"
    assert books.counts["checkout_sessions"] == 2


def test_case_17_a_session_over_another_amount_settles_nothing(
    link: PaymentLink, books: Books, sandbox: SandboxControl
) -> None:
    sandbox.post("/stripe/hold")
    with transaction(link.organization_id) as session:
        order = checkout.prepare(session, link.id, "Vale Bicycles", now=now())
    assert isinstance(order, checkout.CardOrder)
    made = httpx.post(
        f"{sandbox.url}/stripe/v1/checkout/sessions",
        headers={"Authorization": "Bearer sk_test_of_the_tests_0123456789"},
        data={
            "mode": "payment",
            "line_items[0][price_data][currency]": "aud",
            "line_items[0][price_data][unit_amount]": "12049",
            "line_items[0][price_data][product_data][name]": "A red bicycle",
            "line_items[0][quantity]": "1",
            "success_url": "https://shop.example/{CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/",
        },
        trust_env=False,
    ).json()
    with transaction(link.organization_id) as session:
        checkout.record_session(
            session,
            order,
            provider_session_id=made["id"],
            url=made["url"],
            expires_at=order.expires_at,
            livemode=False,
            now=now(),
        )
    sandbox.pay(made["url"])

    confirm(made["id"])

    assert books.status == "OPEN"
    assert books.exceptions == ["MISMATCH"]
    assert books.balances["AUD"]["2100"] == -120_49


def test_case_18_an_open_amount_cannot_change_and_cancelling_ends_the_session(
    link: PaymentLink, books: Books, sandbox: SandboxControl, make: Make
) -> None:
    url = start_checkout(link.short_code)
    with acting_as("web"), pytest.raises(Conflict):
        links.edit(
            link.organization_id,
            link.id,
            LinkDetails(1_00, "AUD", "x"),
            version=link.version,
            actor=make.merchant.actor,
        )
    with acting_as("web"):
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor)
    relay_outbox()

    assert sandbox.pay(url)["outcome"] == "closed"
    assert books.status == "CANCELED"


def test_case_18_stripe_says_it_is_complete_already(
    link: PaymentLink, books: Books, sandbox: SandboxControl, make: Make
) -> None:
    sandbox.post("/stripe/hold")
    sandbox.pay(start_checkout(link.short_code))
    with acting_as("web"):
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor)
    relay_outbox()

    assert (books.status, books.exceptions) == ("CANCELED", ["LATE"])


def test_case_19_five_hundred_yen_are_five_hundred(make: Make, sandbox: SandboxControl, run_jobs: Run) -> None:
    with acting_as("web"):
        link = make.link(amount_minor=500, currency="JPY")
    sandbox.pay(start_checkout(link.short_code))
    everything_arrives(sandbox, run_jobs)

    charged = [c for c in sandbox.get("/stripe/books")["charges"] if c["client_reference_id"] == link.short_code]
    assert [(c["amount"], c["currency"]) for c in charged] == [(500, "jpy")]
    assert Books(link).balances == settled_books(500, "JPY")


def test_case_19_three_decimal_currencies_are_not_offered() -> None:
    assert not {"BHD", "JOD", "KWD", "OMR", "TND"} & set(CURRENCIES)


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_case_20_less_than_stripe_takes_is_refused_at_creation(code: str) -> None:
    currency = CURRENCIES[code]
    least = f"{currency.least_minor / 10**currency.digits:.{currency.digits}f}"
    below = f"{(currency.least_minor - 1) / 10**currency.digits:.{currency.digits}f}"

    assert parse_amount(least, currency) == currency.least_minor
    with pytest.raises(AmountRefused, match="smallest amount a card can pay"):
        parse_amount(below, currency)


def test_case_21_a_long_link_gets_a_session_of_a_day_and_a_new_one_after(
    make: Make, sandbox: SandboxControl, run_jobs: Run
) -> None:
    with acting_as("web"):
        link = make.link(expires_at=now() + dt.timedelta(days=30))
    first = start_checkout(link.short_code)
    shown = next(s for s in sandbox.get("/stripe/sessions")["sessions"] if s["id"] == session_of(first))
    assert (
        dt.timedelta(hours=23) < dt.timedelta(seconds=shown["expires_at"] - shown["created"]) < dt.timedelta(hours=24)
    )

    sandbox.post(f"/stripe/sessions/{session_of(first)}/expire")
    everything_arrives(sandbox, run_jobs)
    second = start_checkout(link.short_code)

    assert second != first
    assert Books(link).events == ["checkout.started", "checkout.expired", "checkout.started"]


def test_case_22_a_short_link_ends_its_session_at_the_deadline(
    make: Make, sandbox: SandboxControl, observer: Observer
) -> None:
    with acting_as("web"):
        link = make.link(expires_at=now() + dt.timedelta(minutes=10))
    url = start_checkout(link.short_code)
    shown = next(s for s in sandbox.get("/stripe/sessions")["sessions"] if s["id"] == session_of(url))
    assert dt.timedelta(seconds=shown["expires_at"] - shown["created"]) >= dt.timedelta(minutes=30)
    observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() - interval '5 seconds' WHERE id = :id", id=link.id
    )

    expire_links()

    assert Books(link).status == "EXPIRED"
    assert sandbox.pay(url)["outcome"] == "closed"


def test_case_22_a_payment_that_slips_through_is_late(make: Make, sandbox: SandboxControl, observer: Observer) -> None:
    with acting_as("web"):
        link = make.link(expires_at=now() + dt.timedelta(minutes=10))
    sandbox.post("/stripe/hold")
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() - interval '1 hour' WHERE id = :id", id=link.id
    )

    expire_links()

    assert (Books(link).status, Books(link).exceptions) == ("EXPIRED", ["LATE"])


def test_case_23_the_fee_comes_later(link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run) -> None:
    sandbox.post("/stripe/settings", fee_delay_seconds=3600)
    sandbox.pay(start_checkout(link.short_code))
    sandbox.drain(fees=False)
    run_jobs()
    assert books.balances == {"AUD": {"1050": 120_50, "4000": -120_50}}

    sandbox.post("/stripe/fees/settle")
    everything_arrives(sandbox, run_jobs)

    assert books.balances == settled_books(120_50)


@pytest.mark.parametrize("another", [fee(120_50) + 1_25, fee(120_50) - 1_25, 0])
def test_case_23_a_fee_that_changes_later_is_adjusted_once(
    another: int, link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    url = start_checkout(link.short_code)
    sandbox.pay(url)
    everything_arrives(sandbox, run_jobs)
    charge = next(c for c in sandbox.get("/stripe/books")["charges"] if c["client_reference_id"] == link.short_code)

    sandbox.post("/stripe/fees/rename", charge=charge["charge"], fee=another)
    everything_arrives(sandbox, run_jobs)
    confirm(session_of(url))

    assert books.balances == {"AUD": {k: v for k, v in _with_fee(120_50, another).items() if v}}
    assert books.events[-2:] == ["fee.booked", "fee.adjusted"]
    assert books.counts == {**ONCE, "journals": 4}


def _with_fee(amount: int, kept: int) -> dict[str, int]:
    return {"1050": amount - kept, "4000": -amount, "6100": kept}


def test_case_24_stripe_settles_in_another_currency(make: Make, sandbox: SandboxControl, run_jobs: Run) -> None:
    sandbox.post("/stripe/settings", settlement_currencies=["aud"], exchange_rates={"usd": "1.5"})
    with acting_as("web"):
        link = make.link(amount_minor=100_00, currency="USD")
    sandbox.pay(start_checkout(link.short_code))
    everything_arrives(sandbox, run_jobs)

    charge = next(c for c in sandbox.get("/stripe/books")["charges"] if c["client_reference_id"] == link.short_code)
    assert Books(link).status == "PAID"
    assert Books(link).balances == {
        "USD": {"4000": -100_00, "1190": 100_00},
        "AUD": {"1190": -charge["settlement_amount"], "1050": charge["net"], "6100": charge["fee"]},
    }


def test_case_25_declined_then_paid_is_one_payment(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    url = start_checkout(link.short_code)
    for card in ("4000000000000002", "4000000000009995"):
        sandbox.pay(url, card=card)
        everything_arrives(sandbox, run_jobs)
    sandbox.pay(url)
    everything_arrives(sandbox, run_jobs)

    assert books.counts == ONCE
    assert books.events.count("card.declined") == 2


def test_case_26_two_tabs_share_a_session_and_pay_once(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    first, second = start_checkout(link.short_code), start_checkout(link.short_code)
    assert first == second
    outcomes = [sandbox.pay(first)["outcome"], sandbox.pay(second)["outcome"]]
    everything_arrives(sandbox, run_jobs)

    assert outcomes == ["succeeded", "closed"]
    assert books.counts == ONCE


@delayed
def test_case_26_two_sessions_paid_the_second_is_held(
    link: PaymentLink, books: Books, sandbox: SandboxControl, run_jobs: Run
) -> None:
    slow = start_checkout(link.short_code)
    sandbox.pay(slow, **DEBIT)
    everything_arrives(sandbox, run_jobs)
    # The bank's answer is read as failed by one, and money comes all the same: the link was paid again meanwhile.
    with transaction(link.organization_id) as session:
        row = checkout.get(session, checkout.find(session, session_of(slow))[1])  # type: ignore[index]
        payment_links.lock(session, link.id)
        checkout.observe(
            session, row, checkout.Observed(row.state, "failed", None, None, None, fee_known=False), now=now()
        )  # type: ignore[arg-type]
    sandbox.pay(start_checkout(link.short_code))
    everything_arrives(sandbox, run_jobs)
    assert books.status == "PAID"

    sandbox.post(f"/stripe/sessions/{session_of(slow)}/settle-async", succeed=True)
    everything_arrives(sandbox, run_jobs)

    assert books.exceptions == ["DOUBLE"]
    assert books.balances["AUD"]["2100"] == -120_50
    assert books.status == "PAID"
