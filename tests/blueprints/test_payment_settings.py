"""How an organization is paid: told as it is, chosen by who may, with words for everything that stands in the way."""

from __future__ import annotations

import dataclasses

import pytest

from provvypay.domain.hedera_ids import with_checksum
from provvypay.domain.roles import Role
from provvypay.flows.check_assets import check_assets
from provvypay.kit import settings as kit_settings
from tests.support import html
from tests.support.database import acting_as
from tests.support.factories import PASSWORD


@pytest.fixture(autouse=True)
def tokens_are_checked(app, sandbox):
    with acting_as("worker"):
        check_assets()


@pytest.fixture
def account(sandbox):
    made = sandbox.post("/mirror_node/accounts", role="merchant", all_tokens=True)
    return str(made["accounts"][0]["account"])


@pytest.fixture
def page(signed_in):
    client = signed_in()
    return lambda: client.get("payment_settings.show")


def lines(page) -> dict[str, str]:
    """Return title → state, by the words on the page."""
    return {
        html.text_of(one.find("span")): html.text_of(one.findall("span")[-1])
        for one in page.all("li")
        if one.get("data-tone")
    }


def as_installed(monkeypatch, settings, **changed):
    monkeypatch.setattr(kit_settings, "_current", dataclasses.replace(settings, **changed))


# ---------------------------------------------------------------- ways to pay


def test_the_ways_to_pay_are_told_as_they_are(page):
    assert lines(page()) == {"Cards": "Test mode", "Crypto on Hedera": "Off", "Xero": "Off", "E-mail": "Off"}


@pytest.mark.parametrize(
    ("changed", "state", "says"),
    [
        ({"stripe_secret_key": None}, "Off", "No Stripe key is set"),
        ({"enable_card_payments": False}, "Off", "Switched off for this installation"),
        ({"stripe_secret_key": "sk_live_" + "0" * 20}, "On", "Money goes to the Stripe account"),
    ],
)
def test_cards_are_as_the_installation_is(changed, state, says, page, settings, monkeypatch):
    as_installed(monkeypatch, settings, **changed)

    found = page()

    assert lines(found)["Cards"] == state
    assert says in found.text
    assert ("Test mode: no real money moves" in found.text) == ("sk_live" not in str(changed))


def test_cards_that_the_organization_does_not_want_are_off(page, make, observer):
    observer.sql(
        "UPDATE merchant_settings SET card_enabled = false WHERE organization_id = :id",
        id=make.merchant.organization_id,
    )

    assert "Switched off for your organization." in page().text


def test_without_crypto_in_this_installation_the_page_says_so_and_everything_can_be_made_ready(
    page, account, settings, monkeypatch
):
    as_installed(monkeypatch, settings, enable_hedera_payments=False)

    assert "Switched off for this installation (ENABLE_HEDERA_PAYMENTS)." in page().text
    assert page().form("account_form").submit(account=account, password=PASSWORD, action="save").status == 303


# ---------------------------------------------------------------- the account


def test_an_account_is_checked_chosen_and_shown_with_its_checksum(page, account, make, observer):
    checked = page().form("account_form").submit(account=account, action="check")
    assert checked.status == 200
    assert lines(checked) | {account: "Fine", "HBAR": "Fine", "USDC": "Fine", "AUDD": "Fine"} == lines(checked)
    assert not observer.sql("SELECT 1 FROM hedera_accounts WHERE account_id = :id", id=account), "only looked at"

    chosen = checked.form("account_form").submit(password=PASSWORD, action="save")

    assert (chosen.status, chosen.location) == (303, "/settings/payments")
    after = page()
    assert with_checksum(account, "testnet") in after.text
    assert "Crypto on Hedera" in lines(after)
    written = observer.sql(
        "SELECT actor_id FROM audit_logs WHERE action = 'hedera_account.chosen' AND organization_id = :id",
        id=make.merchant.organization_id,
    )
    assert [row.actor_id for row in written] == [make.merchant.owner.id]


