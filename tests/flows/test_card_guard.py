"""Card testing (RAT-06): after many declined cards a link takes none for a while, its merchant is told once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import time_machine

from provvypay.flows import card_guard, deliver, stripe_payment
from provvypay.flows.card_guard import CARD_DECLINES, CardsPaused
from provvypay.kit import limiter
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment import CheckoutSession
from provvypay.models.payment_link import PaymentLink
from provvypay.services import card_guard as guard
from provvypay.services import link_story, notifications, pay_page, pay_view, timeline
from tests.flows.conftest import Books
from tests.support.factories import Make
from tests.support.sandbox import SandboxControl

DECLINED = "4000000000000002"


@pytest.fixture(autouse=True)
def what_was_rung_is_done(sandbox: SandboxControl, run_jobs: Callable[[], int]) -> Iterator[None]:
    """Leave no event waiting: the sweeps of other tests take only so many at once."""
    yield
    sandbox.drain(fees=False)
    run_jobs()


def decline(link: PaymentLink, sandbox: SandboxControl, times: int) -> str:
    """Let so many cards be declined on the link's card page; return its address."""
    url = stripe_payment.start_checkout(link.short_code)
    for _ in range(times):
        sandbox.pay(url, card=DECLINED)
        stripe_payment.confirm(url.rsplit("/", 1)[-1])
    return url


def seen(link: PaymentLink) -> pay_page.PayPage:
    with transaction() as session:
        page = pay_view.read(session, link.short_code, now=now(), cards_on=True)
    assert page is not None
    return page


def told(make: Make, link: PaymentLink) -> list[notifications.Told]:
    with transaction(link.organization_id) as session:
        return notifications.newest(session, link.organization_id, make.merchant.owner.id)


def test_fewer_declined_cards_pause_nothing(link: PaymentLink, sandbox: SandboxControl, books: Books) -> None:
    url = decline(link, sandbox, guard.MOST_DECLINES - 1)

    assert "card.paused" not in books.events
    assert seen(link).face is pay_page.Face.CHOOSE
    assert stripe_payment.start_checkout(link.short_code) == url


def test_many_declined_cards_pause_the_links_cards_and_end_its_session(
    link: PaymentLink, sandbox: SandboxControl, books: Books
) -> None:
    url = decline(link, sandbox, guard.MOST_DECLINES)
    while deliver.relay_outbox():
        pass

    assert books.events.count("card.declined") == guard.MOST_DECLINES
    assert books.events.count("card.paused") == 1
    page = seen(link)
    assert page.face is pay_page.Face.UNAVAILABLE
    assert page.card.paused_until is not None
    with pytest.raises(CardsPaused) as refused:
        stripe_payment.start_checkout(link.short_code)
    assert 1700 < refused.value.retry_after <= guard.PAUSE.total_seconds()
    with transaction(link.organization_id) as session:
        state = session.query(CheckoutSession.state).where(CheckoutSession.link_id == link.id).scalar()
    assert state == "EXPIRED"
    assert url


def test_the_merchant_is_told_once_and_finds_it_in_the_timeline(
    make: Make, link: PaymentLink, sandbox: SandboxControl, run_jobs: Callable[[], int]
) -> None:
    decline(link, sandbox, guard.MOST_DECLINES + 2)
    sandbox.drain(fees=False)
    run_jobs()

    (one,) = [one for one in told(make, link) if one.kind == "card.paused"]
    assert (one.link_id, one.data["declines"], one.data["description"]) == (link.id, 8, link.description)
    with transaction(link.organization_id) as session:
        steps = [step.what for step in link_story.steps(session, link.organization_id, link.id, "OPEN")]
    assert steps.count("Card payments paused") == 1


def test_after_the_pause_cards_are_taken_and_old_declines_do_not_count_again(
    link: PaymentLink, sandbox: SandboxControl, books: Books
) -> None:
    decline(link, sandbox, guard.MOST_DECLINES)
    while deliver.relay_outbox():
        pass

    with time_machine.travel(now() + guard.PAUSE + dt.timedelta(seconds=1)):
        assert seen(link).face is pay_page.Face.CHOOSE
        with transaction(link.organization_id) as session:
            row = session.query(CheckoutSession).where(CheckoutSession.link_id == link.id).one()
            timeline.add(
                session, link.organization_id, link.id, "card.declined", dedupe="later", occurred_at=now(), reason="x"
            )
            assert not guard.consider(session, link.organization_id, link.id, cause_id=row.id, now=now())


def test_declines_that_lie_apart_pause_nothing(link: PaymentLink) -> None:
    with transaction(link.organization_id) as session:
        for number in range(20):
            at = now() - number * (guard.WINDOW / (guard.MOST_DECLINES - 1)) - dt.timedelta(seconds=1)
            timeline.add(
                session, link.organization_id, link.id, "card.declined", dedupe=str(number), occurred_at=at, reason="x"
            )

        assert not guard.consider(session, link.organization_id, link.id, cause_id=link.id, now=now())


def test_a_declined_card_counts_against_the_network_that_went_to_pay(
    link: PaymentLink, sandbox: SandboxControl
) -> None:
    visitor = limiter.subject_of("a network of this test", str(link.id))
    url = stripe_payment.start_checkout(link.short_code, visitor=visitor)
    for _ in range(3):
        sandbox.pay(url, card=DECLINED)
        stripe_payment.confirm(url.rsplit("/", 1)[-1])
        stripe_payment.confirm(url.rsplit("/", 1)[-1])

    assert limiter.ask(limiter.Ask(CARD_DECLINES, visitor, cost=0))[0].left == CARD_DECLINES.most - 3


def test_a_network_with_too_many_declined_cards_waits_half_an_hour(link: PaymentLink) -> None:
    visitor = limiter.subject_of("another network of this test", str(link.id))
    card_guard.went_to_pay(link.id, visitor)
    for _ in range(CARD_DECLINES.most + 1):
        card_guard.was_declined(link.id)

    assert 1790 < limiter.ask(limiter.Ask(CARD_DECLINES, visitor, cost=0))[0].wait_seconds <= 1800
