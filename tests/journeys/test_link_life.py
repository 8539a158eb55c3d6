"""A link is made, changed, canceled and made again; and one that ends while its customer is at the card page."""

import pytest
from playwright.sync_api import expect

from tests.journeys import steps

pytestmark = pytest.mark.browser


def test_a_link_is_made_changed_canceled_and_duplicated(make, member):
    merchant = member()
    steps.make_link(merchant, amount="1,240.00", description="Oak bench: deposit")
    page = merchant.page

    page.get_by_role("link", name="Edit").click()
    expect(page.locator("main")).to_contain_text("Frozen since the link is open")
    page.get_by_label("What is it for?").fill("Oak bench, 1.8 m: deposit")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Oak bench, 1.8 m: deposit")

    page.get_by_role("link", name="Cancel link").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the link").click()
    expect(page.locator("#link_live .badge").first).to_have_text("Canceled")

    page.locator("#duplicate").click()
    page.wait_for_url(lambda url: "/links/" in url)
    expect(page.get_by_label("Amount", exact=True)).to_have_value("1240.00")
    expect(page.get_by_label("What is it for?")).to_have_value("Oak bench, 1.8 m: deposit")


def test_a_link_that_ends_while_its_customer_is_at_the_card_page(make, live_app, visit, member):
    link = make.link(amount_minor=88_00, currency="AUD")
    customer = visit(phone=True)
    customer.go(f"/p/{link.short_code}")
    steps.choose_card(customer.page)

    live_app.observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() - interval '3 seconds' WHERE id = :id", id=link.id
    )
    live_app.wait_for(lambda: make.reload(link).status == "EXPIRED", "the sweep")
    customer.page.reload()

    expect(customer.page.locator("body")).to_contain_text("This checkout has expired")
    customer.go(f"/p/{link.short_code}")
    expect(customer.page.locator("#pay_by_card")).to_have_count(0)
    expect(customer.page.get_by_role("heading", level=1)).to_contain_text("expired")
