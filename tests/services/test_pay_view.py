"""What a customer sees: the face of the pay page for every state of link, card session and clock, in two statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from sqlalchemy import text

from provvypay.domain.statuses import ExceptionKind, LinkStatus, SessionState
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import checkout, pay_page, pay_view
from provvypay.services.pay_page import Came, Face, PayPage
from tests.support.database import Observer
from tests.support.factories import Make
from tests.support.statements import many_links, plan_nodes, sent_by

HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def nobody_asks_stripe_about_these_sessions(make: Make, observer: Observer) -> Iterator[None]:
    """The sandbox never made them; a janitor of another test shall not ask for them."""
    yield
    observer.sql(
        "UPDATE checkout_sessions SET next_check_at = NULL WHERE organization_id = :id",
        id=make.merchant.organization_id,
    )


def seen(link: PaymentLink, *, at: dt.datetime | None = None, cards_on: bool = True, came: Came | None = None) -> Any:
    with transaction() as session:
        return pay_view.read(session, link.short_code, now=at or now(), cards_on=cards_on, came=came)


def with_session(link: PaymentLink, provider_session_id: str) -> None:
    """Give a link an open Checkout Session, as start_checkout would."""
    with transaction(link.organization_id) as session:
        order = checkout.prepare(session, link.id, "A merchant", now=now())
        assert isinstance(order, checkout.CardOrder)
        checkout.record_session(
            session,
            order,
            provider_session_id=provider_session_id,
            url="https://checkout.example/c",
            expires_at=now() + HOUR,
            livemode=False,
            now=now(),
        )


def observed(link: PaymentLink, provider_session_id: str, **state: Any) -> None:
    """Let Stripe say how a session stands."""
    with transaction() as session:
        found = checkout.find(session, provider_session_id)
    assert found is not None
    stands = checkout.Observed(
        state=SessionState.OPEN,
        payment_status="unpaid",
        payment_intent_id=None,
        url="https://checkout.example/c",
        decline_code=None,
        fee_known=False,
    )
    with transaction(link.organization_id) as session:
        checkout.observe(session, checkout.get(session, found[1]), replace(stands, **state), now=now())


# ---------------------------------------------------------------- faces


@pytest.mark.parametrize(
    ("status", "face"),
    [
        (LinkStatus.OPEN, Face.CHOOSE),
        (LinkStatus.PAID, Face.PAID),
        (LinkStatus.EXPIRED, Face.EXPIRED),
        (LinkStatus.CANCELED, Face.CANCELED),
    ],
)
def test_each_state_has_its_face(make: Make, status: LinkStatus, face: Face) -> None:
    assert seen(make.link(status=status)).face is face


def test_a_draft_and_an_unknown_code_are_nothing(make: Make) -> None:
    assert seen(make.link(status=LinkStatus.DRAFT)) is None
    with transaction() as session:
        assert pay_view.read(session, "BBBBBBBB", now=now(), cards_on=True) is None


def test_an_open_link_past_its_end_takes_no_new_payment(make: Make) -> None:
    link = make.link(expires_at=now() + HOUR)

    assert seen(link).face is Face.CHOOSE
    assert seen(link, at=link.expires_at - dt.timedelta(microseconds=1)).face is Face.CHOOSE
    assert seen(link, at=link.expires_at).face is Face.EXPIRED


def test_cards_that_are_off_say_why(make: Make, observer: Observer) -> None:
    link = make.link()

    platform = seen(link, cards_on=False)
    observer.sql(
        "UPDATE merchant_settings SET card_enabled = false WHERE organization_id = :id", id=link.organization_id
    )
    merchant = seen(link)

    assert platform.face is merchant.face is Face.UNAVAILABLE
    assert platform.card == pay_page.Card(available=False, reason="Card payments are switched off at the moment.")
    assert merchant.card.reason == "Vale Bicycles does not take cards at the moment."


def test_a_paid_link_shows_its_receipt_also_while_cards_are_off(make: Make) -> None:
    link = make.link()
    arrived = make.incoming_payment(link)
    make.settled(link, arrived)

    page = seen(link, cards_on=False)

    assert page.face is Face.PAID
    assert page.receipt.reference == arrived.provider_reference
    assert page.receipt.method == "Card"
    assert page.receipt.paid_at == arrived.occurred_at
    assert page.receipt.number.startswith("R-")
    assert len(page.receipt.number) == 10


def test_a_second_payment_does_not_change_the_receipt(make: Make) -> None:
    link = make.link()
    make.settled(link)
    before = seen(link)
    make.settled(link)

    assert seen(link) == replace(before, held=True)


# ---------------------------------------------------------------- with a card session


def test_coming_back_waits_while_the_session_is_open_to_us(make: Make) -> None:
    link = make.link()
    with_session(link, f"cs_test_{link.short_code}")

    assert seen(link).face is Face.CHOOSE
    assert seen(link, came=Came.RETURNED).face is Face.PROCESSING


def test_coming_back_without_ever_having_gone_proves_nothing(make: Make) -> None:
    assert seen(make.link(), came=Came.RETURNED).face is Face.CHOOSE


def test_money_on_its_way_is_processing_for_everybody_and_after_the_end(make: Make) -> None:
    link = make.link(expires_at=now() + HOUR)
    with_session(link, f"cs_test_{link.short_code}")
    observed(link, f"cs_test_{link.short_code}", state=SessionState.COMPLETE, payment_intent_id=f"pi_{link.short_code}")

    assert seen(link).face is Face.PROCESSING
    assert seen(link, at=link.expires_at + HOUR).face is Face.PROCESSING
    assert seen(link, cards_on=False).face is Face.PROCESSING


def test_a_session_that_ended_leaves_the_choice(make: Make) -> None:
    link = make.link()
    with_session(link, f"cs_test_{link.short_code}")
    observed(link, f"cs_test_{link.short_code}", state=SessionState.EXPIRED, url=None)

    assert seen(link, came=Came.RETURNED).face is Face.CHOOSE


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("insufficient_funds", "By your bank: not enough funds."),
        ("expired_card", "By your bank: the card has expired."),
        ("stolen_card", "By your bank. Nothing"),
        ("lost_card", "By your bank. Nothing"),
        ("<script>", "By your bank. Nothing"),
    ],
)
def test_a_decline_is_told_while_the_session_is_open(make: Make, code: str, text: str) -> None:
    link = make.link()
    with_session(link, f"cs_test_{link.short_code}")
    observed(link, f"cs_test_{link.short_code}", decline_code=code)

    page = seen(link)

    assert page.face is Face.CHOOSE
    assert page.notice.title == "Your card was declined"
    assert page.notice.text.startswith(text)


def test_money_of_another_amount_warns_before_a_second_payment(make: Make) -> None:
    link = make.link()
    arrived = make.incoming_payment(link, amount_minor=link.amount_minor - 1)
    with_session(link, f"cs_test_{link.short_code}")
    make.settled(link, arrived)
    observed(
        link,
        f"cs_test_{link.short_code}",
        state=SessionState.COMPLETE,
        payment_status="paid",
        payment_intent_id=arrived.provider_reference,
    )

    page = seen(link)

    assert page.face is Face.CHOOSE
    assert page.notice.title == "A payment has arrived already"
    assert page.notice.text.startswith("Your money is safe")


def test_a_payment_on_its_way_that_does_not_arrive_leaves_the_choice(make: Make) -> None:
    link = make.link()
    with_session(link, f"cs_test_{link.short_code}")
    observed(
        link,
        f"cs_test_{link.short_code}",
        state=SessionState.COMPLETE,
        payment_status="failed",
        payment_intent_id=f"pi_{link.short_code}",
    )

    page = seen(link, came=Came.RETURNED)

    assert page.face is Face.CHOOSE
    assert page.notice.title == "Your payment did not arrive"
    assert "Nothing was charged" in page.notice.text


@pytest.mark.parametrize("came", [Came.CANCELED, Came.AWAY, Came.ENDED, Came.REFUSED])
def test_whoever_came_back_is_told_that_nothing_was_charged(make: Make, came: Came) -> None:
    link = make.link()

    assert "Nothing was charged" in seen(link, came=came).notice.text
    assert seen(make.link(status=LinkStatus.PAID), came=came).notice is None


def test_a_session_belongs_to_one_link(make: Make) -> None:
    link, other = make.link(), make.link()
    with_session(link, f"cs_test_{link.short_code}")

    for code, own in ((link.short_code, True), (other.short_code, False), ("BBBBBBBB", False)):
        with transaction() as session:
            assert pay_view.has_session(session, code, f"cs_test_{link.short_code}") is own


# ---------------------------------------------------------------- what it costs, and what it tells


def test_the_page_costs_two_statements_and_no_seq_scan_of_links(make: Make, observer: Observer) -> None:
    organization_id = make.merchant.organization_id
    with many_links(observer, organization_id, 20_000) as session:
        code = session.execute(text("SELECT short_code FROM payment_links WHERE status = 'OPEN' LIMIT 1")).scalar_one()
        with sent_by(session) as sent:
            page = pay_view.read(session, code, now=now(), cards_on=True)
        asked = list(sent)
        plans = [plan_nodes(session, statement, parameters) for statement, parameters in asked]

    assert page is not None
    assert page.face is Face.CHOOSE
    assert len(asked) == 2
    assert not [
        node["Relation Name"]
        for nodes in plans
        for node in nodes
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "payment_links"
    ]


def test_nothing_leaves_but_what_the_link_shows(make: Make) -> None:
    link = make.exception(ExceptionKind.DOUBLE)
    page = seen(link)

    told = repr(asdict(page))

    assert isinstance(page, PayPage)
    for secret in (
        link.id,
        link.organization_id,
        make.merchant.owner.email,
        make.merchant.owner.name,
        "txn_",
        "DOUBLE",
    ):
        assert str(secret) not in told


@pytest.mark.parametrize(
    ("name", "letters"), [("Harbour & Pine", "HP"), ("vale bicycles of Sydney", "VB"), ("Ålesund", "Å"), ("&&&", "?")]
)
def test_a_payee_has_a_monogram(name: str, letters: str) -> None:
    assert pay_view.monogram(name) == letters
