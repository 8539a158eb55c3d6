"""Rates as the merchant and those who run the platform see them: value, source, age, and what is in doubt."""

from __future__ import annotations

import pytest

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.roles import Role
from tests.support import html
from tests.support.rates import forget_cached, refresh

pytestmark = pytest.mark.usefixtures("no_rates")

TOKENS = ["HBAR", "USDC", "USDT", "AUDD"]


def table(page, number: int) -> list[list[str]]:
    """Return the n-th table of a page as texts, without its head."""
    rows = page.all("table")[number].findall(".//tr")
    return [[html.text_of(cell) for cell in row] for row in rows][1:]


def tokens(page) -> dict[str, list[str]]:
    """Return what is said of each token: its rate, its detail, its state."""
    found = {}
    for entry in page.all("li"):
        if entry.get("data-tone"):
            what, detail, state = (html.text_of(part) for part in entry.findall("span"))
            found[what.split()[0]] = [what.partition(" ")[2], detail, state]
    return found


@pytest.fixture
def admin(signed_in, make, observer):
    """A member who also runs the platform."""
    client = signed_in()
    observer.sql("UPDATE users SET is_platform_admin = true WHERE id = :id", id=make.merchant.owner.id)
    return client


# ---------------------------------------------------------------- the merchant


def test_every_token_stands_there_with_rate_source_and_age(signed_in):
    refresh()

    found = tokens(signed_in().get("settings.rates"))

    assert list(found) == TOKENS
    for rate, detail, state in found.values():
        assert rate.startswith("AUD ")
        assert (detail, state) == ("CoinGecko, fetched just now.", "Good")


def test_every_currency_a_link_may_be_in_stands_there(signed_in):
    refresh()

    rows = table(signed_in().get("settings.rates"), 0)

    assert [row[0][:3] for row in rows] == list(CURRENCIES)
    assert all(len(row) == 5 and "none" not in row for row in rows)


def test_without_any_rate_the_page_says_so(signed_in):
    page = signed_in().get("settings.rates")

    assert "No rates yet" in page.text
    assert page.all("table") == []


def test_case_67_a_paused_token_says_why_and_the_others_are_good(signed_in, sandbox):
    sandbox.post("/rates", depeg={"usd-coin": "0.95"})
    refresh()

    found = tokens(signed_in().get("settings.rates"))

    assert found["USDC"][2] == "Paused"
    assert "USD, more than 2 % off its peg. CoinGecko, fetched just now." in found["USDC"][1]
    assert found["USDT"][2] == found["HBAR"][2] == "Good"


def test_case_66_a_rate_made_from_two_says_from_what(signed_in, sandbox):
    refresh()
    sandbox.fault(vendor="coingecko", kind="forbidden")
    refresh()

    page = signed_in().get("settings.rates")

    _, detail, state = tokens(page)["HBAR"]
    assert detail.startswith("Cross rate, fetched just now. Made from HBAR/USD (Hedera mirror node, ")
    assert state == "Good"
    notes = {row[0][:3]: row[1] for row in table(page, 0)}
    assert notes["USD"].endswith("mirror node")
    assert notes["EUR"].endswith("cross rate")


def test_case_66_sources_that_disagree_are_shown(signed_in, sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.15")
    refresh()

    page = signed_in().get("settings.rates")

    assert "Two sources disagree about HBAR" in page.text
    assert "CoinGecko says 0.18 USD and Hedera mirror node says 0.15 USD for one HBAR: 20 % apart." in page.text
    assert tokens(page)["HBAR"][2] == "Good"


def test_rates_that_are_too_old_are_marked(signed_in, observer):
    refresh()
    observer.sql("UPDATE fx_rates SET fetched_at = fetched_at - interval '40 minutes'")
    forget_cached()

    page = signed_in().get("settings.rates")

    assert "is too old: we last had it 40 minutes ago." in tokens(page)["HBAR"][1]
    assert all(cell.endswith("too old") for row in table(page, 0) for cell in row[1:])


# ---------------------------------------------------------------- those who run the platform


@pytest.mark.parametrize("role", list(Role))
def test_members_of_whatever_role_find_nothing_at_the_platforms_pages(role, signed_in):
    client = signed_in(role)

    assert client.get("admin_rates.show").status == 404
    assert "All sources" not in client.get("settings.rates").text


def test_a_visitor_is_asked_to_sign_in(client):
    page = client.get("admin_rates.show")

    assert (page.status, page.location) == (303, "/login?next=/admin/rates")


def test_all_sources_stand_beside_each_other(admin):
    refresh()
    assert "All sources" in admin.get("settings.rates").text

    page = admin.get("admin_rates.show")

    assert page.status == 200
    assert "Test mode: no real money moves" in page.text
    sources = table(page, 0)
    assert [row[0] for row in sources] == ["CoinGecko", "Hedera mirror node"]
    assert all(row[1].startswith("0.1") and "just now" in row[2] and row[3] == "Answers" for row in sources)


def test_before_the_first_fetch_the_page_says_what_to_look_for(admin):
    assert "Nobody was asked yet" in admin.get("admin_rates.show").text


def test_a_source_that_fails_says_how_often_and_why(admin, sandbox):
    sandbox.fault(vendor="coingecko", kind="rate_limit", retry_after=600)
    refresh()

    failing = table(admin.get("admin_rates.show"), 0)[0]

    assert failing[1] == "none"
    assert "1 in a row, left alone for " in failing[3]
    assert "CoinGeckoUnavailable: rate limit" in failing[4]


def test_what_waits_to_be_confirmed_is_shown_with_both_figures(admin, sandbox):
    sandbox.post("/rates", prices={"tether": {"usd": "1"}})
    refresh()
    sandbox.post("/rates", prices={"tether": {"usd": "1.5"}})
    refresh()

    page = admin.get("admin_rates.show")

    waiting = {row[0]: row for row in table(page, 1)}
    assert len(waiting) == len(CURRENCIES)
    assert waiting["USDT/USD"][1:4] == ["1", "1.5 50 % apart", "CoinGecko"]
    assert "USDT is paused" in page.text


def test_a_platform_admin_needs_no_organization(make, new_client, observer):
    person = make.user()
    observer.sql("UPDATE users SET is_platform_admin = true WHERE id = :id", id=person.id)
    client = new_client().hold(make.session_token(person))

    assert client.get("admin_rates.show").status == 200
