"""Money goes back in real browsers: refunded in two parts with the journal seen first, and lost to a dispute."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from provvypay.flows.stripe_payment import start_checkout
from provvypay.models.payment_link import PaymentLink
from provvypay.services.check_books.run import check_all
from tests.support.factories import Make
from tests.support.live import LiveApp

pytestmark = pytest.mark.browser


def paid(make: Make, live_app: LiveApp) -> tuple[PaymentLink, str]:
    """Sell something by card; return the link and its payment intent."""
    link = make.link(amount_minor=120_50, currency="AUD", description="Oak bench")
    done = live_app.sandbox.pay(start_checkout(link.short_code))
    live_app.wait_for(lambda: make.reload(link).status == "PAID", "the link to be paid")
    lines = live_app.observer
    live_app.wait_for(lambda: lines.count("balance_transactions", link.organization_id) == 1, "the fee")
    return link, str(done["payment_intent"])


def refund(page: Page, amount: str) -> None:
    """Refund a part, having seen what it posts; stand on the refunds' page afterwards."""
    page.get_by_label("A part").check()
    page.get_by_label(re.compile("^Amount of the part")).fill(amount)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Refund this?")).to_be_visible()
    expect(page.locator(".journal.preview")).to_contain_text("4090 Refunds")
    expect(page.locator(".journal.preview")).to_contain_text(amount)
    page.get_by_role("button", name="Refund", exact=True).click()
    expect(page.get_by_role("heading", name="Refunds")).to_be_visible()


def test_a_payment_is_refunded_in_two_parts(make, live_app, member):
    link, intent = paid(make, live_app)
    page = member().go(f"/links/{link.id}")
    page.get_by_role("link", name="Refund", exact=True).click()

    refund(page, "20.50")
    expect(page.locator("#refund_form")).to_contain_text("100.00")
    refund(page, "100.00")

    expect(page.locator("main")).to_contain_text("Nothing is left to refund")
    made = [row for row in live_app.sandbox.get("/stripe/books")["refunds"] if row["payment_intent"] == intent]
    assert [(row["amount"], row["status"]) for row in made] == [(20_50, "succeeded"), (100_00, "succeeded")]
    page.get_by_role("link", name="Back to the link").first.click()
    expect(page.locator("#link_live .badge").nth(1)).to_have_text("Refunded")
    page.get_by_role("link", name="Books").click()
    expect(page.get_by_role("heading", name="Refund", exact=True)).to_have_count(2)
    assert not check_all(live_app.settings.database_owner_url)


def test_a_dispute_is_seen_and_lost(make, live_app, member):
    link, intent = paid(make, live_app)
    page = member().go("/dashboard")
    dispute = live_app.sandbox.post(f"/stripe/charges/{intent}/disputes", reason="product_not_received")["id"]
    expect(page.locator("main")).to_contain_text("The customer’s bank wants an answer")

    page.get_by_role("link", name="Oak bench").first.click()
    expect(page.locator("main")).to_contain_text("nothing can be refunded until that is decided")
    live_app.sandbox.post(f"/stripe/disputes/{dispute}/step", step="lost")
    live_app.wait_for(
        lambda: live_app.observer.sql("SELECT state FROM disputes WHERE link_id = :id", id=link.id)[0][0] == "LOST",
        "the dispute to be lost",
    )
    page.get_by_role("link", name="Back to the link").click()

    expect(page.locator("#link_live")).to_contain_text("Dispute lost")
    page.get_by_role("link", name="Books").click()
    expect(page.locator("#link_live")).to_contain_text("6110 Dispute Losses and Fees")
    assert not check_all(live_app.settings.database_owner_url)
