"""Links that change while customers pay, are archived, canceled together, or run out by the hundred."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Invalid, Unavailable
from provvypay.flows import create_link as links
from provvypay.flows import deliver, expire_links
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.stripe_payment import start_checkout
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import checkout, link_contacts, link_expiry, payment_links
from provvypay.services.link_contacts import Contact
from provvypay.services.payment_links import LinkDetails
from provvypay.services.state_machine import IllegalStep
from tests.flows.conftest import Books
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make, Merchant
from tests.support.sandbox import SandboxControl

DAY = dt.timedelta(days=1)


def changed(make: Make, link: PaymentLink, **said: object) -> PaymentLink:
    """Save a link as a member would, with some of it said anew."""
    link = make.reload(link)
    kept = {"description": link.description, "reference": link.reference, "expires_at": link.expires_at}
    details = LinkDetails(link.amount_minor, link.currency, **(kept | said))  # type: ignore[arg-type]
    with acting_as("web"):
        return links.edit(link.organization_id, link.id, details, version=link.version, actor=make.merchant.actor)


def messages(observer: Observer, merchant: Merchant, topic: str) -> list[tuple[bool, str]]:
    rows = observer.sql(
        "SELECT done_at IS NOT NULL AS done, last_error FROM outbox WHERE organization_id = :id AND topic = :topic",
        id=merchant.organization_id,
        topic=topic,
    )
    return [(row.done, row.last_error) for row in rows]


# ---------------------------------------------------------------- open links


@pytest.mark.parametrize("said", [{"description": "A blue bicycle"}, {"expires_at": now() + 3 * DAY}])
def test_what_the_card_page_carries_ends_it_and_the_next_click_makes_another(
    make: Make, link: PaymentLink, sandbox: SandboxControl, said: dict[str, object]
) -> None:
    before = start_checkout(link.short_code)

    changed(make, link, **said)
    relay_outbox()

    assert sandbox.pay(before)["outcome"] == "closed"
    after = start_checkout(link.short_code)
    assert after != before
    assert sandbox.pay(after)["outcome"] == "succeeded"


def test_what_it_does_not_carry_leaves_the_card_page_alone(
    make: Make, link: PaymentLink, sandbox: SandboxControl, observer: Observer
) -> None:
    before = start_checkout(link.short_code)

    changed(
        make, link, reference="INV-9", contact=Contact("Ada", ""), return_url="https://shop.example/",
        own_data={"order": "7"},
    )  # fmt: skip
    relay_outbox()

    assert messages(observer, make.merchant, "link.changed") == []
    assert start_checkout(link.short_code) == before


def test_a_customer_who_was_faster_has_paid(
    make: Make, link: PaymentLink, books: Books, sandbox: SandboxControl
) -> None:
    url = start_checkout(link.short_code)
    changed(make, link, description="A blue bicycle")
    sandbox.pay(url)

    relay_outbox()

    assert books.status == "PAID"
    assert books.counts["settlements"] == 1


def test_a_card_page_in_the_making_is_ended_when_it_is_there(
    make: Make, link: PaymentLink, sandbox: SandboxControl, observer: Observer
) -> None:
    with transaction(link.organization_id) as session:
        order = checkout.prepare(session, link.id, "Vale", now=now())
    assert isinstance(order, checkout.CardOrder)

    changed(make, link, description="A blue bicycle")
    relay_outbox()

    ((done, error),) = messages(observer, make.merchant, "link.changed")
    assert not done
    assert error.startswith(Unavailable.__name__)
    url = start_checkout(link.short_code)
    observer.sql("UPDATE outbox SET available_at = now() WHERE organization_id = :id", id=link.organization_id)
    relay_outbox()
    assert messages(observer, make.merchant, "link.changed")[0][0]
    assert sandbox.pay(url)["outcome"] == "closed"


def test_every_topic_is_delivered_again_without_harm(make: Make, link: PaymentLink, observer: Observer) -> None:
    changed(make, link, description="A blue bicycle")
    relay_outbox()

    message = observer.sql(
        "SELECT id, organization_id, topic, payload, lease_token, attempts FROM outbox"
        " WHERE organization_id = :id AND topic = 'link.changed'",
        id=link.organization_id,
    )[0]
    deliver._TOPICS[message.topic](message)  # type: ignore[arg-type]


def test_of_two_who_save_at_once_one_is_told(make: Make, link: PaymentLink) -> None:
    details = LinkDetails(link.amount_minor, link.currency, "A blue bicycle")

    def save(_number: int) -> None:
        with acting_as("web"):
            links.edit(link.organization_id, link.id, details, version=link.version, actor=make.merchant.actor)

    results = together(6, save)

    assert [type(one) for one in results].count(Conflict) == 5
    assert make.reload(link).version == link.version + 1


@pytest.mark.parametrize(
    ("amount", "currency", "methods"), [(1, "AUD", ("CARD",)), (120_50, "NZD", ("CARD",)), (120_50, "AUD", ("HBAR",))]
)
def test_the_money_of_an_open_link_never_changes(
    make: Make, link: PaymentLink, amount: int, currency: str, methods: tuple[str, ...]
) -> None:
    details = LinkDetails(amount, currency, "x", methods=methods)

    with acting_as("web"), pytest.raises(Conflict):
        links.edit(link.organization_id, link.id, details, version=link.version, actor=make.merchant.actor)

    assert make.reload(link).description == link.description


def test_an_end_that_is_near_may_stay_but_not_be_chosen(make: Make, observer: Observer) -> None:
    with acting_as("web"):
        link = make.link(expires_at=now() + DAY)
    near = now() + dt.timedelta(minutes=2)
    observer.sql("UPDATE payment_links SET expires_at = :at WHERE id = :id", at=near, id=link.id)

    assert changed(make, link, description="A blue bicycle").expires_at == near
    with pytest.raises(Invalid):
        changed(make, link, expires_at=near + dt.timedelta(seconds=30))


@pytest.mark.parametrize("status", [LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_what_has_ended_stays_as_it_is(make: Make, status: LinkStatus) -> None:
    with acting_as("web"):
        link = make.link(status=status)

    with pytest.raises(Conflict):
        changed(make, link, description="A blue bicycle")


def test_a_customer_is_written_down_replaced_and_erased(make: Make, link: PaymentLink) -> None:
    def contact() -> Contact:
        with transaction(link.organization_id) as session:
            return link_contacts.of_link(session, link.id)

    changed(make, link, contact=Contact("Ada Byron", "ada@byron.example"))
    first = contact()
    changed(make, link, contact=Contact("", "tom@byron.example"))
    second = contact()
    changed(make, link, contact=link_contacts.NOBODY)

    assert (first, second, contact()) == (
        Contact("Ada Byron", "ada@byron.example"), Contact("", "tom@byron.example"), link_contacts.NOBODY,
    )  # fmt: skip


# ---------------------------------------------------------------- the archive, and many at once


def test_archiving_twice_is_archiving_once_and_a_link_comes_back(make: Make) -> None:
    with acting_as("web"):
        link = make.link(status=LinkStatus.CANCELED)
        org, actor = link.organization_id, make.merchant.actor
        first = links.archive(org, link.id, actor=actor)
        again = links.archive(org, link.id, actor=actor)
        back = links.unarchive(org, link.id, actor=actor)

    assert first.archived_at is not None
    assert (again.archived_at, again.version) == (first.archived_at, first.version)
    assert (back.archived_at, back.status) == (None, "CANCELED")


def test_money_for_an_archived_link_is_an_exception_like_any_other(make: Make) -> None:
    with acting_as("web"):
        link = make.link(status=LinkStatus.CANCELED)
        links.archive(link.organization_id, link.id, actor=make.merchant.actor)

    make.settled(link)

    assert Books(link).exceptions == ["LATE"]
    assert make.reload(link).archived_at is not None


def test_links_are_canceled_together_and_those_that_cannot_be_say_why(make: Make) -> None:
    with acting_as("web"):
        draft, open_one, paid = (make.link(status=one) for one in (LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID))
        foreign = make.link(merchant=make.organization())
        ids = [draft.id, open_one.id, paid.id, foreign.id, uuid.uuid4(), open_one.id]

        result = links.cancel_many(make.merchant.organization_id, ids, actor=make.merchant.actor)

    assert result.done == [draft.id, open_one.id]
    assert [(one.link_id, one.short_code) for one in result.not_possible] == [(paid.id, paid.short_code)]
    assert "paid" in result.not_possible[0].sentence.lower()
    assert result.unknown == 2
    assert make.reload(foreign).status == "OPEN"


def test_more_than_a_hundred_at_once_is_refused(make: Make) -> None:
    with acting_as("web"), pytest.raises(ValueError, match="101"):
        links.cancel_many(make.merchant.organization_id, [uuid.uuid4()] * 101, actor=make.merchant.actor)


def test_two_who_cancel_the_same_links_cancel_each_once(make: Make) -> None:
    with acting_as("web"):
        ids = [make.link().id for _ in range(6)]

    def work(_number: int) -> links.CanceledTogether:
        with acting_as("web"):
            return links.cancel_many(make.merchant.organization_id, ids, actor=make.merchant.actor)

    results = together(3, work)

    assert sorted(one for result in results for one in result.done) == sorted(ids)


def test_a_cancellation_of_what_was_changed_since_is_refused(make: Make, link: PaymentLink) -> None:
    changed(make, link, description="A blue bicycle")

    with acting_as("web"), pytest.raises(Conflict) as refused:
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor, version=link.version)

    assert not isinstance(refused.value, IllegalStep)
    assert make.reload(link).status == "OPEN"


# ---------------------------------------------------------------- the sweep


def overdue(make: Make, observer: Observer, count: int) -> list[PaymentLink]:
    """Make links whose end has just passed, the first one's first."""
    with acting_as("web"):
        made = [make.link(expires_at=now() + DAY) for _ in range(count)]
    for number, link in enumerate(made):
        at = now() - dt.timedelta(minutes=count - number)
        observer.sql("UPDATE payment_links SET expires_at = :at WHERE id = :id", at=at, id=link.id)
    return made


