"""The pages of the books: for those who may look, of one organization, each figure leading on."""

from __future__ import annotations

import datetime as dt

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services.ledger import journal_views
from tests.support.factories import NOISE
from tests.support.hostile import MARKUP, planted


def journals_of(link):
    with transaction(link.organization_id) as session:
        return journal_views.of_link(session, link.organization_id, link.id)


def test_the_trial_balance_balances_and_leads_to_its_accounts(make, signed_in):
    make.link(status=LinkStatus.PAID, amount_minor=120_50)
    client = signed_in(Role.ACCOUNTANT)

    page = client.get("ledger.trial_balance")

    assert "Balanced" in page.text
    assert "Does not balance" not in page.text
    assert "120.50" in page.text
    links = [one.get("href") for one in page.all("a") if str(one.get("href")).startswith("/ledger/accounts/")]
    assert list(dict.fromkeys(links)) == [f"/ledger/accounts/{code}?currency=AUD" for code in ("1050", "1200", "4000")]
    assert all(client.open("GET", link).status == 200 for link in links)
    assert NOISE not in page.source


def test_books_without_entries_say_what_will_come(signed_in):
    assert "Nothing is booked yet" in signed_in().get("ledger.trial_balance").text


def test_the_organizations_currency_comes_first(make, signed_in):
    merchant = make.organization(currency="USD", time_zone="America/New_York")
    for currency in ("AUD", "USD"):
        make.link(status=LinkStatus.PAID, currency=currency, merchant=merchant)

    page = signed_in(merchant=merchant).get("ledger.trial_balance")

    assert [one.get("id") for one in page.all("h2")] == ["trial_balance_USD", "trial_balance_AUD"]


def test_the_trial_balance_of_a_day_counts_to_its_end_in_the_organizations_zone(make, signed_in):
    link = make.link(amount_minor=70_00)
    # 13:30 UTC on the 20th is half past midnight of the 21st in Sydney (UTC+11 in November).
    make.settled(link, make.incoming_payment(link, occurred_at=dt.datetime(2025, 11, 20, 13, 30, tzinfo=dt.UTC)))
    client = signed_in()

    assert "Nothing was booked by then" in client.get("ledger.trial_balance", at="2025-11-20").text
    assert "70.00" in client.get("ledger.trial_balance", at="2025-11-21").text


@pytest.mark.parametrize("at", ["x", "2025-02-30", "9999-12-31", "' OR 1=1", "\x00", "0001-01-01"])
def test_a_day_that_cannot_be_breaks_nothing(make, signed_in, at):
    make.link(status=LinkStatus.PAID)

    assert signed_in().get("ledger.trial_balance", at=at).status == 200


def test_an_account_shows_its_entries_with_the_balance_after_each(make, signed_in):
    for days, amount in ((2, 10_00), (1, 25_00)):
        link = make.link(amount_minor=amount, reference=f"INV-{amount}")
        make.settled(link, make.incoming_payment(link, occurred_at=now() - dt.timedelta(days=days)))

    page = signed_in().get("ledger.account", code="1050")

    assert "Stripe Clearing" in page.text
    assert page.text.index("INV-2500") < page.text.index("INV-1000")
    assert "35.00 Dr" in page.text
    assert "10.00 Dr" in page.text
    assert NOISE not in page.source


@pytest.mark.parametrize(
    ("code", "asked"), [("9999", {}), ("' OR", {}), ("1050", {"currency": "aud"}), ("1050", {"currency": "A" * 999})]
)
def test_an_account_that_cannot_be_is_not_there(signed_in, code, asked):
    assert signed_in().get("ledger.account", code=code, **asked).status == 404


def test_an_account_nobody_used_in_a_currency_is_empty(signed_in):
    page = signed_in().get("ledger.account", code="1050", currency="EUR")

    assert page.status == 200
    assert "No entries yet" in page.text


def test_a_journal_shows_both_sides_and_leads_to_its_cause(make, signed_in):
    link = make.link(status=LinkStatus.PAID, amount_minor=120_50)
    sale = journals_of(link)[0]

    page = signed_in().get("ledger.journal", journal_id=sale.id)

    assert sale.number in page.title
    assert all(words in page.text for words in ("Accounts Receivable", "Revenue", "120.50", link.description))
    assert f"/links/{link.id}" in [one.get("href") for one in page.all("a")]


def test_the_journal_of_held_money_leads_to_its_exception(make, signed_in):
    link = make.exception(ExceptionKind.LATE)
    client = signed_in()

    page = client.get("ledger.journal", journal_id=journals_of(link)[0].id)

    (cause,) = [one.get("href") for one in page.all("a") if str(one.get("href")).startswith("/exceptions/")]
    assert client.open("GET", cause).status == 200


def test_another_organizations_journal_is_not_there(make, signed_in):
    foreign = make.link(merchant=make.organization(), status=LinkStatus.PAID)
    client = signed_in()

    theirs = client.get("ledger.journal", journal_id=journals_of(foreign)[0].id)
    nobodys = client.get("ledger.journal", journal_id=uuid7())

    assert theirs.status == nobodys.status == 404
    assert theirs.text == nobodys.text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_the_books_are_closed_to_those_who_do_not_keep_them(make, signed_in, role):
    link = make.link(status=LinkStatus.PAID)
    client = signed_in(role)

    assert client.get("ledger.index").status == 403
    assert client.get("ledger.account", code="1050").status == 403
    assert client.get("ledger.journal", journal_id=journals_of(link)[0].id).status == 403


@pytest.mark.parametrize("typed", MARKUP[:6])
def test_hostile_texts_stay_texts_in_the_books(make, signed_in, typed):
    link = make.link(status=LinkStatus.PAID, description=typed, reference=typed)
    client = signed_in()

    pages = [
        client.get("ledger.account", code="4000"),
        client.get("ledger.journal", journal_id=journals_of(link)[0].id),
    ]

    for page in pages:
        assert page.status == 200
        assert planted(page.root) == []
        assert typed in page.text
