"""I-01 to I-06 and I-11: hostile journals, thrown at the commit and before it."""

from __future__ import annotations

import pytest

from tests.guards.ground import ROLES, SIGNING_IN, Ground, entries, journal, new, one, pair, settle

FEE_OF = "SELECT id FROM balance_transactions WHERE payment_id = %(payment_paid)s"


def sources(ground: Ground) -> dict[str, str]:
    """Return ids of facts a journal may name."""
    with ground.acting("postgres") as write:
        return {
            "settlement": one(write("SELECT id FROM settlements WHERE link_id = %(link_paid)s")),
            "fee": one(write(FEE_OF)),
            "sale": one(write("SELECT id FROM journals WHERE link_id = %(link_paid)s AND kind = 'SALE'")),
            "fee_journal": one(write("SELECT id FROM journals WHERE link_id = %(link_paid)s AND kind = 'FEE'")),
        }


# ---------------------------------------------------------------- I-01 balance


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "lines",
    [
        [("1050", "DEBIT", 100), ("2100", "CREDIT", 90)],
        [("1050", "DEBIT", 100), ("2100", "DEBIT", 100)],
        [("1050", "DEBIT", 100)],
        [],
    ],
    ids=["unequal", "two debits", "one line", "no line"],
)
def test_i01_a_journal_that_does_not_balance_is_refused_at_the_commit(role: str, lines: list, ground: Ground):
    with ground.refuses(role, "23514", "does not balance") as write:
        journal(write, "CREDIT", ("PAYMENT", new()), lines, link=None)


def test_i01_naming_another_organization_before_the_commit_blinds_nobody(ground: Ground):
    for other in (ground.ids["other_organization"], new()):
        with ground.refuses("web", "23514", "does not balance") as write:
            journal(write, "CREDIT", ("PAYMENT", new()), [("1050", "DEBIT", 1)], link=None)
            write("SELECT set_config('app.org_id', %(other)s, true)", other=other)


def test_i01_a_line_in_another_currency_than_its_journal_is_refused(ground: Ground):
    with ground.refuses("web", "23503") as write:
        journal_id = journal(write, "CREDIT", ("PAYMENT", new()), [], link=None)
        entries(write, journal_id, pair("1050", "2100", 100), currency="USD")


# ---------------------------------------------------------------- I-02 seals


@pytest.mark.parametrize("role", ROLES)
def test_i02_no_line_joins_a_journal_of_an_earlier_transaction(role: str, ground: Ground):
    sale = sources(ground)["sale"]

    with ground.refuses(role, "55000", "is sealed") as write:
        entries(write, sale, pair("1200", "4000", 5), first=3)


def test_i02_lines_that_come_later_in_the_same_transaction_are_refused_too(ground: Ground):
    with ground.refuses("web", "55000", "is sealed") as write:
        journal_id = journal(write, "CREDIT", ("PAYMENT", new()), pair("1050", "2100", 5), link=None)
        entries(write, journal_id, pair("1050", "2100", 5), first=3)


def test_i02_a_journal_judged_early_takes_no_more_lines(ground: Ground):
    with ground.refuses("worker", "55000", "is sealed") as write:
        settle(write, ground.ids["link_open"])
        write("SET CONSTRAINTS ALL IMMEDIATE")
        sale = one(write("SELECT id FROM journals WHERE link_id = %(link_open)s AND kind = 'SALE'"))
        entries(write, sale, [("4000", "CREDIT", 55)], first=3)


def test_i02_the_seal_cannot_be_forged(ground: Ground):
    forged = (
        "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency,"
        " effective_at, description, created_xid)"
        " VALUES (%(id)s, %(org)s, 'FEE', 'BALANCE_TRANSACTION', %(id)s, 'AUD', now(), 'x', '4242')"
    )
    for role in SIGNING_IN:
        with ground.refuses(role, "42501") as write:
            write(forged, id=new())

    with ground.refuses("owner", "23514", "does not balance") as write:
        made = write(forged + " RETURNING created_xid = pg_current_xact_id()", id=new())
        assert one(made) == "True"


# ---------------------------------------------------------------- I-04, I-05, I-11: what a journal may say


@pytest.mark.parametrize("amount", [0, -5, 100_000_000_000])
def test_i05_an_amount_that_is_not_positive_and_bounded_is_refused(amount: int, ground: Ground):
    with ground.refuses("web", "23514", "ck_ledger_entries_amount_minor") as write:
        journal(write, "CREDIT", ("PAYMENT", new()), pair("1050", "2100", amount), link=None)


@pytest.mark.parametrize("tokens", [0, -1])
def test_i05_a_quantity_of_tokens_that_is_not_positive_is_refused(tokens: int, ground: Ground):
    with ground.refuses("web", "23514", "ck_ledger_entries_asset_amount") as write:
        journal_id = journal(write, "CREDIT", ("PAYMENT", new()), [], link=None)
        write(
            "INSERT INTO ledger_entries VALUES (%(id)s, 1, %(org)s, '1051', 'DEBIT', 5, 'AUD', 'HBAR', %(tokens)s)",
            id=journal_id,
            tokens=tokens,
        )


def test_i04_a_fact_is_booked_once(ground: Ground):
    with ground.refuses("worker", "23505", "uq_journals_source_type_source_id_kind") as write:
        fee = one(write(FEE_OF))
        journal(write, "FEE", ("BALANCE_TRANSACTION", fee), pair("6100", "1050", 2_05), link=ground.ids["link_paid"])


