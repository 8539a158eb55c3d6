"""A merchant connects Xero, says what goes where, is paid, and finds invoice and payment in the company's books."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.axe import OPPOSITE, violations

pytestmark = pytest.mark.browser


def test_connect_map_pay_and_see_the_books(member, visit, make, live_app):
    name = f"Vale Bicycles {make.merchant.organization_id.hex[-6:]}"
    tenant = live_app.sandbox.post("/xero/tenants", name=name, country="AU", currencies=["USD"])["tenant_id"]
    merchant, customer = member(), visit(phone=True)
    page = merchant.go("/settings/xero")
    page.get_by_role("button", name="Connect Xero").click()
    page.get_by_label("Organisation", exact=True).select_option(tenant)
    page.get_by_role("button", name="Allow access").click()
    expect(page.get_by_text(f"{name} is connected")).to_be_visible()

    page.get_by_role("link", name="Choose accounts").click()
    expect(page.get_by_text("These are suggestions")).to_be_visible()
    unreadable = violations(page, OPPOSITE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()
    for path in ("/settings/xero", "/settings/xero/disconnection"):
        merchant.go(path)
        unreadable += violations(page, OPPOSITE)

    pay_url = steps.make_link(merchant, amount="115.00", description="Pottery class")
    code = steps.code_of(pay_url)
    customer.go(pay_url)
    steps.choose_card(customer.page)
    steps.pay_with(customer.page)
    steps.expect_receipt(customer.page)

    def books():
        return live_app.sandbox.get(f"/xero/tenants/{tenant}/books")["tenants"][tenant]

    live_app.wait_for(lambda: len(books()["payments"]), "the payment in Xero", seconds=40)
    (invoice,) = books()["invoices"]
    assert (invoice["InvoiceNumber"], invoice["Total"], invoice["Status"]) == (f"PV-{code}", "115.00", "PAID")
    merchant.page.get_by_role("link", name="Xero", exact=True).first.click()
    expect(merchant.page.locator("#in_xero")).to_be_visible()
    expect(merchant.page.get_by_text("In Xero").first).to_be_visible()
    look = merchant.page.get_by_role("link", name=re.compile("Look at it in Xero")).first
    expect(look).to_have_attribute("href", re.compile("InvoiceID="))

    unreadable += violations(merchant.page, OPPOSITE)
    merchant.go("/settings/xero/queue")
    unreadable += violations(merchant.page, OPPOSITE)
    assert unreadable == []
