"""Pages that turn by themselves: soon enough, without disturbing whoever reads or types, and no longer than needed."""

import re
import time

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from provvypay.flows.stripe_payment import start_checkout
from tests.journeys import steps
from tests.journeys.visitor import come_back_to, navigations_of, paid_seen_at, polls

pytestmark = pytest.mark.browser

LIMIT_SECONDS = 3
A_MINUTE = 60_000
"""milliseconds"""


def test_a_webhook_just_missed_by_a_poll_is_on_both_screens_within_three_seconds(make, member, visit, live_app):
    link = make.link()
    merchant, customer = member(), visit(phone=True)
    checkout = start_checkout(link.short_code)
    customer.go(f"/p/{link.short_code}")
    merchant.go(f"/links/{link.id}")
    led_to = [navigations_of(page) for page in (merchant.page, customer.page)]

    # The longest way: the poll has just been answered when Stripe begins to send.
    with merchant.page.expect_response(re.compile(rf"/links/{link.id}")):
        pass
    live_app.sandbox.pay(checkout)

    steps.expect_receipt(customer.page)
    expect(merchant.page.locator("#link_live .badge[data-status=PAID]").first).to_be_visible()
    webhook = steps.webhook_queued_at(live_app, link.short_code)
    delays = [paid_seen_at(page) - webhook for page in (merchant.page, customer.page)]
    assert max(delays) < LIMIT_SECONDS, delays
    assert led_to == [[], []]


def test_a_customer_back_before_stripe_answers_sees_it_turn_paid_without_a_reload(make, visit, live_app):
    link = make.link()
    customer = visit(phone=True)
    customer.go(f"/p/{link.short_code}")
    steps.choose_card(customer.page)
    live_app.sandbox.fault(kind="error", status=503, method="GET", pattern="/v1/checkout/sessions/*")

    steps.pay_with(customer.page)
    expect(customer.page.get_by_role("heading", name="We are confirming your payment")).to_be_visible()
    led_to = navigations_of(customer.page)
    live_app.sandbox.calm()

    steps.expect_receipt(customer.page)
    expect(customer.page).to_have_title("Receipt from Vale Bicycles · Provvypay")
    assert led_to == []
    assert steps.facts_of(live_app, link.short_code)["payments"] == 1


def test_an_answer_without_news_leaves_focus_selection_and_element_alone(make, member):
    link = make.link(description="Mirror with a jarrah frame")
    merchant = member()
    merchant.page.clock.install()
    page = merchant.go(f"/links/{link.id}")
    asked = polls(merchant, "link_live")

    def ask_twice():
        for _ in range(2):
            with page.expect_response(lambda answer: f"/links/{link.id}" in answer.url) as answered:
                page.clock.run_for(2100)
            answered.value.finished()

    # The first answer replaces the part, for only then is there one to compare with.
    ask_twice()
    page.locator("#tab_rates").focus()
    page.evaluate("""() => {
      document.getElementById("link_live").dataset.mine = "yes";
      getSelection().selectAllChildren(document.querySelector("h1"));
    }""")
    ask_twice()

    assert asked() == 4
    expect(page.locator("#tab_rates")).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "Mirror with a jarrah frame"
    assert page.locator("#link_live").get_attribute("data-mine") == "yes"


def test_news_keep_the_focus_where_it_was_or_as_near_as_can_be(make, member):
    link, other = make.link(), make.link()
    merchant = member()
    merchant.go(f"/links/{link.id}")
    second = merchant.open(f"/links/{other.id}")
    merchant.page.locator("#tab_rates").focus()
    second.locator("#cancel").focus()

    make.settled(link)
    make.settled(other)

    expect(merchant.page.locator("#link_live .badge[data-status=PAID]").first).to_be_visible()
    expect(merchant.page.locator("#tab_rates")).to_be_focused()
    # Its button is gone with the state; the reader is left at the part they were in, not at the top of the page.
    expect(second.locator("#cancel")).to_have_count(0)
    expect(second.locator("#link_live")).to_be_focused()


def test_typing_goes_on_while_the_list_is_drawn_anew(make, member):
    make.link(description="Blackwood stool, pair")
    make.link(description="Oak bench")
    merchant = member()
    page = merchant.go("/links")
    rows = page.locator("#links_table tbody tr")
    expect(rows).to_have_count(2)

    page.locator("#q").press_sequentially("black", delay=20)
    expect(rows).to_have_count(1)
    page.keyboard.type("wood st")

    expect(page).to_have_url(re.compile(r"q=blackwood(%20|\+)st(&|$)"))
    expect(page.locator("#q")).to_have_value("blackwood st")
    expect(page.locator("#q")).to_be_focused()
    expect(rows).to_contain_text("Blackwood stool, pair")


def test_polling_ends_with_the_last_state_and_not_before(make, member, visit, live_app):
    link, paid = make.link(), make.link(status=LinkStatus.PAID)
    merchant, customer = member(), visit(phone=True)
    # Time is moved, not waited for: the timers of the page run by its clock.
    for visitor, path in ((merchant, f"/links/{link.id}"), (customer, f"/p/{link.short_code}")):
        visitor.page.clock.install()
        visitor.go(path)
    of_merchant, of_customer = polls(merchant, "link_live"), polls(customer, "payment_status")

    for page, asked in ((merchant.page, of_merchant), (customer.page, of_customer)):
        while asked() < 3:
            page.clock.run_for(2100)
    live_app.sandbox.pay(start_checkout(link.short_code))
    live_app.sandbox.drain()
    live_app.wait_for(lambda: make.reload(link).status == LinkStatus.PAID, "the link to be paid")
    for page in (merchant.page, customer.page):
        page.clock.run_for(6000)
    steps.expect_receipt(customer.page)
    expect(merchant.page.locator("#link_live .badge[data-status=PAID]").first).to_be_visible()
    while "has not named it" in merchant.page.locator("#link_live").inner_text():
        merchant.page.clock.run_for(5100)

    counted = of_merchant(), of_customer()
    for page in (merchant.page, customer.page):
        page.clock.run_for(A_MINUTE)
        come_back_to(page)
    assert (of_merchant(), of_customer()) == counted

    customer.go(f"/p/{paid.short_code}")
    customer.page.clock.run_for(A_MINUTE)
    assert of_customer() == counted[1]


def test_who_has_waited_for_two_minutes_is_asked_less_often(make, visit):
    link = make.link()
    customer = visit(phone=True)
    customer.page.clock.install()
    customer.go(f"/p/{link.short_code}?since={int(time.time()) - 130}")
    asked = polls(customer, "payment_status")

    customer.page.clock.run_for(9000)
    assert asked() == 0
    customer.page.clock.run_for(1500)
    assert asked() == 1