@pytest.mark.parametrize(
    ("kind", "source_type", "lines"),
    [
        ("SALE", "SETTLEMENT", pair("1200", "4000", 100_00)),
        ("PAYMENT", "SETTLEMENT", pair("1050", "1200", 100_00)),
        ("CREDIT", "PAYMENT", pair("1050", "2100", 100_00)),
        ("FEE", "BALANCE_TRANSACTION", pair("6100", "1050", 2_05)),
        ("CONVERSION_OUT", "BALANCE_TRANSACTION", pair("1190", "1050", 100_00)),
        ("CONVERSION_IN", "BALANCE_TRANSACTION", pair("1050", "1190", 100_00)),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_i04_a_journal_of_no_fact_is_refused(kind: str, source_type: str, lines: list, role: str, ground: Ground):
    with ground.refuses(role, "23514", "is not what its source says") as write:
        journal(write, kind, (source_type, new()), lines, link=ground.ids["link_paid"])


@pytest.mark.parametrize(
    ("kind", "source_type", "fact", "lines"),
    [
        ("CONVERSION_IN", "SETTLEMENT", "settlement", pair("1050", "1200", 100_00)),
        ("CREDIT", "BALANCE_TRANSACTION", "fee", pair("1050", "2100", 2_05)),
        ("CONVERSION_OUT", "BALANCE_TRANSACTION", "fee", pair("1190", "1050", 100_00)),
        ("CONVERSION_IN", "BALANCE_TRANSACTION", "fee", pair("1050", "1190", 100_00)),
        ("REVERSAL", "JOURNAL", "sale", pair("4000", "1200", 100_00)),
    ],
)
def test_i04_a_journal_of_another_fact_is_refused(kind: str, source_type: str, fact: str, lines: list, ground: Ground):
    known = sources(ground)
    reverses = known["sale"] if kind == "REVERSAL" else None

    with ground.refuses("worker", "23514") as write:
        journal(write, kind, (source_type, known[fact]), lines, link=ground.ids["link_paid"], reverses=reverses)


@pytest.mark.parametrize(
    ("sale", "receipt", "currency"),
    [
        (pair("1200", "4000", 99_99), pair("1050", "1200", 100_00), "AUD"),
        (pair("1200", "4000", 100_00), pair("1050", "1200", 99_99), "AUD"),
        (pair("1200", "4000", 100_00), pair("1050", "1200", 100_00), "JPY"),
        (pair("1200", "1200", 100_00), pair("1200", "1200", 100_00), "AUD"),
        (pair("1200", "2100", 100_00), pair("1050", "1200", 100_00), "AUD"),
        (pair("1200", "4000", 100_00), pair("4000", "1200", 100_00), "AUD"),
        (pair("1200", "4000", 100_00), pair("6100", "1200", 100_00), "AUD"),
        (pair("1200", "4000", 100_00), [*pair("1050", "1200", 100_00), *pair("1050", "2100", 1)], "AUD"),
        ([*pair("1200", "4000", 100_00), *pair("1200", "4000", 1)], pair("1050", "1200", 100_00), "AUD"),
    ],
)
def test_i11_a_settlement_booked_otherwise_than_it_is_is_refused(
    sale: list, receipt: list, currency: str, ground: Ground
):
    link = ground.ids["link_open"]

    with ground.refuses("worker", "23514", "is not what its source says") as write:
        settlement_id, _ = settle(write, link, "sale", "receipt")
        journal(write, "SALE", ("SETTLEMENT", settlement_id), sale, link=link, currency=currency)
        journal(write, "PAYMENT", ("SETTLEMENT", settlement_id), receipt, link=link, currency=currency)


def test_i11_an_account_nobody_has_is_refused(ground: Ground):
    with ground.refuses("worker", "23503") as write:
        journal(write, "CREDIT", ("PAYMENT", new()), pair("1050", "9999", 5), link=None)


# ---------------------------------------------------------------- I-03 reversals


def test_i03_what_a_live_settlement_booked_is_not_taken_back(ground: Ground):
    sale = sources(ground)["sale"]

    with ground.refuses("worker", "23514", "is not what its source says") as write:
        journal(
            write,
            "REVERSAL",
            ("JOURNAL", sale),
            pair("4000", "1200", 100_00),
            link=ground.ids["link_paid"],
            reverses=sale,
        )


def test_i03_a_fee_is_not_taken_back_by_a_reversal(ground: Ground):
    fee = sources(ground)["fee_journal"]

    with ground.refuses("worker", "23514", "is not what its source says") as write:
        journal(
            write, "REVERSAL", ("JOURNAL", fee), pair("1050", "6100", 2_05), link=ground.ids["link_paid"], reverses=fee
        )


def test_i03_a_journal_is_reversed_once(ground: Ground):
    with ground.refuses("worker", "23505", "uq_journals_reverses_id") as write:
        reversed_id = one(write("SELECT reverses_id FROM journals WHERE id = %(reversal)s"))
        journal(
            write,
            "REVERSAL",
            ("JOURNAL", new()),
            pair("4000", "1200", 100_00),
            link=ground.ids["link_marked"],
            reverses=reversed_id,
        )


def test_i03_a_reversal_is_not_reversed(ground: Ground):
    reversal = ground.ids["reversal"]

    with ground.refuses("worker", "23514", "is not what its source says") as write:
        journal(
            write,
            "REVERSAL",
            ("JOURNAL", reversal),
            pair("1200", "4000", 100_00),
            link=ground.ids["link_marked"],
            reverses=reversal,
        )
