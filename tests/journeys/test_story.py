"""The story of the product: a merchant signs up, makes a link, a customer pays it, both see it, the books balance."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.visitor import come_back_to, navigations_of, paid_seen_at

pytestmark = pytest.mark.browser

LIMIT_SECONDS = 3


def journal_titles(page):
    return page.locator("section.journal h3").all_inner_texts()


def test_from_sign_up_to_a_paid_link_with_balanced_books(visit, live_app):
    live_app.sandbox.post("/stripe/settings", fee_delay_seconds=3600)
    merchant, customer = visit(), visit(phone=True)
    steps.sign_up(merchant)
    pay_url = steps.make_link(merchant, amount="1,240.00", description="Oak bench, deposit", reference="INV-2041")
    code = steps.code_of(pay_url)
    led_to = navigations_of(merchant.page)
    merchant_tab = merchant.page.evaluate("performance.timeOrigin")

    customer.go(pay_url)
    expect(customer.page.get_by_role("heading", name=re.compile("Vale Bicycles"))).to_contain_text("1,240.00")
    expect(customer.page.locator(".about")).to_have_text("Oak bench, deposit")
    steps.choose_card(customer.page)
    steps.pay_with(customer.page)

    steps.expect_receipt(customer.page)
    expect(merchant.page.locator("#link_live .badge[data-status=PAID]").first).to_be_visible()
    webhook = steps.webhook_queued_at(live_app, code)
    delays = [paid_seen_at(page) - webhook for page in (merchant.page, customer.page)]
    assert max(delays) < LIMIT_SECONDS, delays
    assert led_to == []
    assert merchant.page.evaluate("performance.timeOrigin") == merchant_tab
    expect(merchant.page).to_have_title("Paid: Oak bench, deposit · Provvypay")
    assert steps.facts_of(live_app, code) == {
        "payment_attempts": 1, "checkout_sessions": 1, "payments": 1, "settlements": 1, "payment_exceptions": 0,
        "journals": 2,
    }  # fmt: skip

    merchant.page.get_by_role("link", name="Books").click()
    assert journal_titles(merchant.page) == ["Sale", "Payment"]
    live_app.sandbox.post("/stripe/fees/settle")
    live_app.wait_for(lambda: steps.facts_of(live_app, code)["journals"] == 3, "the fee to be booked")
    come_back_to(merchant.page)
    expect(merchant.page.locator("section.journal h3")).to_have_text(["Sale", "Payment", "Processor fee"])

    merchant.page.get_by_role("link", name="Rates").click()
    rows = merchant.page.locator("table tbody tr")
    expect(rows.get_by_role("rowheader")).to_have_text(["HBAR", "USDC", "USDT", "AUDD"])
    expect(rows.locator(".badge, .faint")).to_have_count(0)

    merchant.page.get_by_role("link", name="Ledger").click()
    merchant.page.get_by_role("link", name="Trial balance").first.click()
    expect(merchant.page.locator(".badge[data-tone=good]")).to_have_text("Balanced")
    debit, credit = merchant.page.locator("tfoot td").all_inner_texts()
    assert debit == credit
    assert float(debit.replace(",", "")) >= 1240
