"""Paying with a wallet: the real HashConnect in Chromium, and a stand-in wallet behind a relay on this machine."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import tokens
from tests.support.hedera import CUSTOMER
from tests.support.wallet import StandInWallet

pytestmark = pytest.mark.browser

SEEN_MS = 20_000
"""how long the wallet, the watcher and the page's poll may take together on a busy machine"""


# Behind the seam, in the place of HashConnect: what a wallet does is what the test has put on the window.
BUNDLE = """
window.asked = [];
export const qr = () => ({ side: 1, path: "" });
export const forgetAll = async () => undefined;
export const open = async () => ({
  session: { accounts: [window.payer], network: window.network, name: "A wallet" },
  forget: async () => undefined,
  pay: (payment, from) => new Promise((resolve) => {
    window.asked.push({ ...payment, from });
    window.answer = resolve;
  }),
});
"""


@pytest.fixture(scope="module")
def standing(live_server):
    wallet = StandInWallet(live_server)
    yield wallet
    wallet.stop()


@pytest.fixture
def wallet(standing, live_app):
    standing.behave()
    return standing


@pytest.fixture
def ledger(make, live_app):
    return tokens.ledger_of(make.merchant, live_app, alias=True)


def open_wallet(page):
    """Press the button; return the dialog."""
    page.locator("#connect_wallet").click()
    dialog = page.locator("#wallet")
    expect(dialog).to_be_visible()
    return dialog


def pair(dialog, wallet):
    """Let the wallet scan what the dialog shows."""
    copy = dialog.locator("[data-in=pair] [data-copy]")
    expect(copy).to_be_visible()
    expect(dialog.locator("[data-qr] path")).to_have_attribute("d", re.compile(r"^M4 4.5h7"))
    wallet.pair(copy.get_attribute("data-copy"))


def face(dialog, name):
    expect(dialog).to_have_attribute("data-face", name)
    expect(dialog.locator(f"div[data-in={name}]")).to_be_visible()


def go(visitor, link, asset):
    page = visitor.go(f"/p/{link.short_code}")
    tokens.choose(page, asset)
    return page


def test_each_kind_of_token_is_paid_and_stands_in_the_books(make, visit, ledger, wallet, live_app):
    customer = visit()
    for number, asset in enumerate(("HBAR", "USDC", "AUDD")):
        link = tokens.token_link(make)
        page = go(customer, link, asset)
        said = tokens.told(page)

        dialog = open_wallet(page)
        if number == 0:
            pair(dialog, wallet)  # later on it finds the session of before

        expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
        expect(dialog).to_be_hidden()
        expect(page.locator(".slip")).to_contain_text(f"{asset} on Hedera")
        asked = wallet.asked[-1]["transaction"]
        assert asked["memo"] == link.short_code
        expect(page.locator(".slip .copy-field .value")).to_have_text(re.compile(rf"^{re.escape(CUSTOMER)}@"))
        assert said["To"] == ledger.account
        source = "SELECT source FROM transfer_claims WHERE link_id = :id"
        assert [row.source for row in live_app.observer.sql(source, id=link.id)] == ["WALLET"]
    entities = {"HBAR": "HBAR", "USDC": "0.0.429274", "AUDD": "0.0.5000202"}
    assert ledger.in_the_books == {asset: ledger.truth[entity] for asset, entity in entities.items()}


