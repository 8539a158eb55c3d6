"""The pay page's side of paying with a wallet: what it offers, what it allows its scripts, and what it believes."""

from __future__ import annotations

import dataclasses

import pytest

from provvypay.kit import settings as kit_settings
from provvypay.web import security
from provvypay.web.assets import Assets
from tests.support.html import by_id
from tests.support.rates import refresh
from tests.support.tokens import quotes_of, takes_tokens, token_link

RELAY = "wss://relay.walletconnect.org"


@pytest.fixture
def account(make, observer):
    return takes_tokens(observer, make.merchant)


@pytest.fixture
def link(make, account, sandbox):
    refresh()
    return token_link(make)


@pytest.fixture
def wallets_on(app, settings, monkeypatch):
    """Wallets are set up and built."""
    chosen = dataclasses.replace(settings, walletconnect_project_id="ab" * 16, walletconnect_relay_url=RELAY)
    monkeypatch.setattr(kit_settings, "_current", chosen)
    monkeypatch.setattr(Assets, "has", lambda _self, name: name == "hashconnect.js")
    security._headers.cache_clear()
    yield
    security._headers.cache_clear()


def choose(client, link, asset="USDC"):
    """Take a price in a token; return the page that asks for it."""
    form = client.get("pay.show", short_code=link.short_code).form(f"/p/{link.short_code}/card")
    sent = client.post("pay.attempts", form.values | {"method": asset}, short_code=link.short_code)
    return client.open("GET", sent.location)


def policy_of(page):
    parts = (part.split(" ", 1) for part in page.response.headers["Content-Security-Policy"].split("; "))
    return dict(parts)


def test_the_button_has_all_a_wallet_needs(new_client, link, observer, account, wallets_on):
    customer = new_client()
    page = choose(customer, link)

    (given,) = quotes_of(observer, link.id)
    button = page.element("connect_wallet")
    dialog = customer.open("GET", button.get("data-dialog-url"), target="wallet").element("wallet")
    told = ("asset", "kind", "units", "entity", "account", "memo", "network", "quote")
    assert {name: button.get(f"data-{name}") for name in told} == {
        "asset": "USDC", "kind": "hts", "units": str(given["asset_amount"]), "entity": "0.0.429274",
        "account": account, "memo": link.short_code, "network": "testnet", "quote": "1",
    }  # fmt: skip
    assert (dialog.get("data-project"), dialog.get("data-relay")) == ("ab" * 16, RELAY)
    assert by_id(page.root, "wallet") is None, "nobody but who clicks carries the dialog"


def test_only_the_pay_page_may_talk_to_the_relay_and_only_with_wallets_on(new_client, link, wallets_on):
    stranger = new_client()

    assert policy_of(choose(stranger, link))["connect-src"] == f"'self' {RELAY}"
    assert policy_of(stranger.get("public.landing"))["connect-src"] == "'self'"


def test_without_a_project_the_page_says_why_in_a_sentence(new_client, link):
    page = choose(new_client(), link)

    assert "This page cannot open your wallet: that is not set up here. Send it by hand" in page.text
    assert by_id(page.root, "connect_wallet") is None
    assert new_client().get("pay.wallet_dialog", short_code=link.short_code, pay="USDC").status == 404
    assert policy_of(page)["connect-src"] == "'self'"


def test_without_the_bundle_the_page_says_why(new_client, link, wallets_on, monkeypatch):
    monkeypatch.setattr(Assets, "has", lambda _self, _name: False)

    page = choose(new_client(), link)

    assert "that part of it is not installed here" in page.text
    assert by_id(page.root, "connect_wallet") is None


def test_a_contract_is_never_asked_to_credit_a_guessed_address(new_client, link, observer, account, wallets_on):
    customer, alias = new_client(), "0x" + "5f" * 20
    entity = "SELECT entity_id FROM hedera_assets WHERE asset = 'AUDD' AND is_configured AND state = 'OK'"
    choose(customer, link, "AUDD")
    (given,) = quotes_of(observer, link.id)
    assert observer.sql(entity)
    kind = "UPDATE hedera_assets SET kind = :kind WHERE entity_id = :entity RETURNING entity_id"
    observer.sql(kind, kind="erc20", entity=given["entity_id"])
    try:
        unknown = choose(customer, link, "AUDD")
        observer.sql("UPDATE hedera_accounts SET evm_address = :evm WHERE account_id = :id", evm=alias, id=account)
        known = choose(customer, link, "AUDD")
    finally:
        observer.sql(kind, kind="hts", entity=given["entity_id"])

    assert "cannot open your wallet for this token yet" in unknown.text
    assert known.element("connect_wallet").get("data-address") == alias
    assert known.element("connect_wallet").get("data-kind") == "erc20"


@pytest.mark.parametrize(("said", "kept"), [("WALLET", "WALLET"), ("MERCHANT", "CUSTOMER"), (None, "CUSTOMER")])
def test_what_a_wallet_returned_is_kept_as_its_word(new_client, link, observer, said, kept):
    customer = new_client()
    form = choose(customer, link).form(f"/p/{link.short_code}/transfer-claims")

    sent = customer.post(
        "pay.claim_transfer",
        form.values | {"transaction_id": "0.0.2001@1763866934.182640119"} | ({"source": said} if said else {}),
        short_code=link.short_code,
    )

    assert sent.status == 303
    claims = observer.sql("SELECT source, state FROM transfer_claims WHERE link_id = :id", id=link.id)
    assert [(row.source, row.state) for row in claims] == [(kept, "PENDING")]
    assert [row.status for row in observer.sql("SELECT status FROM payment_links WHERE id = :id", id=link.id)] == [
        "OPEN"
    ]
