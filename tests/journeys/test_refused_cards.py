"""A bank that says no, then asks, then says yes: one payment, and a page that always says what happened."""

import pytest
from playwright.sync_api import expect

from tests.journeys import steps

pytestmark = pytest.mark.browser


def test_declined_then_not_recognized_then_recognized_is_paid_once(make, member, visit, live_app):
    link = make.link()
    merchant, customer = member(), visit(phone=True)
    merchant.go(f"/links/{link.id}?tab=timeline")
    page = customer.go(f"/p/{link.short_code}")
    steps.choose_card(page)
    alert = page.get_by_role("alert")

    steps.pay_with(page, steps.DECLINED_CARD)
    expect(alert).to_contain_text("Your card was declined.")
    expect(merchant.page.locator(".timeline")).to_contain_text("Card declined")

    steps.pay_with(page, steps.CARD_WITH_3DS)
    page.get_by_role("button", name="Fail authentication").click()
    expect(alert).to_contain_text("We are unable to authenticate your payment method.")

    steps.pay_with(page, steps.CARD_WITH_3DS)
    page.get_by_role("button", name="Complete authentication").click()
    steps.expect_receipt(page)

    expect(merchant.page.locator("#link_live .badge[data-status=PAID]").first).to_be_visible()
    expect(merchant.page.locator(".timeline")).to_contain_text("Paid and booked")
    facts = steps.facts_of(live_app, link.short_code)
    assert (facts["checkout_sessions"], facts["payments"], facts["settlements"]) == (1, 1, 1)
    assert facts["payment_exceptions"] == 0


def test_who_comes_back_after_a_decline_reads_why_and_tries_again(make, visit, live_app):
    link = make.link()
    customer = visit(phone=True)
    page = customer.go(f"/p/{link.short_code}")
    steps.choose_card(page)
    steps.pay_with(page, "4000 0000 0000 9995")
    expect(page.get_by_role("alert")).to_contain_text("insufficient funds")

    page.get_by_role("link", name="Back to the merchant").click()
    expect(page.locator(".banner")).to_contain_text("Your card was declined")
    expect(page.locator(".banner")).to_contain_text("Nothing was charged")

    steps.choose_card(page)
    steps.pay_with(page)
    steps.expect_receipt(page)
    assert steps.facts_of(live_app, link.short_code)["payments"] == 1


def test_a_card_page_that_does_not_open_is_explained_and_opens_a_moment_later(make, visit, live_app):
    link = make.link()
    customer = visit(phone=True)
    page = customer.go(f"/p/{link.short_code}")
    customer.meant = "503"
    live_app.sandbox.fault(kind="error", status=503, method="POST", pattern="/v1/checkout/sessions")

    page.locator("#pay_by_card").click()
    expect(page.locator(".banner")).to_contain_text("The card page did not open")
    expect(page.locator("#pay_by_card")).to_be_enabled()
    live_app.sandbox.calm()

    steps.choose_card(page)
    steps.pay_with(page)
    steps.expect_receipt(page)
    assert len(steps.sessions_of(live_app, link.short_code)) == 1
