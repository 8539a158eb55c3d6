"""The merchant reads links: the list page by page, one link with what paid it, its timeline and its rates."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from provvypay.domain.rates import Rate, RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.errors import NotFound
from provvypay.flows import create_link
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import fees, keyset, link_list, link_search, link_story, link_views, payment_links, timeline
from provvypay.services.fx import reads as fx_reads
from provvypay.services.payment_links import LinkDetails
from provvypay.services.settlement import settle
from tests.support.database import Observer, acting_as
from tests.support.factories import Make, Merchant
from tests.support.statements import many_links, plan_nodes, sent_by

STATUSES = list(link_list.STATUSES)
FILTER: dict[str, Any] = {"status": None, "query": "", "sort": "newest"}


def page_of(session: Session, organization_id: uuid.UUID, **asked: Any) -> keyset.Page[link_list.LinkRow]:
    chosen = link_list.Filter(*(asked.pop(name, default) for name, default in FILTER.items()))
    return link_list.page(session, organization_id, chosen, **asked)


def listed(merchant: Merchant, **asked: Any) -> list[str]:
    with transaction(merchant.organization_id) as session:
        return [row.description for row in page_of(session, merchant.organization_id, **asked).rows]


def view(link: PaymentLink, *, may_manage: bool = True) -> link_views.LinkView:
    with transaction(link.organization_id) as session:
        return link_views.one(
            session, link.organization_id, link.id, public_base_url="https://pay.example", may_manage=may_manage
        )


def story(link: PaymentLink) -> list[link_story.TimelineStep]:
    with transaction(link.organization_id) as session:
        return link_story.steps(session, link.organization_id, link.id, link.status)


def named_fee(make: Make, link: PaymentLink, reference: str, *, currency: str = "AUD", amount: int = 120_50) -> None:
    fact = fees.ChargeSettled(f"txn_{uuid.uuid4().hex}", amount, 2_35, currency, None, now(), now())
    with acting_as("worker"), transaction(link.organization_id) as session:
        assert fees.record(session, "STRIPE", reference, fact)


# ---------------------------------------------------------------- the list


def test_every_link_is_on_one_page_and_the_way_back_is_the_way_there(make: Make) -> None:
    names = [f"Bell {number}" for number in range(11)]
    for name in names:
        make.link(description=name)
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        there = [page_of(session, organization_id, size=4)]
        while there[-1].older:
            cursor = keyset.decode(there[-1].older)
            there.append(page_of(session, organization_id, size=4, cursor=cursor))
        back = [there[-1]]
        while back[-1].newer:
            cursor = keyset.decode(back[-1].newer)
            back.append(page_of(session, organization_id, size=4, cursor=cursor))

    assert [row.description for page in there for row in page.rows] == names[::-1]
    assert [len(page.rows) for page in there] == [4, 4, 3]
    assert back[::-1] == there


def test_a_new_link_does_not_move_the_page_somebody_reads(make: Make) -> None:
    for number in range(6):
        make.link(description=f"Bell {number}")
    organization_id = make.merchant.organization_id
    with transaction(organization_id) as session:
        first = page_of(session, organization_id, size=3)
    make.link(description="Bell, new")

    assert listed(make.merchant, size=3, cursor=keyset.decode(first.older)) == ["Bell 2", "Bell 1", "Bell 0"]


def test_a_cursor_beyond_the_end_shows_the_first_page(make: Make) -> None:
    make.link(description="Bell")
    beyond = keyset.Cursor(dt.datetime(2001, 1, 1, tzinfo=dt.UTC), uuid.uuid4())

    assert listed(make.merchant, cursor=beyond) == ["Bell"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_shows_its_links_alone(make: Make, status: LinkStatus) -> None:
    for other in STATUSES:
        make.link(status=other, description=f"Saddle {other}")

    assert listed(make.merchant, status=status) == [f"Saddle {status}"]


def test_facts_stand_beside_the_state(make: Make) -> None:
    twice = make.exception(ExceptionKind.DOUBLE)
    plain = make.link()
    with transaction(make.merchant.organization_id) as session:
        rows = {row.id: row for row in page_of(session, make.merchant.organization_id).rows}

    assert rows[twice.id].facts == ("DOUBLE",)
    assert rows[plain.id].facts == ()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("lamp", ["Lamp, 100% brass", "lamp_post"]),
        ("100%", ["Lamp, 100% brass"]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("brass lamp", ["Lamp, 100% brass"]),
        ("slash", ["Back\\slash"]),
        ("amp", []),
        ("inv-7", ["Lamp, 100% brass"]),
        ("  LAMP   post ", ["lamp_post"]),
        ("' OR 1=1--", []),
        ("{0.__class__}", []),
        ("(a+)+$" * 20, []),
        ("-", []),
    ],
)
def test_a_search_means_what_was_typed(make: Make, query: str, found: list[str]) -> None:
    make.link(description="Back\\slash")
    make.link(description="lamp_post")
    make.link(description="Lamp, 100% brass", reference="INV-77")

    assert listed(make.merchant, query=query) == found


def test_a_search_finds_a_code_as_people_write_it(make: Make) -> None:
    link = make.link(description="Wanted")
    make.link(description="Other")
    code = link.short_code

    for typed in (code, code.lower(), f"{code[:4]} {code[4:]}", f"{code[:4]}-{code[4:].lower()}", code[:6]):
        assert listed(make.merchant, query=typed) == ["Wanted"], typed


def test_what_cannot_be_seen_is_not_searched_for(make: Make) -> None:
    assert link_search.searchable("a\x00b\r\nc\u202ed") == "a b c d"
    assert len(link_search.searchable("x" * 5000)) == link_search.LENGTH
    make.link(description="Plain")

    assert listed(make.merchant, query="\x00") == ["Plain"]


def test_counts_name_every_status(make: Make) -> None:
    for status in (LinkStatus.OPEN, LinkStatus.OPEN, LinkStatus.DRAFT, LinkStatus.PAID):
        make.link(status=status)

    with transaction(make.merchant.organization_id) as session:
        counts = link_list.counts(session, make.merchant.organization_id)

    assert counts == {
        "ALL": "4", "OPEN": "2", "DRAFT": "1", "PAID": "1", "EXPIRED": "0", "CANCELED": "0", "ARCHIVED": "0",
    }  # fmt: skip


def test_twenty_thousand_links_are_counted_to_a_thousand_and_never_read_through(make: Make, observer: Observer) -> None:
    organization_id = make.merchant.organization_id
    with many_links(observer, organization_id, 20_000) as session, sent_by(session) as sent:
        counts = link_list.counts(session, organization_id)
        first = page_of(session, organization_id)
        deep = keyset.Cursor(now() - dt.timedelta(minutes=15_000), uuid.uuid4())
        pages = [
            first,
            page_of(session, organization_id, cursor=keyset.decode(first.older)),
            page_of(session, organization_id, cursor=deep),
            page_of(session, organization_id, status=LinkStatus.DRAFT, cursor=deep),
            page_of(session, organization_id, cursor=keyset.Cursor(deep.at, deep.id, newer=True)),
        ]
        asked = list(sent)
        plans = [plan_nodes(session, statement, parameters) for statement, parameters in asked]

    assert counts["ALL"] == counts["OPEN"] == counts["DRAFT"] == "1,000+"
    assert counts["PAID"] == "200"
    assert [len(page.rows) for page in pages] == [25] * 5
    assert len(asked) == 6
    read_through = {node["Relation Name"] for nodes in plans for node in nodes if node["Node Type"] == "Seq Scan"}
    assert "payment_links" not in read_through
    assert not any(node["Node Type"] == "Sort" and node.get("Plan Rows", 0) > 1000 for nodes in plans for node in nodes)


# ---------------------------------------------------------------- one link


@pytest.mark.parametrize(
    ("status", "activate", "cancel", "edit"),
    [
        (LinkStatus.DRAFT, True, True, True),
        (LinkStatus.OPEN, False, True, True),
        (LinkStatus.PAID, False, False, False),
        (LinkStatus.EXPIRED, False, False, False),
        (LinkStatus.CANCELED, False, False, False),
    ],
)
def test_a_link_offers_what_its_state_allows(
    make: Make, status: LinkStatus, activate: bool, cancel: bool, edit: bool
) -> None:
    found = view(make.link(status=status))

    assert (found.can_activate, found.can_cancel, found.can_edit) == (activate, cancel, edit)


def test_who_may_only_look_is_offered_nothing(make: Make) -> None:
    found = view(make.link(status=LinkStatus.DRAFT), may_manage=False)

    assert (found.can_activate, found.can_cancel, found.can_edit) == (False, False, False)


def test_a_link_says_who_made_it_and_where_it_is_paid(make: Make) -> None:
    link = make.link()

    found = view(link)

    assert found.created_by_name == make.merchant.owner.name
    assert found.pay_url == f"https://pay.example/p/{link.short_code}"


def test_a_link_of_another_organization_is_not_there(make: Make) -> None:
    foreign = make.link(merchant=make.organization())
    own = make.merchant.organization_id

    with transaction(own) as session:
        with pytest.raises(NotFound):
            link_views.one(session, own, foreign.id, public_base_url="", may_manage=True)
        assert link_views.payment(session, own, foreign.id) is None
        assert link_story.steps(session, own, foreign.id, LinkStatus.PAID) == []


# ---------------------------------------------------------------- payment and fee


def test_a_link_that_is_not_paid_has_no_payment(make: Make) -> None:
    link = make.link()

    with transaction(link.organization_id) as session:
        assert link_views.payment(session, link.organization_id, link.id) is None


def test_the_fee_is_waited_for_and_then_known(make: Make) -> None:
    link = make.link()
    arrived = make.incoming_payment(link)
    make.settled(link, arrived)

    with transaction(link.organization_id) as session:
        waiting = link_views.payment(session, link.organization_id, link.id)
    named_fee(make, link, arrived.provider_reference)
    with transaction(link.organization_id) as session:
        known = link_views.payment(session, link.organization_id, link.id)

    assert waiting is not None
    assert known is not None
    assert (waiting.fee_state, waiting.fee_minor, waiting.net_minor) == ("WAITING", None, None)
    assert (known.fee_state, known.fee_minor, known.net_minor, known.fee_currency) == ("KNOWN", 2_35, 118_15, "AUD")
    assert (known.method, known.amount_minor, known.reference) == ("Card", 120_50, arrived.provider_reference)


def test_a_fee_in_another_currency_is_shown_in_that_currency(make: Make) -> None:
    link = make.link()
    arrived = make.incoming_payment(link)
    make.settled(link, arrived)
    named_fee(make, link, arrived.provider_reference, currency="USD", amount=79_00)

    with transaction(link.organization_id) as session:
        found = link_views.payment(session, link.organization_id, link.id)

    assert found is not None
    assert (found.currency, found.amount_minor) == ("AUD", 120_50)
    assert (found.fee_currency, found.fee_minor, found.net_minor) == ("USD", 2_35, 76_65)


# ---------------------------------------------------------------- timeline


def test_the_timeline_tells_the_whole_story_newest_first(make: Make) -> None:
    link = make.link(status=LinkStatus.DRAFT)
    merchant = make.merchant
    link = create_link.activate(merchant.organization_id, link.id, actor=merchant.actor)
    with acting_as("worker"), transaction(link.organization_id) as session:
        tell = {"occurred_at": now(), "dedupe": "1"}
        timeline.add(session, link.organization_id, link.id, "checkout.started", **tell)
        timeline.add(session, link.organization_id, link.id, "card.declined", reason="insufficient_funds", **tell)
    arrived = make.incoming_payment(link)
    make.settled(link, arrived)
    named_fee(make, link, arrived.provider_reference)
    make.settled(link)

    steps = story(make.reload(link))

    assert [step.what for step in steps] == [
        "Paid a second time",
        "Processor fee booked",
        "Paid and booked",
        "Card declined",
        "Customer went to Stripe’s page",
        "Link opened",
        "Draft saved",
    ]
    assert {step.step for step in steps} == {"done"}
    told = {step.what: step for step in steps}
    assert told["Paid and booked"].tone == "good"
    assert told["Paid and booked"].detail is not None
    assert told["Paid and booked"].detail.startswith("AUD 120.50 by card, receipt R-")
    assert told["Card declined"].detail == "By the customer’s bank: not enough funds. Nothing was charged."
    assert told["Processor fee booked"].detail == "AUD 2.35"
    assert told["Paid a second time"].detail == ("AUD 120.50 is safe in 2100 Customer Credits and waits in Exceptions.")
    assert told["Link opened"].detail == f"By {merchant.owner.name}"


def test_an_open_link_begins_with_what_is_waited_for(make: Make) -> None:
    steps = story(make.link())

    assert [(step.what, step.step) for step in steps] == [("Waiting for the payment", "now"), ("Link opened", "done")]
    assert steps[0].at is None


@pytest.mark.parametrize(
    ("status", "what"),
    [(LinkStatus.EXPIRED, "Expired unpaid"), (LinkStatus.CANCELED, "Link canceled"), (LinkStatus.DRAFT, "Draft saved")],
)
def test_each_end_has_its_word(make: Make, status: LinkStatus, what: str) -> None:
    assert story(make.link(status=status))[0].what == what


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (ExceptionKind.DOUBLE, "Paid a second time"),
        (ExceptionKind.LATE, "Money arrived too late"),
        (ExceptionKind.MISMATCH, "Another amount arrived"),
    ],
)
def test_money_that_is_held_says_so(make: Make, kind: ExceptionKind, what: str) -> None:
    link = make.exception(kind)

    held = [step for step in story(link) if step.tone == "warn"]

    assert [step.what for step in held] == [what]


def test_a_stolen_card_is_told_like_any_other_refusal(make: Make) -> None:
    link = make.link()
    with acting_as("worker"), transaction(link.organization_id) as session:
        timeline.add(
            session, link.organization_id, link.id, "card.declined", dedupe="1", occurred_at=now(), reason="stolen_card"
        )

    declined = next(step for step in story(link) if step.what == "Card declined")

    assert declined.detail == "By the customer’s bank. Nothing was charged."


def test_an_event_of_a_newer_version_is_shown_by_its_name(make: Make) -> None:
    link = make.link()
    with acting_as("worker"), transaction(link.organization_id) as session:
        timeline.add(session, link.organization_id, link.id, "refund.was_made", dedupe="1", occurred_at=now())

    assert "Refund: was made" in [step.what for step in story(link)]


# ---------------------------------------------------------------- rates


def rate_table(moment: dt.datetime, value: str) -> RateTable:
    return RateTable([Rate("HBAR", "AUD", Decimal(value), "COINGECKO", moment, moment)])


def settle_with(session: Session, make: Make, link: PaymentLink, rates: RateTable) -> None:
    settle(session, make.incoming_payment(link), rates, now=now())


def test_rates_are_kept_from_when_it_was_made_and_when_it_was_paid(make: Make) -> None:
    merchant = make.merchant
    moment = now()
    with transaction(merchant.organization_id) as session:
        link = payment_links.create(
            session,
            merchant.organization_id,
            LinkDetails(120_50, "AUD", "A red bicycle"),
            rate_table(moment, "0.28741"),
            actor=merchant.actor,
            now=moment,
        )
    with transaction(merchant.organization_id) as session:
        open_rates = fx_reads.of_link(session, merchant.organization_id, link.id)
    with acting_as("worker"), transaction(merchant.organization_id) as session:
        settle_with(session, make, link, rate_table(moment, "0.28802000"))
    with transaction(merchant.organization_id) as session:
        paid_rates = fx_reads.of_link(session, merchant.organization_id, link.id)

    assert [row.asset for row in paid_rates] == ["HBAR", "USDC", "USDT", "AUDD"]
    hbar, usdc = paid_rates[0], paid_rates[1]
    assert (open_rates[0].creation_rate, open_rates[0].settlement_state) == ("0.28741", None)
    assert (hbar.creation_rate, hbar.creation_source, hbar.creation_at) == ("0.28741", "CoinGecko", moment)
    assert (hbar.settlement_rate, hbar.settlement_state) == ("0.28802", "OK")
    assert (usdc.creation_rate, usdc.creation_state, usdc.creation_source) == (None, "UNAVAILABLE", None)
    assert (usdc.settlement_rate, usdc.settlement_state) == (None, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("rate", "text"), [("0.287410000000000000", "0.28741"), ("1.000000000000000000", "1"), ("65000", "65000")]
)
def test_a_rate_has_all_its_digits_and_no_empty_ones(rate: str, text: str) -> None:
    assert fx_reads.exact(Decimal(rate)) == text


def test_a_draft_keeps_no_rates_and_gets_those_of_its_currency_when_it_is_opened(make):
    link = make.link(status=LinkStatus.DRAFT, currency="AUD")
    with transaction(link.organization_id) as session:
        assert {row.creation_state for row in fx_reads.of_link(session, link.organization_id, link.id)} == {None}

    create_link.activate(link.organization_id, link.id, actor=make.merchant.actor)

    with transaction(link.organization_id) as session:
        assert None not in {row.creation_state for row in fx_reads.of_link(session, link.organization_id, link.id)}
