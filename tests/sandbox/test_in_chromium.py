"""The card page and the console in a real browser: a payment without scripts, the content policy, accessibility."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.sandbox.xero import AU, CLIENT, REDIRECT, Xero

pytestmark = pytest.mark.browser
CONSENT = "/xero/identity/connect/authorize"


@pytest.fixture
def merchant() -> Iterator[str]:
    """A site of another origin, to which the customer returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>Merchant</title><h1>Thank you</h1>")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A phone without scripts; whatever the console says against us is kept in `page.complaints`."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.complaints = watched(opened)
    yield opened
    context.close()


def watched(page):
    """Return a list that fills with what the browser complains of, but for the statuses the pages mean."""
    complaints = []

    def hear(message):
        if "responded with a status of 4" not in message.text:
            complaints.append(message.text)

    page.on("console", hear)
    return complaints


@pytest.fixture
def checkout(session, merchant):
    def make(**more):
        back = {"success_url": f"{merchant}/return?id={{CHECKOUT_SESSION_ID}}", "cancel_url": f"{merchant}/back"}
        return session(124000, "aud", **back, **more)

    return make


def fill(page, card):
    page.get_by_label("E-mail").fill("payer@example.com")
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_label("Name on card").fill("A Payer")
    page.get_by_role("button", name="Pay AUD 1,240.00").click()


def test_a_customer_is_declined_tries_again_and_pays_without_scripts(page, checkout, merchant, client):
    made = checkout()
    page.goto(made.url)

    fill(page, "4000 0000 0000 0002")
    expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
    fill(page, "4242 4242 4242 4242")

    expect(page.get_by_role("heading")).to_have_text("Thank you")
    expect(page).to_have_url(f"{merchant}/return?id={made.id}")
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    assert page.complaints == []


def test_a_customer_passes_three_d_secure(page, checkout, merchant):
    made = checkout()
    page.goto(made.url)

    fill(page, "4000 0025 0000 3155")
    page.get_by_role("button", name="Complete authentication").click()

    expect(page).to_have_url(f"{merchant}/return?id={made.id}")
    assert page.complaints == []


def test_a_customer_goes_back_to_the_merchant(page, checkout, merchant):
    page.goto(checkout().url)

    page.get_by_role("link", name="Back to the merchant").click()

    expect(page).to_have_url(f"{merchant}/back")


def _xero_pages(sandbox, http):
    """Return the consent page, one that leads nowhere, books with a paid invoice, and the invoice."""
    xero = Xero(http, sandbox.url).connect()
    made = xero.sold()
    xero.done("PUT", "Payments", xero.paid(made, "15.00"))
    asked = {"response_type": "code", "client_id": CLIENT[0], "redirect_uri": REDIRECT, "scope": "offline_access"}
    place = f"{sandbox.url}/console/xero/{AU}"
    consent = f"{sandbox.url}{CONSENT}?{urlencode(asked)}"
    return consent, f"{sandbox.url}{CONSENT}", place, f"{place}/invoices/{made['InvoiceID']}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_no_page_has_an_accessibility_problem(
    browser, checkout, sandbox, pay, client, control, drain, http, scheme, width
):
    paid, ended, asked, declined = checkout(), checkout(), checkout(), checkout()
    pay(paid)
    pay(declined, card="4000000000000002")
    client.v1.checkout.sessions.expire(ended.id)
    pay(asked, card="4000002500003155", three_d_secure="leave")
    control("faults", {"kind": "no_fee", "seconds": 1})
    for wish in ({"memo": "PV-7K2M"}, {"kind": "failed"}, {"kind": "airdrop", "asset": "USDC", "pending": True}):
        control("mirror_node/transfers", {"to": "0.0.1001", "amount": "1", "seconds_ago": -60, **wish})
    drain()
    context = browser.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900}
    )
    opened = context.new_page()
    complaints = watched(opened)

    found = {}
    xero_pages = _xero_pages(sandbox, http)
    for address in (declined.url, paid.url, ended.url, f"{asked.url}/authentication", f"{sandbox.url}/", *xero_pages):
        opened.goto(address)
        opened.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        violations = [violation["id"] for violation in Axe().run(opened).response["violations"]]
        too_wide = opened.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        if violations or too_wide:
            found[address] = (violations, too_wide)
    context.close()

    assert found == {}
    assert complaints == []


def test_the_form_after_an_error_has_no_accessibility_problem_either(browser, checkout):
    context = browser.new_context(reduced_motion="reduce")
    opened = context.new_page()
    opened.goto(checkout().url)
    opened.get_by_role("button", name="Pay AUD 1,240.00").click()

    expect(opened).to_have_title(re.compile("^Error:"))
    expect(opened.locator("#email")).to_be_focused()
    assert Axe().run(opened).response["violations"] == []
    context.close()


def test_a_merchant_consents_at_xero_and_reads_the_books(page, merchant, sandbox, http):
    xero = Xero(http, sandbox.url)
    back = f"{merchant.replace('127.0.0.1', 'localhost')}/xero/callback"
    asked = {"response_type": "code", "client_id": CLIENT[0], "redirect_uri": back, "state": "s1"}
    page.goto(f"{sandbox.url}{CONSENT}?{urlencode({**asked, 'scope': 'offline_access accounting.invoices'})}")
    page.get_by_label("Organisation", exact=True).select_option(label="Harbour Street Joinery (AU), AUD")
    page.get_by_role("button", name="Allow access").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert page.url.startswith(f"{back}?code=")

    made = xero.connect().sold()
    page.goto(f"{sandbox.url}/console/xero/{AU}")
    page.get_by_role("link", name="PL-1").click()
    page.get_by_role("button", name="Pay by hand").click()
    expect(page.get_by_role("status")).to_have_text("Done.")
    assert xero.done("GET", f"Invoices/{made['InvoiceID']}")["Status"] == "PAID"
    assert page.complaints == []
