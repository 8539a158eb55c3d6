"""Quotes as rows: one however often it is asked for, never for what cannot be paid, and exactly what is still due."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
import time_machine

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Gone, NotFound
from provvypay.flows import create_link, quote
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services import quotes
from tests.support.rates import refresh
from tests.support.tokens import arrives, quotes_of, takes_tokens, token_link

QUARTER = dt.timedelta(minutes=15)


@pytest.fixture(autouse=True)
def rates(app, sandbox):
    refresh()


@pytest.fixture
def account(make, observer):
    return takes_tokens(observer, make.merchant)


def aged(table, at):
    """Return the same rates as fetched a minute before a moment."""
    before = at - dt.timedelta(minutes=1)
    return RateTable(replace(one, as_of=before, fetched_at=before) for one in table)


def give(link, asset="USDC", *, at=None):
    rates = current_rates()
    with transaction(link.organization_id) as session:
        return quotes.give(session, link.id, asset, rates, network="testnet", now=at or now())


def test_a_choice_is_kept_as_evidence(make, observer, account):
    link = token_link(make)

    quote.choose(link.short_code, "USDC")

    (given,) = quotes_of(observer, link.id)
    snapshot = observer.sql(
        "SELECT rate, source, as_of FROM fx_snapshots WHERE link_id = :id AND asset = 'USDC'", id=link.id
    )[0]
    assert (given["method"], given["state"], given["amount_minor"], given["entity_id"]) == (
        "USDC", "READY", 1240_00, "0.0.429274",
    )  # fmt: skip
    assert (given["rate"], given["rate_source"], given["rate_as_of"]) == tuple(snapshot)
    assert 0 <= given["asset_amount"] * given["rate"] - 1240 * 10**6 < given["rate"]
    assert abs(given["expires_at"] - now() - QUARTER) < dt.timedelta(seconds=10)
    assert given["idempotency_key"] == f"pl:{link.id}:attempt:1"
    event = observer.sql("SELECT data FROM payment_events WHERE link_id = :id AND kind = 'quote.given'", id=link.id)[0]
    assert event.data["asset_amount"] == given["asset_amount"]
    assert Decimal(event.data["rate"]) == given["rate"]


@pytest.mark.usefixtures("account")
def test_clicks_tabs_and_threads_share_one_quote(make, observer, in_threads):
    link = token_link(make)
    rates = current_rates()

    def click(session):
        quotes.give(session, link.id, "HBAR", rates, network="testnet", now=now())

    assert in_threads(6, click, role="web") == []
    give(link, "HBAR")
    give(link, "USDT")

    assert [one["method"] for one in quotes_of(observer, link.id)] == ["HBAR", "USDT"]


@pytest.mark.usefixtures("account")
def test_a_price_that_ended_or_nearly_did_is_followed_by_another(make, observer):
    link = token_link(make)

    for minutes in (0, 13, 14.5, 14.6):
        give(link, at=now() + dt.timedelta(minutes=minutes))

    first, second = quotes_of(observer, link.id)
    assert second["expires_at"] - first["expires_at"] > dt.timedelta(minutes=14)


@pytest.mark.usefixtures("account")
def test_the_rate_of_the_links_beginning_counts_for_the_window_and_then_that_of_the_day(make, observer):
    link = token_link(make)
    kept = "SELECT rate, as_of FROM fx_snapshots WHERE link_id = :id AND asset = 'USDC'"
    ((rate, as_of),) = observer.sql(kept, id=link.id)

    table = current_rates()
    moved = replace(table.get("USDC", "AUD"), value=rate * 2, as_of=now())
    table = RateTable([one for one in table if one.asset != "USDC" or one.currency != "AUD"] + [moved])
    for at in (link.created_at, link.created_at + QUARTER + dt.timedelta(seconds=1)):
        with transaction(link.organization_id) as session:
            quotes.give(session, link.id, "USDC", aged(table, at), network="testnet", now=at)

    first, later = quotes_of(observer, link.id)
    assert (first["rate"], first["rate_as_of"]) == (rate, as_of)
    assert later["rate"] == rate * 2


def test_a_window_of_zero_keeps_it_for_the_links_life(make, observer):
    takes_tokens(observer, make.merchant, window=0)
    ends = now() + dt.timedelta(days=3)
    link, endless = token_link(make, expires_at=ends), token_link(make)

    give(link)
    give(endless)

    assert quotes_of(observer, link.id)[0]["expires_at"] == ends
    assert quotes_of(observer, endless.id)[0]["expires_at"] > now() + dt.timedelta(days=365)


@pytest.mark.usefixtures("account")
def test_no_price_outlives_the_link(make, observer):
    link = token_link(make, expires_at=now() + dt.timedelta(minutes=6))

    give(link)
    give(link, at=now() + dt.timedelta(minutes=5, seconds=30))

    (given,) = quotes_of(observer, link.id)
    assert given["expires_at"] == link.expires_at


@pytest.mark.usefixtures("account")
def test_after_a_part_only_the_rest_is_due(make, observer):
    link = token_link(make)
    give(link)
    units = quotes_of(observer, link.id)[0]["asset_amount"]
    arrives(observer, link, "USDC", units // 4)

    give(link)
    give(link, "HBAR")

    _whole, rest, in_hbar = quotes_of(observer, link.id)
    assert rest["amount_minor"] == in_hbar["amount_minor"] == 1240_00 - 1240_00 * (units // 4) // units
    assert abs(rest["asset_amount"] - units * 3 // 4) < 20_000
    arrives(observer, link, "USDC", rest["asset_amount"])
    assert make.reload(link).status == LinkStatus.PAID
    with pytest.raises(Gone):
        give(link)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("status", ["canceled", "ended"])
def test_what_cannot_be_paid_gets_no_price(make, observer, status):
    link = token_link(make, expires_at=now() + dt.timedelta(minutes=10))
    if status == "canceled":
        create_link.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    with pytest.raises(Gone):
        give(link, at=now() + dt.timedelta(minutes=10, seconds=1))
    assert quotes_of(observer, link.id) == []


def test_what_is_not_offered_gets_no_price_and_says_why(make, observer, account):
    link, cards = token_link(make, methods=("CARD", "USDC", "HBAR")), token_link(make, methods=("CARD",))
    observer.sql(
        "UPDATE merchant_settings SET accepted_assets = '{USDC}' WHERE organization_id = :id", id=link.organization_id
    )

    with pytest.raises(Conflict, match="not offered") as not_accepted:
        give(link, "HBAR")
    with pytest.raises(Conflict) as not_of_the_link:
        give(cards)
    with pytest.raises(Conflict) as unknown:
        give(link, "CARD")
    with pytest.raises(NotFound):
        quote.choose("BBBBBBBB", "USDC")

    assert not_accepted.value.public_message == "Vale Bicycles does not take HBAR at the moment."
    assert not_of_the_link.value.public_message == "USDC is not taken for this link."
    assert unknown.value.public_message == "CARD is not taken for this link."
    assert quotes_of(observer, link.id) == quotes_of(observer, cards.id) == []


@pytest.mark.usefixtures("account")
def test_a_token_that_is_paused_gets_no_price_though_its_first_rate_is_known(make):
    link = token_link(make)

    with time_machine.travel(now() + dt.timedelta(minutes=16)), pytest.raises(Conflict) as refused:
        give(link)

    assert "too old" in refused.value.public_message