def test_what_the_wallet_refuses_leaves_the_link_to_be_paid(make, visit, ledger, wallet, live_app):
    link = tokens.token_link(make)
    page = go(visit(), link, "USDC")
    before = len(wallet.asked)

    wallet.behave(pairing="reject")
    dialog = open_wallet(page)
    pair(dialog, wallet)
    face(dialog, "rejected")

    wallet.behave(network="mainnet")
    dialog.get_by_role("button", name="Try again").click()
    pair(dialog, wallet)
    face(dialog, "wrong_network")

    wallet.behave(signing="reject")
    dialog.get_by_role("button", name="Connect another wallet").click()
    pair(dialog, wallet)
    face(dialog, "rejected")
    assert len(wallet.asked) == before + 1

    wallet.behave(signing="ignore")
    dialog.get_by_role("button", name="Try again").click()
    face(dialog, "approve")
    expect(dialog).to_contain_text(link.short_code)
    live_app.wait_for(lambda: len(wallet.asked) == before + 2, "the second request")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#connect_wallet")).to_be_focused()
    open_wallet(page)
    face(dialog, "approve")
    assert len(wallet.asked) == before + 2, "one request at a time, however often the dialog is opened"
    dialog.get_by_role("button", name="Cancel").click()

    status = "SELECT status FROM payment_links WHERE id = :id"
    assert [row.status for row in live_app.observer.sql(status, id=link.id)] == ["OPEN"]
    tokens.send(ledger, page)
    expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)


def test_without_the_relay_it_is_paid_by_hand(make, visit, ledger, wallet, live_app):
    link = tokens.token_link(make)
    customer = visit()
    page = go(customer, link, "HBAR")
    wallet.stop()
    try:
        dialog = open_wallet(page)
        face(dialog, "relay")
    finally:
        wallet.start()
    # Chromium itself says aloud that nobody answers there.
    assert customer.complaints
    assert all(f":{live_app.wallet_port}" in line and "WebSocket" in line for line in customer.complaints)
    customer.complaints.clear()

    dialog.get_by_role("button", name="Send it by hand").click()
    expect(dialog).to_be_hidden()
    tokens.send(ledger, page)
    expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
    customer.complaints.clear()


def test_what_a_wallet_says_is_checked_and_it_is_asked_once(make, visit, ledger, live_app):
    link = tokens.token_link(make)
    customer = visit(phone=True)
    customer.page.clock.install()
    customer.page.route("**/hashconnect.*.js", lambda route: route.fulfill(content_type="text/javascript", body=BUNDLE))
    page = go(customer, link, "USDC")
    said = tokens.told(page)
    page.evaluate("Object.assign(window, { payer: '0.0.2001', network: 'mainnet' })")

    dialog = open_wallet(page)
    face(dialog, "wrong_network")
    page.evaluate("(account) => Object.assign(window, { payer: account, network: 'testnet' })", ledger.account)
    dialog.get_by_role("button", name="Connect another wallet").click()
    face(dialog, "own_account")
    assert page.evaluate("window.asked") == []

    page.evaluate("window.payer = '0.0.2001'")
    dialog.get_by_role("button", name="Connect another wallet").click()
    face(dialog, "approve")
    page.clock.fast_forward("02:31")
    face(dialog, "timeout")
    dialog.get_by_role("button", name="Send it by hand").click()
    page.locator("#connect_wallet").dblclick()
    face(dialog, "approve")
    (asked,) = page.evaluate("window.asked")
    assert {name: asked[name] for name in ("units", "entity", "account", "memo", "kind")} == {
        "units": said["Amount"].replace(".", ""), "entity": said["Token"], "account": said["To"],
        "memo": link.short_code, "kind": "hts",
    }  # fmt: skip

    paid = ledger.pay("USDC", int(asked["units"]), memo=asked["memo"], visible_after_seconds=4)
    page.evaluate("(id) => window.answer(id)", re.search(r"0\.0\.2001-\d+-\d{9}", str(paid))[0])
    face(dialog, "sent")
    expect(page.locator(".live")).to_contain_text("Waiting for the network")
    expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
    expect(dialog).to_be_hidden()
    attached = "SELECT 1 FROM transfer_claims WHERE link_id = :id AND source = 'WALLET' AND state = 'ATTACHED'"
    live_app.wait_for(lambda: live_app.observer.sql(attached, id=link.id), "the claim to be attached", seconds=60)