@pytest.mark.parametrize("password", ["", "not the password"])
def test_without_the_password_nothing_is_chosen(page, account, observer, password):
    refused = page().form("account_form").submit(account=account, password=password, action="save")

    assert refused.status == 422
    assert "This is not your password." in refused.text
    assert not observer.sql("SELECT 1 FROM hedera_accounts WHERE account_id = :id", id=account)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter your account id"),
        ("0.0.1010", "deleted"),
        ("0.0.1011", "must sign everything"),
        ("0.0.123-vfmkw", "an account of mainnet; payments here are on testnet"),
        ("0.0.999999999", "no account 0.0.999999999"),
        ("<b>me</b>", "looks like 0.0.12345"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_kept_as_typed(page, typed, said):
    found = page().form("account_form").submit(account=typed, password=PASSWORD, action="save")

    assert found.status == 422
    assert said in found.errors()["account"]
    assert found.form("account_form").values["account"] == typed
    assert found.title.startswith("Error: ")


def test_an_account_without_an_association_is_told_what_to_do_and_checked_again(page, sandbox):
    made = sandbox.post("/mirror_node/accounts", role="merchant", all_tokens=False)
    number = str(made["accounts"][0]["account"])
    page().form("account_form").submit(account=number, password=PASSWORD, action="save")
    before = page()
    assert lines(before)["USDC"] == "Not possible"
    assert "Associate token 0.0.429274 in your wallet, then check again." in before.text
    sandbox.post("/mirror_node/accounts", account=number, tokens={"USDC": {}})

    answer = before.form("/settings/payments/hedera-account/checks").submit()

    assert answer.status == 303
    assert lines(page())["USDC"] == "Fine"


def test_an_account_that_was_replaced_is_named_while_open_links_show_it(page, account, sandbox, make, observer):
    page().form("account_form").submit(account=account, password=PASSWORD, action="save")
    link = make.link()
    observer.sql(
        "INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor, currency,"
        " idempotency_key, expires_at, asset_amount, rate, rate_source, rate_as_of, hedera_account_id, entity_id)"
        " SELECT gen_random_uuid(), organization_id, :link, 1, 'HBAR', 'READY', 12050, 'AUD', 'k' || gen_random_uuid(),"
        " now() + interval '1 hour', 1, 1, 'COINGECKO', now(), id, 'HBAR' FROM hedera_accounts WHERE account_id = :id",
        link=link.id, id=account,
    )  # fmt: skip
    other = sandbox.post("/mirror_node/accounts", role="merchant", all_tokens=True)["accounts"][0]["account"]

    page().form("account_form").submit(account=other, password=PASSWORD, action="save")

    assert f"We still watch {with_checksum(account, 'testnet')}" in page().text
    assert "one open link has shown it" in page().text


def test_while_the_network_is_away_the_form_says_so(page, account, sandbox):
    sandbox.fault(vendor="mirror_node", kind="error", status=503, remaining=1)

    found = page().form("account_form").submit(account=account, password=PASSWORD, action="save")

    assert found.status == 422
    assert "cannot reach the Hedera network" in found.errors()["account"]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER])
def test_only_an_owner_says_where_the_money_goes(signed_in, account, role):
    client = signed_in(role)

    assert "Only an owner can enter the account" in client.get("payment_settings.show").text
    sent = {"account": account, "password": PASSWORD, "action": "save"}
    assert client.post("payment_settings.choose_account", sent).status == 403


# ---------------------------------------------------------------- what is taken


