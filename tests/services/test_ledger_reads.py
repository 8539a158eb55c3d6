"""The books read: they balance in every currency, statements carry a running balance, journals know their cause."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid

import pytest

from provvypay.domain.statuses import ExceptionKind
from provvypay.errors import NotFound
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import exception_list, exceptions, fees, keyset
from provvypay.services.ledger import journal_views, journals, reads, statements
from provvypay.services.ledger.postings import Draft, Line
from provvypay.services.numbers import journal_number
from tests.support.database import acting_as
from tests.support.factories import NOISE, Make, Merchant

DAY = dt.timedelta(days=1)


def trial_balance(merchant: Merchant, before: dt.datetime | None = None) -> list[reads.TrialBalance]:
    with transaction(merchant.organization_id) as session:
        return reads.trial_balance(session, merchant.organization_id, before=before)


def journals_of(link: PaymentLink) -> list[journal_views.JournalView]:
    with transaction(link.organization_id) as session:
        return journal_views.of_link(session, link.organization_id, link.id)


def paid(make: Make, *, amount_minor: int = 100_00, days_ago: int = 0, currency: str | None = None) -> PaymentLink:
    link = make.link(amount_minor=amount_minor, currency=currency)
    make.settled(link, make.incoming_payment(link, occurred_at=now() - days_ago * DAY))
    return link


def book_fee(link: PaymentLink, *, currency: str = "AUD", settled_minor: int = 100_00, fee_minor: int = 2_00) -> None:
    with transaction(link.organization_id) as session:
        reference = session.connection().exec_driver_sql("SELECT provider_reference FROM payments").scalar_one()
    fact = fees.ChargeSettled(f"txn_{uuid.uuid4().hex}", settled_minor, fee_minor, currency, None, now(), now())
    with acting_as("worker"), transaction(link.organization_id) as session:
        assert fees.record(session, "STRIPE", reference, fact)


# ---------------------------------------------------------------- trial balance


def test_the_trial_balance_shows_net_balances_on_their_side(make: Make) -> None:
    book_fee(paid(make))

    (balance,) = trial_balance(make.merchant)

    assert balance.currency == "AUD"
    assert {row.code: (row.debit_minor, row.credit_minor) for row in balance.rows} == {
        "1050": (98_00, 0),
        "1200": (0, 0),
        "4000": (0, 100_00),
        "6100": (2_00, 0),
    }
    assert balance.debit_total == balance.credit_total == 100_00


def test_each_currency_balances_by_itself(make: Make) -> None:
    link = paid(make)
    book_fee(link, currency="USD", settled_minor=66_00, fee_minor=1_50)

    balances = {balance.currency: balance for balance in trial_balance(make.merchant)}

    assert set(balances) == {"AUD", "USD"}
    for balance in balances.values():
        assert balance.debit_total == balance.credit_total
    assert {row.code: row.debit_minor - row.credit_minor for row in balances["USD"].rows} == {
        "1050": 64_50,
        "1190": -66_00,
        "6100": 1_50,
    }


def test_the_trial_balance_of_an_earlier_moment_counts_what_had_happened_by_then(make: Make) -> None:
    paid(make, amount_minor=70_00, days_ago=3)
    paid(make, amount_minor=30_00)

    (earlier,) = trial_balance(make.merchant, now() - 2 * DAY)

    assert earlier.debit_total == 70_00
    assert trial_balance(make.merchant)[0].debit_total == 100_00
    assert trial_balance(make.merchant, now() - 9 * DAY) == []


def test_empty_books_have_no_groups(make: Make) -> None:
    assert trial_balance(make.merchant) == []


# ---------------------------------------------------------------- statements


def test_a_statement_carries_the_balance_after_each_entry(make: Make) -> None:
    for days_ago, amount in ((3, 10_00), (2, 20_00), (1, 30_00)):
        paid(make, amount_minor=amount, days_ago=days_ago)
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        page = statements.page(session, organization_id, "1050", "AUD")
        account = statements.account(session, organization_id, "1050", "AUD")

    assert [(row.debit_minor, row.balance_minor, row.balance_side) for row in page.rows] == [
        (30_00, 60_00, "Dr"),
        (20_00, 30_00, "Dr"),
        (10_00, 10_00, "Dr"),
    ]
    assert (account.balance_minor, account.balance_side, account.name) == (60_00, "Dr", "Stripe Clearing")


def test_the_running_balance_is_the_same_on_every_page_in_both_directions(make: Make) -> None:
    for number in range(5):
        paid(make, amount_minor=(number + 1) * 10_00, days_ago=5 - number)
    organization_id = make.merchant.organization_id
    with transaction(organization_id) as session:
        whole = statements.page(session, organization_id, "4000", "AUD").rows
        first = statements.page(session, organization_id, "4000", "AUD", size=2)
        second = statements.page(session, organization_id, "4000", "AUD", size=2, cursor=keyset.decode(first.older))
        third = statements.page(session, organization_id, "4000", "AUD", size=2, cursor=keyset.decode(second.older))
        back = statements.page(session, organization_id, "4000", "AUD", size=2, cursor=keyset.decode(third.newer))

    assert first.rows + second.rows + third.rows == whole
    assert back == second
    assert [row.balance_side for row in whole] == ["Cr"] * 5


def test_a_receivable_stands_before_its_payment(make: Make) -> None:
    paid(make)
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        page = statements.page(session, organization_id, "1200", "AUD")

    assert [(row.title, row.balance_minor, row.balance_side) for row in page.rows] == [
        ("Payment", 0, ""),
        ("Sale", 100_00, "Dr"),
    ]


def test_an_account_nobody_has_is_not_there(make: Make) -> None:
    with transaction(make.merchant.organization_id) as session, pytest.raises(NotFound):
        statements.account(session, make.merchant.organization_id, "9999", "AUD")


def test_a_statement_never_holds_a_neighbours_entries(make: Make) -> None:
    paid(make)
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        rows = [
            row
            for code in ("1050", "1200", "2100", "4000", "6100")
            for row in statements.page(session, organization_id, code, "AUD").rows
        ]

    assert len(rows) == 4
    assert not any(NOISE in row.description for row in rows)


# ---------------------------------------------------------------- journals


def test_the_books_of_a_paid_link_are_sale_payment_and_fee(make: Make) -> None:
    link = paid(make)
    book_fee(link)

    found = journals_of(link)

    assert [journal.title for journal in found] == ["Sale", "Payment", "Processor fee"]
    sale = found[0]
    assert [(entry.account_code, entry.amount_minor) for entry in sale.debits] == [("1200", 100_00)]
    assert [(entry.account_code, entry.amount_minor) for entry in sale.credits] == [("4000", 100_00)]
    assert sale.total_minor == 100_00
    assert sale.number == f"J-{sale.id.hex[-8:].upper()}"


def test_a_link_that_is_not_paid_has_no_books(make: Make) -> None:
    assert journals_of(make.link()) == []


def test_a_journal_leads_to_its_link(make: Make) -> None:
    link = paid(make)
    book_fee(link)
    found = journals_of(link)

    with transaction(link.organization_id) as session:
        causes = [journal_views.one(session, link.organization_id, journal.id)[1] for journal in found]

    assert [cause.link_id for cause in causes] == [link.id] * 3
    assert [cause.title for cause in causes] == [link.description] * 3
    assert causes[2].detail is not None
    assert causes[2].detail.startswith("Stripe’s balance transaction txn_")


def test_the_journal_of_held_money_leads_to_its_exception(make: Make) -> None:
    link = make.exception(ExceptionKind.LATE)
    organization_id = link.organization_id
    with transaction(organization_id) as session:
        row = exception_list.page(session, organization_id).rows[0]
        found = exceptions.one(session, organization_id, row.id)
        journal = journal_views.of_payment(session, organization_id, found.payment_id)
        assert journal is not None
        _, cause = journal_views.one(session, organization_id, journal.id)

    assert journal.title == "Money held for a customer"
    assert [entry.account_code for entry in journal.credits] == ["2100"]
    assert cause.exception_id == row.id


class Undone(Exception):
    """Ends a transaction without a trace."""


def test_a_reversal_names_what_it_takes_back(make: Make) -> None:
    link = make.exception(ExceptionKind.LATE)
    (held,) = journals_of(link)
    undo = Draft(
        kind="REVERSAL",
        source_type="JOURNAL",
        source_id=held.id,
        currency="AUD",
        effective_at=now(),
        description="Taken back by a test",
        link_id=link.id,
        lines=(Line("2100", "DEBIT", held.total_minor), Line("1050", "CREDIT", held.total_minor)),
        reverses_id=held.id,
    )

    # Nothing takes money back yet, so the books would be judged wrong at the commit: there is none.
    with contextlib.suppress(Undone), transaction(link.organization_id) as session:
        (journal_id,) = journals.post(session, link.organization_id, [undo])
        found, cause = journal_views.one(session, link.organization_id, journal_id)
        raise Undone

    assert found.reverses == journal_number(held.id)
    assert found.title == "Reversal"
    assert cause.journal_id == held.id


def test_a_journal_of_another_organization_is_not_there(make: Make) -> None:
    other = make.organization()
    foreign = make.link(merchant=other)
    make.settled(foreign)
    journal = journals_of(foreign)[0]

    with transaction(make.merchant.organization_id) as session:
        with pytest.raises(NotFound):
            journal_views.one(session, make.merchant.organization_id, journal.id)
        assert journal_views.of_link(session, make.merchant.organization_id, foreign.id) == []


# ---------------------------------------------------------------- exceptions


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (ExceptionKind.DOUBLE, "Safe in 2100 Customer Credits: a second payment for a link that was paid already"),
        (ExceptionKind.LATE, "Safe in 2100 Customer Credits: a payment that came after the link was canceled"),
        (ExceptionKind.MISMATCH, "Safe in 2100 Customer Credits: a payment of another amount than the link asked for"),
    ],
)
def test_an_exception_says_first_that_the_money_is_safe(make: Make, kind: ExceptionKind, sentence: str) -> None:
    link = make.exception(kind)

    with transaction(link.organization_id) as session:
        (row,) = exception_list.page(session, link.organization_id).rows
        found = exceptions.one(session, link.organization_id, row.id)

    assert row.sentence == found.sentence == sentence
    assert (found.link_id, found.link_amount_minor, found.state) == (link.id, link.amount_minor, "OPEN")
    assert row.number == f"X-{row.id.hex[-8:].upper()}"


def test_exceptions_come_page_by_page(make: Make) -> None:
    links = [make.exception(ExceptionKind.LATE) for _ in range(5)]
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        first = exception_list.page(session, organization_id, size=2)
        second = exception_list.page(session, organization_id, size=2, cursor=keyset.decode(first.older))
        third = exception_list.page(session, organization_id, size=2, cursor=keyset.decode(second.older))
        back = exception_list.page(session, organization_id, size=2, cursor=keyset.decode(third.newer))

    assert len({row.id for page in (first, second, third) for row in page.rows}) == len(links)
    assert third.older is None
    assert back == second


def test_an_exception_of_another_organization_is_not_there(make: Make) -> None:
    other = make.organization()
    make.exception(ExceptionKind.LATE, merchant=other)
    with transaction(other.organization_id) as session:
        foreign = exception_list.page(session, other.organization_id).rows[0]

    with transaction(make.merchant.organization_id) as session:
        assert exception_list.page(session, make.merchant.organization_id).rows == []
        with pytest.raises(NotFound):
            exceptions.one(session, make.merchant.organization_id, foreign.id)
