"""The merchant's side of a payment in tokens: prices given, what came, what is missing, and why money is held."""

from __future__ import annotations

import re

import pytest

from provvypay.domain.statuses import LinkStatus, TransferConcern
from provvypay.flows import quote
from provvypay.kit.db import transaction
from provvypay.services import exception_list
from tests.support.hostile import MARKUP, planted
from tests.support.rates import refresh
from tests.support.tokens import arrives, quotes_of, takes_tokens, token_link


@pytest.fixture(autouse=True)
def account(make, observer, sandbox):
    refresh()
    return takes_tokens(observer, make.merchant)


@pytest.fixture
def link(make, account):
    found = token_link(make)
    quote.choose(found.short_code, "USDC")
    return found


def held(link):
    with transaction(link.organization_id) as session:
        return exception_list.page(session, link.organization_id).rows


def test_the_links_page_shows_prices_what_came_and_what_is_missing(link, signed_in, observer):
    client = signed_in()
    units = quotes_of(observer, link.id)[0]["asset_amount"]
    given = client.get("links.show", link_id=link.id)
    arrives(observer, link, "USDC", units // 2)
    short = client.get("links.show", link_id=link.id)
    (waiting,) = held(link)
    arrives(observer, link, "USDC", units - units // 2)
    paid = client.get("links.show", link_id=link.id)

    assert "Prices given" in given.text
    assert "Holds" in given.text
    assert "Customer chose a token and was given a price" in given.text
    assert "Received on Hedera" not in given.text
    assert re.search(r"AUD 620\.0\d missing", short.text)
    assert "A part was received" in short.text
    assert short.all("a", href=f"/exceptions/{waiting.id}")
    assert "Paid and booked" in paid.text
    assert "Received in USDC" in paid.text
    assert paid.text.count("Settled") == 2
    assert "missing" not in paid.text
    assert "from 0.0.2002" in paid.text


CASES = {
    "SHORT": ("USDC", 1_000000, None, "a part of what is due"),
    "WRONG_TOKEN": ("USDT", 5_000000, None, "a token the customer was given no price for"),
    "UNCONFIRMED": ("USDC", 5_000000, TransferConcern.AIRDROP, "sent in an unusual way"),
    "UNKNOWN_TOKEN": (None, 7, None, "a token we do not know"),
    "NO_MEMO": ("USDC", 5_000000, None, "a transfer without a memo"),
    "UNKNOWN_MEMO": ("USDC", 5_000000, None, "whose memo names none of your links"),
}


@pytest.mark.parametrize("kind", CASES)
def test_held_money_is_explained_with_its_evidence(link, signed_in, observer, kind):
    asset, units, concern, words = CASES[kind]
    memo = {"NO_MEMO": "", "UNKNOWN_MEMO": "INVOICE 7"}.get(kind)
    arrives(observer, link, asset, units, concern=concern, memo=memo, names_the_link=memo is None)
    client = signed_in()
    (row,) = held(link)

    index, page = client.get("exceptions.index"), client.get("exceptions.show", exception_id=row.id)
    dashboard, bell = client.get("dashboard.show"), client.get("notifications.index")

    assert row.kind == kind
    for found in (index, page):
        assert words in found.text
    for evidence in ("0.0.2002@", "consensus", "From", "Memo"):
        assert evidence in page.text
    assert ("Suspense" in page.text) is (memo is not None)
    assert dashboard.status == bell.status == 200
    assert f"/exceptions/{row.id}" in dashboard.source


def test_a_suggestion_names_the_link_and_decides_nothing(make, link, signed_in, observer):
    units = quotes_of(observer, link.id)[0]["asset_amount"]
    arrives(observer, link, "USDC", units, memo="", names_the_link=False)
    (row,) = held(link)

    page = signed_in().get("exceptions.show", exception_id=row.id)

    assert "It may be for" in page.text
    assert page.all("a", href=f"/links/{link.id}")
    assert make.reload(link).status == LinkStatus.OPEN


@pytest.mark.parametrize("typed", MARKUP[:4])
def test_a_hostile_memo_stays_a_text(link, signed_in, observer, typed):
    arrives(observer, link, "USDC", 5_000000, memo=typed, names_the_link=False)
    (row,) = held(link)

    page = signed_in().get("exceptions.show", exception_id=row.id)

    assert planted(page.root) == []
    assert " ".join(typed.split()) in page.text


def test_another_organizations_transfer_is_not_there(make, link, signed_in, observer):
    arrives(observer, link, "USDC", 5_000000)
    (row,) = held(link)
    stranger = signed_in(merchant=make.organization())

    assert stranger.get("exceptions.show", exception_id=row.id).status == 404
    assert stranger.get("links.show", link_id=link.id).status == 404
    assert row.number not in stranger.get("exceptions.index").source