def test_the_sweep_goes_on_batch_by_batch_until_its_measure_is_full(make: Make, observer: Observer) -> None:
    expire_links.expire_links()
    made = overdue(make, observer, 7)

    first = expire_links.expire_links(batch=2, most=5)
    status_then = [make.reload(link).status for link in made]
    second = expire_links.expire_links(batch=2, most=5)

    assert (first, second) == (5, 2)
    assert status_then == ["EXPIRED"] * 5 + ["OPEN"] * 2
    assert {make.reload(link).status for link in made} == {"EXPIRED"}


def test_links_that_wait_for_a_card_payment_hold_up_nobody(
    make: Make, observer: Observer, sandbox: SandboxControl
) -> None:
    expire_links.expire_links()
    made = overdue(make, observer, 5)
    for link in made[:3]:
        observer.sql("UPDATE payment_links SET expires_at = now() + interval '1 hour' WHERE id = :id", id=link.id)
        start_checkout(link.short_code)
        observer.sql("UPDATE payment_links SET expires_at = now() - interval '1 hour' WHERE id = :id", id=link.id)
    sandbox.fault(vendor="stripe", kind="error", status=503)

    expired = expire_links.expire_links(batch=2)

    assert expired >= 2
    assert [make.reload(link).status for link in made] == ["OPEN"] * 3 + ["EXPIRED"] * 2


def test_a_link_somebody_holds_locked_is_left_for_the_next_run(make: Make, observer: Observer) -> None:
    expire_links.expire_links()
    held, free = overdue(make, observer, 2)

    with transaction(held.organization_id) as session:
        payment_links.lock(session, held.id)
        in_another = together(1, lambda _number: _due())[0]

    assert held.id not in in_another
    assert free.id in in_another
    assert expire_links.expire_links() >= 2


def _due() -> list[uuid.UUID]:
    with acting_as("worker"), transaction() as session:
        return [link.link_id for link in link_expiry.due_expiries(session, most=1000)]


def test_one_run_delivers_more_than_one_batch(make: Make, observer: Observer) -> None:
    with acting_as("web"):
        ours = [make.link() for _ in range(deliver.BATCH + 3)]
        for link in ours:
            links.cancel(make.merchant.organization_id, link.id, actor=make.merchant.actor)

    relay_outbox()

    assert messages(observer, make.merchant, "link.closed") == [(True, "")] * len(ours)
