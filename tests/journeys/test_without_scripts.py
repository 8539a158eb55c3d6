"""Everything a customer needs, and a merchant's first link, in a browser that runs no script."""

import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from tests.journeys import steps

pytestmark = pytest.mark.browser


def test_a_merchant_signs_up_makes_a_link_and_is_paid_without_a_script(visit, live_app):
    merchant, customer = visit(scripts=False), visit(scripts=False, phone=True)
    steps.sign_up(merchant)
    pay_url = steps.make_link(merchant, amount="92.40", description="Beeswax polish")

    customer.go(pay_url)
    steps.choose_card(customer.page)
    steps.pay_with(customer.page)

    steps.expect_receipt(customer.page)
    merchant.page.reload()
    expect(merchant.page.locator("#link_live .badge").first).to_have_text("Paid")
    for visitor in (merchant, customer):
        expect(visitor.page.locator(".script-only:visible")).to_have_count(0)
    assert steps.facts_of(live_app, steps.code_of(pay_url))["settlements"] == 1


def test_a_waiting_page_asks_again_by_itself_without_a_script(make, visit, live_app):
    link = make.link()
    customer = visit(scripts=False, phone=True)
    customer.go(f"/p/{link.short_code}")
    steps.choose_card(customer.page)
    live_app.sandbox.fault(kind="error", status=503, method="GET", pattern="/v1/checkout/sessions/*")

    steps.pay_with(customer.page)
    expect(customer.page.get_by_role("heading", name="We are confirming your payment")).to_be_visible()
    live_app.sandbox.calm()

    steps.expect_receipt(customer.page)


def test_a_wrong_form_comes_back_with_what_was_typed_and_says_why(visit):
    merchant = visit(scripts=False)
    page = merchant.go("/signup")
    page.get_by_label("Your business").fill("Vale Bicycles")
    page.get_by_role("button", name="Create the account").click()

    expect(page.get_by_role("alert")).to_contain_text("Enter your name.")
    expect(page.get_by_label("Your business")).to_have_value("Vale Bicycles")
    expect(page).to_have_title("Error: Create an account · Provvypay")
    page.get_by_role("link", name="Enter your e-mail address.").click()
    expect(page.get_by_label("E-mail")).to_be_focused()


def test_a_link_is_canceled_on_a_page_of_its_own(make, member):
    link = make.link()
    page = member(scripts=False).go(f"/links/{link.id}")

    page.get_by_role("link", name="Cancel link").click()
    expect(page.get_by_role("heading", name="Cancel this link?")).to_be_visible()
    page.get_by_role("button", name="Cancel the link").click()

    expect(page.locator("#link_live .badge").first).to_have_text("Canceled")
    expect(page.locator(".toasts")).to_contain_text("The link is canceled.")
    assert make.reload(link).status == LinkStatus.CANCELED


def test_a_form_whose_answer_was_lost_makes_one_link_when_it_is_sent_again(make, member, live_app):
    page = member(scripts=False).go("/links/new")
    steps.fill_link(page)
    sent = []

    def lose_the_first_answer(route):
        sent.append(route.request.post_data)
        if len(sent) == 1:
            route.fetch(max_redirects=0)
        else:
            route.continue_()

    page.route(re.compile("/links$"), lose_the_first_answer)
    # With the mouse itself: Playwright's click would wait for the answer that never comes.
    button = page.get_by_role("button", name="Open the link")
    button.scroll_into_view_if_needed()
    place = button.bounding_box()
    middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.click(*middle)
    live_app.wait_for(lambda: page.title() and sent, "the first sending")
    page.mouse.click(*middle)

    expect(page.locator("#link_live .badge").first).to_have_text("Open")
    assert len(sent) == 2
    assert live_app.observer.count("payment_links", make.merchant.organization_id) == 1
