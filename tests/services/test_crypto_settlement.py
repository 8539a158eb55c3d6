"""Tokens settle a link by their quote or by the rate of their time; what cannot is held where it can be seen."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, TransferConcern
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services import crypto_settlement, link_story, payment_links, transfer_value
from tests.support.crypto import Account, apply, arrives, quoted, rated, receiving, stored
from tests.support.database import acting_as

Kind = ExceptionKind


@pytest.fixture
def account(make) -> Account:
    return receiving(make.merchant)


def balances(organization_id: uuid.UUID) -> dict[str, int]:
    """Return debit minus credit per account, in minor units."""
    with transaction(organization_id) as session:
        rows = session.execute(
            text(
                "SELECT account_code, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END)"
                " FROM ledger_entries GROUP BY account_code"
            )
        )
        return {code: int(balance) for code, balance in rows if balance}


def held(organization_id: uuid.UUID) -> list[tuple[str, str, int | None]]:
    """Return kind, state and amount of every exception, oldest first."""
    with transaction(organization_id) as session:
        return [
            tuple(row)
            for row in session.execute(text("SELECT kind, state, amount_minor FROM payment_exceptions ORDER BY id"))
        ]


# ---------------------------------------------------------------- enough, short, over


def test_exactly_what_was_quoted_settles_and_keeps_its_tokens_in_the_books(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)

    applied = arrives(account, link, due)

    assert applied.held_as is None
    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1052": 100_00, "4000": -100_00}
    with transaction(link.organization_id) as session:
        assert session.execute(text("SELECT sum(asset_amount) FROM ledger_entries")).scalar_one() == due


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (-66_666, {"1052": 99_90, "6120": 10, "4000": -100_00}),  # 0.10 short: the tolerance of 0.1 %, exactly
        (1, {"1052": 100_00, "4000": -100_00}),
        (6_667, {"1052": 100_01, "6120": -1, "4000": -100_00}),  # a minor unit too much is rounding
        (666_667, {"1052": 101_00, "2100": -1_00, "4000": -100_00}),
    ],
)
def test_small_differences_go_to_6120_and_a_surplus_to_the_customer(make, account, more, expected):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)

    arrives(account, link, due + more)

    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == expected
    assert [kind for kind, *_ in held(link.organization_id)] == ([Kind.OVER] if "2100" in expected else [])
    if "2100" in expected:  # what is held is a part of the tokens, and is not said to be all of them
        with transaction(link.organization_id) as session:
            told = [step.detail for step in link_story.steps(session, link.organization_id, link.id, LinkStatus.PAID)]
        assert "Of 67.333334 USDC, AUD 1.00 is safe in 2100 Customer Credits and waits in Exceptions." in told


def test_parts_add_up_to_one_settlement(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)

    first = arrives(account, link, due // 4)
    second = arrives(account, link, due // 4)
    assert (first.held_as, second.held_as) == (Kind.SHORT, Kind.SHORT)
    assert balances(link.organization_id) == {"1052": 49_98, "2100": -49_98}

    arrives(account, link, due - 2 * (due // 4))

    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1052": 99_98, "6120": 2, "4000": -100_00}
    assert [state for _, state, _ in held(link.organization_id)] == ["RESOLVED", "RESOLVED"]


def test_what_came_short_stays_a_credit_when_a_card_pays_it_all(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)

    arrives(account, link, due // 2)
    make.settled(link)

    assert make.reload(link).status == LinkStatus.PAID
    assert held(link.organization_id) == [(Kind.SHORT, "OPEN", 49_99)]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    shares=st.lists(st.integers(1, 140), min_size=1, max_size=5),
    rate=st.sampled_from(["0.0713", "1", "1.4999", "97.3"]),
    asset=st.sampled_from(["HBAR", "USDC"]),
    currency=st.sampled_from(["AUD", "JPY"]),
)
def test_whatever_comes_the_books_balance_and_nothing_is_lost(make, shares, rate, asset, currency):
    merchant = make.organization()
    account = receiving(merchant)
    link = make.link(amount_minor=9_973, currency=currency, merchant=merchant)
    due = quoted(account, link, asset, rate=rate)

    for share in shares:
        arrives(account, link, max(1, due * share // 100), asset)

    books = balances(link.organization_id)
    assert sum(books.values()) == 0
    assert "1200" not in books
    with transaction(link.organization_id) as session:
        tokens = session.execute(text("SELECT coalesce(sum(asset_amount), 0) FROM ledger_entries")).scalar_one()
        unbooked = session.execute(
            text(
                "SELECT coalesce(sum(t.amount), 0) FROM payment_exceptions e"
                " JOIN hedera_transfers t ON t.id = e.transfer_id"
            )
        ).scalar_one()
    assert tokens + unbooked == sum(max(1, due * share // 100) for share in shares)
    assert (make.reload(link).status == LinkStatus.PAID) == (books.get("4000") == -9_973)


# ---------------------------------------------------------------- which quote, which rate


def test_after_its_quote_money_is_judged_by_the_rate_of_its_time(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link, "HBAR", rate="0.10", lasts=dt.timedelta(seconds=-1))
    rated("HBAR", "AUD", "0.092")

    applied = arrives(account, link, due, "HBAR")

    assert applied.held_as is Kind.SHORT
    assert held(link.organization_id) == [(Kind.SHORT, "OPEN", 92_00)]


def test_of_two_quotes_the_better_for_the_customer_counts(make, account):
    link = make.link(amount_minor=100_00)
    quoted(account, link, "HBAR", rate="0.10")
    cheaper = quoted(account, link, "HBAR", rate="0.125")

    arrives(account, link, cheaper, "HBAR")

    assert make.reload(link).status == LinkStatus.PAID


def test_money_without_a_rate_of_its_time_waits_and_becomes_a_payment_once_there_is_one(make, account):
    link = make.link(amount_minor=100_00)
    quoted(account, link, "HBAR", rate="0.10")
    yesterday = now() - dt.timedelta(hours=20)
    transfer = stored(account, link, 1_000 * 10**8, "HBAR", at=yesterday)

    assert apply(transfer).held_as is Kind.UNVALUED
    assert balances(link.organization_id) == {}

    rated("HBAR", "AUD", "0.11", at=yesterday + dt.timedelta(minutes=5))
    with acting_as("worker"), transaction(link.organization_id) as session:
        crypto_settlement.value_again(session, transfer, RateTable())

    assert held(link.organization_id) == [(Kind.UNVALUED, "RESOLVED", None), (Kind.UNCONFIRMED, "OPEN", 110_00)]
    assert balances(link.organization_id) == {"1051": 110_00, "2100": -110_00}


def test_parts_complete_a_link_although_nothing_may_be_missing(make, account):
    link = make.link(amount_minor=100_00)
    with transaction(link.organization_id) as session:
        session.execute(text("UPDATE merchant_settings SET hbar_tolerance_bp = 0, token_tolerance_bp = 0"))
    due = quoted(account, link)

    arrives(account, link, due // 2)
    arrives(account, link, due - due // 2)

    assert make.reload(link).status == LinkStatus.PAID


@pytest.mark.parametrize(
    ("asset", "amount", "rate", "currency", "value"),
    [("HBAR", 123_456_789, "0.0713", "USD", 8), ("USDC", 1_000_000, "150.2", "JPY", 150), ("USDC", 1, "1", "AUD", 0)],
)
def test_values_are_rounded_down_to_minor_units(asset, amount, rate, currency, value):
    assert transfer_value.to_minor(amount, asset, transfer_value.Decimal(rate), currency) == value


@pytest.mark.parametrize(
    ("asset", "amount_minor", "currency", "allowed"),
    [
        ("HBAR", 100_00, "AUD", 50),
        ("USDC", 100_00, "AUD", 10),
        ("HBAR", 1_000_000_00, "AUD", 1_00),
        ("HBAR", 500, "JPY", 1),
    ],
)
def test_the_tolerance_is_a_share_and_never_more_than_one(asset, amount_minor, currency, allowed):
    assert transfer_value.tolerance(asset, amount_minor, currency, hbar_bp=50, token_bp=10) == allowed


# ---------------------------------------------------------------- what a person must look at


@pytest.mark.parametrize("concern", list(TransferConcern))
def test_money_sent_in_an_odd_way_is_held_although_it_names_the_link(make, account, concern):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)

    assert arrives(account, link, due, concern=concern).held_as is Kind.UNCONFIRMED
    assert make.reload(link).status == LinkStatus.OPEN
    assert balances(link.organization_id) == {"1052": 100_00, "2100": -100_00}


def test_a_token_that_was_not_quoted_and_money_before_any_quote_are_held(make, account):
    link = make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    rated("USDT", "AUD", "1.50")

    assert arrives(account, link, 66_666_667).held_as is Kind.UNCONFIRMED
    quoted(account, link, "USDC")
    assert arrives(account, link, 66_666_667, "USDT").held_as is Kind.WRONG_TOKEN
    assert make.reload(link).status == LinkStatus.OPEN


def test_money_without_a_memo_goes_to_suspense_with_a_suggestion(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)
    rated("USDC", "AUD", "1.50")

    assert arrives(account, None, due).held_as is Kind.NO_MEMO
    assert arrives(account, None, due, memo="invoice 7").held_as is Kind.UNKNOWN_MEMO
    assert balances(link.organization_id) == {"1052": 200_00, "2190": -200_00}
    with transaction(link.organization_id) as session:
        suggested = session.execute(text("SELECT suggested_link_id FROM payment_exceptions ORDER BY id")).scalars()
        assert list(suggested) == [link.id, None]


def test_an_unknown_token_is_a_fact_without_a_journal_and_what_we_pay_ourselves_is_nothing(make, account):
    link = make.link()
    quoted(account, link)

    assert arrives(account, link, 5, None).held_as is Kind.UNKNOWN_TOKEN
    assert arrives(account, link, 5, direction="SELF").held_as is None
    assert balances(link.organization_id) == {}
    assert held(link.organization_id) == [(Kind.UNKNOWN_TOKEN, "OPEN", None)]


def test_dust_is_kept_and_rings_no_bell(make, account):
    link = make.link(amount_minor=100_00)
    quoted(account, link)

    arrives(account, link, 100_000)  # 0.15
    arrives(account, link, 1)  # nothing, in minor units

    assert [kind for kind, *_ in held(link.organization_id)] == [Kind.SHORT, Kind.UNVALUED]
    with transaction(link.organization_id) as session:
        assert set(session.execute(text("SELECT muted FROM notifications")).scalars()) == {True}


def test_the_same_transfer_again_changes_nothing(make, account):
    link = make.link(amount_minor=100_00)
    transfer = stored(account, link, quoted(account, link))

    first, again = apply(transfer), apply(transfer)

    assert first.result is not None
    assert again.result is not None
    assert (first.result.is_new, again.result.is_new) == (True, False)
    assert balances(link.organization_id) == {"1052": 100_00, "4000": -100_00}


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("status", [LinkStatus.OPEN, LinkStatus.EXPIRED])
@pytest.mark.parametrize(("ended_ago", "kind"), [(30, None), (90, Kind.LATE)])
def test_the_consensus_time_decides_even_when_the_link_has_expired_meanwhile(make, account, status, ended_ago, kind):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)
    with transaction(link.organization_id) as session:
        payment_links.get(session, link.id).expires_at = now() - dt.timedelta(seconds=ended_ago)
    if status is LinkStatus.EXPIRED:
        with acting_as("worker"), transaction(link.organization_id) as session:
            assert payment_links.expire(session, link.id, now=now())

    applied = arrives(account, link, due, at=now() - dt.timedelta(seconds=60))

    assert applied.held_as is kind
    assert make.reload(link).status == (status if kind else LinkStatus.PAID)