def test_what_is_taken_is_saved_written_down_and_shown(page, make, observer):
    form = page().form("crypto_choices")

    answer = form.submit(
        enabled="on", accepts_usdt="", hbar_tolerance="1.25", token_tolerance="0,05 %", quote_window="0",
        late_grace="86400",
    )  # fmt: skip

    assert (answer.status, answer.location) == (303, "/settings/payments")
    values = page().form("crypto_choices").values
    shown = ("enabled", "accepts_hbar", "accepts_usdt", "quote_window", "late_grace")
    assert {name: values.get(name) for name in shown} == {
        "enabled": "on", "accepts_hbar": "on", "accepts_usdt": None, "quote_window": "0", "late_grace": "86400",
    }  # fmt: skip
    assert (values["hbar_tolerance"], values["token_tolerance"]) == ("1.25", "0.05")
    (row,) = observer.sql(
        "SELECT detail FROM audit_logs WHERE action = 'crypto.changed' AND organization_id = :id",
        id=make.merchant.organization_id,
    )
    assert row.detail["after"]["hbar_tolerance_bp"] == 125


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"hbar_tolerance": "5.01"}, "hbar_tolerance"),
        ({"hbar_tolerance": "-1"}, "hbar_tolerance"),
        ({"token_tolerance": "a lot"}, "token_tolerance"),
        ({"token_tolerance": "0.001"}, "token_tolerance"),
        ({"quote_window": "90000"}, "quote_window"),
        ({"late_grace": "59"}, "late_grace"),
        ({"late_grace": "99999999"}, "late_grace"),
        ({"enabled": "on", "accepts_hbar": "", "accepts_usdc": "", "accepts_usdt": "", "accepts_audd": ""}, "accepted"),
    ],
)
def test_a_choice_that_cannot_be_is_said_and_nothing_is_saved(page, typed, field):
    found = page().form("crypto_choices").submit(**typed)

    assert found.status == 422
    assert set(found.errors()) == {field}
    assert page().form("crypto_choices").values["hbar_tolerance"] == "0.5"


def test_whoever_saves_old_choices_is_told_so(page):
    old, new = page().form("crypto_choices"), page().form("crypto_choices")
    new.submit(enabled="on")

    assert old.submit(enabled="on", hbar_tolerance="5").status == 409


def test_a_new_link_offers_what_the_organization_takes(page, signed_in, make):
    client = signed_in()
    before = client.get("links.new")
    page().form("crypto_choices").submit(enabled="on", accepts_usdt="", accepts_audd="")

    after = client.get("links.new")

    assert {name for name in before.form("link_form").values if name.startswith("method_")} == {"method_card"}
    form = after.form("link_form")
    assert {name for name in form.values if name.startswith("method_")} == {"method_card", "method_hbar", "method_usdc"}
    answer = form.submit(amount="120.50", description="Paid in tokens", method_card="", action="open")
    assert answer.status == 303
    shown = client.open("GET", answer.location)
    assert shown.status == 200
    none = form.submit(amount="1", description="Nothing", method_card="", method_hbar="", method_usdc="", action="open")
    assert none.errors()["method_card"] == "Choose at least one way to pay."


def test_a_token_the_account_cannot_receive_is_told_where_links_are_made(page, signed_in, sandbox):
    made = sandbox.post("/mirror_node/accounts", role="merchant", all_tokens=False)["accounts"][0]["account"]
    page().form("account_form").submit(account=made, password=PASSWORD, action="save")
    page().form("crypto_choices").submit(enabled="on")

    said = signed_in().get("links.new").text

    assert f"Paid straight to {with_checksum(made, 'testnet')}." in said
    assert "Not offered yet. It is not associated with USDC." in said


# ---------------------------------------------------------------- those who run the platform


def test_the_platform_sees_what_the_network_says_of_each_token(client, make, observer, page):
    observer.sql("UPDATE users SET is_platform_admin = true WHERE id = :id", id=make.merchant.owner.id)
    observer.sql(
        "UPDATE hedera_assets SET state = 'MISMATCH', detail = 'It is odd.' WHERE asset = 'USDT' AND is_configured"
    )
    try:
        found = page().browser.get("admin_tokens.show")
    finally:
        with acting_as("worker"):
            check_assets()

    assert "USDT 0.0.5000101 hts 6 Not offered It is odd." in found.text
    assert "USDC 0.0.429274 hts 6 As it should be" in found.text
    assert page().browser.get("health.ready").json["checks"]["tokens"] == "ok"
