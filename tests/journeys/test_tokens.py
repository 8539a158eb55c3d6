"""Paying with tokens by hand, in a browser, on the sandbox's ledger, seen by the watcher's own processes."""

import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link
from tests.journeys import steps, tokens
from tests.support.hedera import ENTITIES, unguarded

pytestmark = pytest.mark.browser

SEEN_MS = 20_000
"""how long the watcher, the ledger's own delay and the page's poll may take together on a busy machine"""


@pytest.fixture
def ledger(make, live_app):
    return tokens.ledger_of(make.merchant, live_app)


def go(visitor, link, asset):
    page = visitor.go(f"/p/{link.short_code}")
    tokens.choose(page, asset)
    return page


def test_each_token_is_paid_by_hand_and_stands_in_the_books(make, visit, ledger, live_app):
    customer = visit(phone=True)
    for asset in ("HBAR", "USDC", "USDT", "AUDD"):
        link = tokens.token_link(make)
        page = go(customer, link, asset)
        said = tokens.told(page)
        assert said["Memo"] == link.short_code
        assert said["To"] == ledger.account

        tokens.send(ledger, page)

        expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
        expect(page.locator(".slip")).to_contain_text(f"{asset} on Hedera")
        expect(page.locator(".slip .copy-field .value")).to_have_text(re.compile(r"0\.0\.2001@\d+\.\d{9}"))
    assert ledger.in_the_books == {asset: ledger.truth[entity] for asset, (_kind, entity) in ENTITIES.items()}


def test_short_then_the_rest(make, visit, member, ledger, live_app):
    link = tokens.token_link(make)
    merchant, page = member(), go(visit(phone=True), link, "USDC")
    desk = merchant.go(f"/links/{link.id}")

    tokens.send(ledger, page, share=0.75)
    expect(page.locator("#received")).to_contain_text("are missing", timeout=SEEN_MS)
    expect(page.locator(".send-exactly")).to_contain_text("Send the rest")
    expect(desk.locator("#link_live")).to_contain_text("Received on Hedera", timeout=SEEN_MS)
    expect(desk.locator("#link_live .badge").nth(1)).to_have_text("Short")
    tokens.send(ledger, page)

    expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
    expect(desk.locator("#link_live .badge").first).to_have_text("Paid", timeout=SEEN_MS)
    facts = steps.facts_of(live_app, link.short_code)
    assert (facts["payments"], facts["settlements"]) == (2, 1)


def test_too_late_is_held_and_said(make, visit, ledger, live_app):
    expired, canceled = tokens.token_link(make), tokens.token_link(make)
    first, second = visit(phone=True), visit(phone=True)
    page, other = go(first, expired, "USDC"), go(second, canceled, "HBAR")
    late = tokens.told(page)
    unguarded(
        live_app.observer,
        "UPDATE payment_links SET expires_at = now() - interval '5 minutes', created_at = created_at - interval '1 day'"
        " WHERE id = :id",
        id=expired.id,
    )
    create_link.cancel(canceled.organization_id, canceled.id, actor=make.merchant.actor)
    unguarded(
        live_app.observer,
        "UPDATE payment_attempts SET expires_at = now() - interval '5 minutes',"
        " created_at = now() - interval '9 minutes' WHERE link_id = :id",
        id=expired.id,
    )
    expect(other.get_by_role("heading", name="This payment link was canceled")).to_be_visible(timeout=SEEN_MS)

    ledger.sandbox.post(
        "/mirror_node/transfers", to=late["To"], asset=late["Token"], amount=late["Amount"], memo=late["Memo"]
    )
    ledger.pay("HBAR", 5 * 10**8, memo=canceled.short_code)

    held = "SELECT 1 FROM payment_exceptions WHERE link_id = :id AND kind = 'LATE'"
    for link, shown in ((expired, page), (canceled, other)):
        live_app.wait_for(lambda link=link: live_app.observer.sql(held, id=link.id), "the late money", seconds=30)
        shown.goto(first.url(f"/p/{link.short_code}"))
        expect(shown.locator("main")).to_contain_text("after the end")
        expect(shown.locator("main")).to_contain_text("Do not pay again")


