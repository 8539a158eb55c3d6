"""An owner says where crypto goes: looked up, explained, chosen with the password, and offered on the next link."""

import pytest
from playwright.sync_api import expect

from provvypay.flows.check_assets import check_assets
from tests.journeys import steps
from tests.support.database import acting_as
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.browser


def test_an_owner_enters_the_account_and_takes_tokens(visit, live_app):
    with acting_as("worker"):
        check_assets()
    sandbox = live_app.sandbox
    account = sandbox.post("/mirror_node/accounts", role="merchant", all_tokens=False)["accounts"][0]["account"]
    owner = visit()
    steps.sign_up(owner)
    page = owner.go("/settings/payments")

    page.get_by_label("Account id").fill(account)
    page.get_by_role("button", name="Only check it").click()
    expect(page.locator("#account_form .entries li", has_text="USDC")).to_contain_text("Not possible")
    sandbox.post("/mirror_node/accounts", account=account, tokens={"USDC": {}})
    page.get_by_label("Your password", exact=True).fill("not it")
    page.get_by_role("button", name="Use this account").click()
    expect(page.locator("#password-error")).to_have_text("This is not your password.")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Use this account").click()
    expect(page.locator("#hedera_account .copy-field")).to_contain_text(account)
    expect(page.locator("#hedera_account .entries li", has_text="USDC")).to_contain_text("Fine")

    page.get_by_label("Take crypto").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#methods + ul, .section .entries").first).to_contain_text(f"Paid straight to {account}")

    page = owner.go("/links/new")
    expect(page.get_by_label("HBAR")).to_be_checked()
    expect(page.locator(".choice", has_text="USDT")).to_contain_text("Not offered yet.")
