"""Back buttons, second tabs, reloads and impatient fingers: one link, one session, one payment."""

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.visitor import navigations_of

pytestmark = pytest.mark.browser

ONCE = {"payment_attempts": 1, "checkout_sessions": 1, "payments": 1, "settlements": 1, "payment_exceptions": 0}


def assert_paid_once(live_app, link):
    facts = steps.facts_of(live_app, link.short_code)
    assert {name: facts[name] for name in ONCE} == ONCE


def test_back_from_the_card_page_and_on_again(make, visit, live_app):
    link = make.link()
    page = visit(phone=True).go(f"/p/{link.short_code}")
    steps.choose_card(page)
    card_page = page.url

    page.go_back()
    expect(page.locator("#pay_by_card")).to_be_enabled()
    expect(page.locator("#pay_by_card")).not_to_have_attribute("aria-busy", "true")
    steps.choose_card(page)
    assert page.url == card_page

    page.get_by_role("link", name="Back to the merchant").click()
    expect(page.locator(".banner")).to_contain_text("You came back without paying")
    steps.choose_card(page)
    steps.pay_with(page)
    steps.expect_receipt(page)
    assert_paid_once(live_app, link)


def test_back_and_reload_after_paying_pay_nothing_again(make, visit, live_app):
    link = make.link()
    page = visit(phone=True).go(f"/p/{link.short_code}")
    steps.choose_card(page)
    led_to = navigations_of(page)
    steps.pay_with(page)
    steps.expect_receipt(page)

    page.reload()
    steps.expect_receipt(page)
    session_id = steps.sessions_of(live_app, link.short_code)[0]["id"]
    page.goto(f"{live_app.url}/p/{link.short_code}/card/return?session_id={session_id}")
    steps.expect_receipt(page)
    page.go_back()
    while "/checkout/" not in page.url:
        page.go_back()
    expect(page.get_by_role("heading", name="This checkout has been completed")).to_be_visible()
    page.get_by_role("link", name="Go on to the merchant").click()

    steps.expect_receipt(page)
    assert led_to[0].startswith(f"{live_app.url}/p/{link.short_code}")
    assert_paid_once(live_app, link)


def test_two_tabs_pay_the_same_link_once(make, visit, live_app):
    link = make.link()
    customer = visit()
    first, second, third = customer.page, customer.open(), visit(phone=True).page
    for tab in (first, second, third):
        tab.goto(f"{live_app.url}/p/{link.short_code}")
    for tab in (first, second):
        steps.choose_card(tab)
    assert first.url == second.url

    steps.pay_with(first)
    steps.expect_receipt(first)
    steps.pay_with(second)

    expect(second.get_by_role("heading", name="This checkout has been completed")).to_be_visible()
    second.get_by_role("link", name="Go on to the merchant").click()
    steps.expect_receipt(second)
    # Somebody else had the page open all the while, and was about to choose.
    steps.expect_receipt(third)
    expect(third.locator("#pay_by_card")).to_have_count(0)
    assert_paid_once(live_app, link)


def test_a_click_on_a_page_that_shows_yesterday_is_told_it_is_paid(make, visit, live_app):
    link = make.link()
    page = visit(phone=True).page
    page.clock.install()
    page.goto(f"{live_app.url}/p/{link.short_code}")
    # The page's clock stands still, so it does not ask before the click.
    page.clock.pause_at(page.evaluate("Date.now()"))
    make.settled(link)

    page.locator("#pay_by_card").click()

    steps.expect_receipt(page)
    assert steps.sessions_of(live_app, link.short_code) == []


def test_a_double_click_makes_one_link(make, member, live_app):
    page = member().go("/links/new")
    steps.fill_link(page, description="Oak bench")

    page.get_by_role("button", name="Open the link").dblclick()

    expect(page.locator("#link_live .badge").first).to_have_text("Open")
    assert live_app.observer.count("payment_links", make.merchant.organization_id) == 1


def test_a_double_click_on_card_makes_one_session(make, visit, live_app):
    link = make.link()
    page = visit().go(f"/p/{link.short_code}")

    page.locator("#pay_by_card").dblclick()

    expect(page.get_by_role("heading", name="Pay by card")).to_be_visible()
    assert len(steps.sessions_of(live_app, link.short_code)) == 1
    steps.pay_with(page)
    steps.expect_receipt(page)
    assert_paid_once(live_app, link)