def test_another_token_is_never_ignored(make, visit, ledger, live_app):
    link = tokens.token_link(make)
    page = go(visit(phone=True), link, "USDC")

    tokens.send(ledger, page, asset="HBAR", amount="100")

    expect(page.locator("main")).to_contain_text("We received 100 HBAR, which was not asked for", timeout=SEEN_MS)
    expect(page.locator(".send-exactly")).to_be_visible()
    assert make.reload(link).status == LinkStatus.OPEN
    assert steps.facts_of(live_app, link.short_code)["payment_exceptions"] == 1


def test_card_and_token_at_once_settle_once(make, visit, ledger, live_app):
    link = tokens.token_link(make)
    by_card, by_hand = visit(), visit(phone=True)
    card = by_card.go(f"/p/{link.short_code}")
    steps.choose_card(card)
    page = go(by_hand, link, "USDC")

    tokens.send(ledger, page)
    steps.pay_with(card)

    for one in (page, card):
        expect(one.locator(".stamp")).to_be_visible(timeout=SEEN_MS)
    twice = "SELECT kind FROM payment_exceptions WHERE link_id = :id"
    live_app.wait_for(lambda: live_app.observer.sql(twice, id=link.id), "the second payment", seconds=30)
    assert [row.kind for row in live_app.observer.sql(twice, id=link.id)] == ["DOUBLE"]
    page.reload()
    expect(page.locator("main")).to_contain_text("Another payment")
    facts = steps.facts_of(live_app, link.short_code)
    assert (facts["payments"], facts["settlements"]) == (2, 1)


def test_a_reported_transaction_is_found_though_the_record_lags(make, visit, ledger, live_app):
    link = tokens.token_link(make)
    customer = visit(phone=True)
    page = go(customer, link, "USDC")
    wanted = tokens.send(ledger, page, visible_after_seconds=8)
    mirror_form = re.search(r"0\.0\.2001-\d+-\d{9}", str(wanted))[0]
    account, seconds, nanos = mirror_form.split("-")

    page.locator("#claim summary").click()
    page.get_by_label("Transaction ID from your wallet").fill("0.0.12")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("#transaction_id-error")).to_contain_text("looks like")
    page.wait_for_timeout(2500)
    expect(page.locator("#transaction_id-error")).to_be_visible()
    page.get_by_label("Transaction ID from your wallet").fill(f"{account}@{seconds}.{nanos}")
    page.get_by_role("button", name="Look it up").click()

    expect(page.locator(".live")).to_contain_text("Waiting for the network")
    expect(page.locator(".stamp")).to_be_visible(timeout=SEEN_MS)


def test_what_was_typed_and_opened_stays_while_the_page_asks(make, visit, ledger):
    link = tokens.token_link(make)
    page = go(visit(phone=True), link, "USDC")
    page.locator("#claim summary").click()
    field = page.get_by_label("Transaction ID from your wallet")
    field.fill("0.0.2001@17")
    left = page.locator("[data-clock]").inner_text()
    tokens.send(ledger, page, share=0.25)

    expect(page.locator("#received")).to_be_visible(timeout=SEEN_MS)

    expect(field).to_have_value("0.0.2001@17")
    expect(page.locator("#claim")).to_have_attribute("open", "")
    expect(page.locator("[data-clock]")).not_to_have_text(left)


def test_by_hand_without_a_script(make, visit, ledger):
    link = tokens.token_link(make)
    customer = visit(scripts=False, phone=True)
    page = go(customer, link, "HBAR")
    expect(page.locator(".script-only:visible")).to_have_count(0)
    tokens.send(ledger, page)

    for _ in range(20):
        page.get_by_role("link", name="Look again").click()
        if page.locator(".stamp").count():
            break
        page.wait_for_timeout(1000)

    steps.expect_receipt(page)
