"""What people do on our pages, in the words a person would use: fields by their labels, buttons by their names."""

from __future__ import annotations

import re
import uuid
from typing import Any

from playwright.sync_api import Page, expect

from tests.journeys.visitor import Visitor
from tests.support.factories import PASSWORD
from tests.support.live import LiveApp

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
CARD_WITH_3DS = "4000 0025 0000 3155"

Facts = dict[str, int]


def sign_up(visitor: Visitor, *, business: str = "Vale Bicycles") -> str:
    """Make an account and an organization; return the e-mail address."""
    email = f"{uuid.uuid4().hex[:12]}@people.example"
    page = visitor.go("/signup")
    page.get_by_label("Your name").fill("Robin Vale")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Your business").fill(business)
    page.get_by_label("Currency of your books").select_option("AUD")
    page.get_by_label("Time zone").select_option("Australia/Sydney")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return email


def fill_link(page: Page, *, amount: str = "1,240.00", description: str = "Oak bench", reference: str = "") -> None:
    """Type into the form of a link."""
    page.get_by_label("Amount", exact=True).fill(amount)
    page.get_by_label("What is it for?").fill(description)
    page.get_by_label("Your reference").fill(reference)


def make_link(visitor: Visitor, **typed: str) -> str:
    """Make and open a link; return the address of its pay page. The visitor stands on the link's page."""
    page = visitor.go("/links/new")
    fill_link(page, **typed)
    page.get_by_role("button", name="Open the link").click()
    expect(page.locator("#link_live .badge").first).to_have_text("Open")
    return str(page.locator("#open_pay_page").get_attribute("href"))


def choose_card(page: Page) -> None:
    """Press "Card" on the pay page and arrive on the hosted card page."""
    page.locator("#pay_by_card").click()
    expect(page.get_by_role("heading", name="Pay by card")).to_be_visible()


def pay_with(page: Page, card: str = GOOD_CARD) -> None:
    """Fill in the hosted card page and send it."""
    page.get_by_label("E-mail").fill("payer@example.com")
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_label("Name on card").fill("A Payer")
    page.get_by_role("button", name=re.compile(r"^Pay \S+ [\d,.]+$")).click()


def expect_receipt(page: Page) -> None:
    """See the stamp."""
    expect(page.locator(".stamp")).to_be_visible()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()


def sessions_of(live: LiveApp, short_code: str) -> list[dict[str, Any]]:
    """Return the Checkout Sessions Stripe has made for a link."""
    made: list[dict[str, Any]] = live.sandbox.get("/stripe/sessions")["sessions"]
    return [session for session in made if session["client_reference_id"] == short_code]


def webhook_queued_at(live: LiveApp, short_code: str) -> float:
    """Return the Unix second at which Stripe began to send the completion of a link's session; it has arrived."""
    ids = {session["id"] for session in sessions_of(live, short_code)}
    events = {e["id"] for e in live.sandbox.events() if e["data"]["object"].get("id") in ids}
    deliveries = [
        one
        for one in live.sandbox.get("/stripe/deliveries")["deliveries"]
        if one["event"] in events and one["event_type"] == "checkout.session.completed"
    ]
    assert [one["status"] for one in deliveries] == ["delivered"], deliveries
    return float(deliveries[0]["due"])


def facts_of(live: LiveApp, short_code: str) -> Facts:
    """Count what a link left behind, past every view of it."""
    tables = ("payment_attempts", "checkout_sessions", "payments", "settlements", "payment_exceptions", "journals")
    counted = ", ".join(f"(SELECT count(*) FROM {table} WHERE link_id = l.id) AS {table}" for table in tables)
    row = live.observer.sql(f"SELECT {counted} FROM payment_links l WHERE short_code = :code", code=short_code)[0]
    return dict(row._mapping)


def code_of(pay_url: str) -> str:
    """Return the short code in the address of a pay page."""
    return pay_url.rsplit("/", 1)[-1]
