"""I-49 to I-51: what is closed stays closed, whoever writes, and whoever comes at the same moment."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from psycopg import IsolationLevel
from psycopg.errors import ActiveSqlTransaction

from tests.guards.ground import ROLES, SIGNING_IN, Ground, Write, entries, new, one, pair, payment

NEXT = "(SELECT max(seq) + 1 FROM period_locks WHERE organization_id = %(org)s)"
CLOSE = (
    "INSERT INTO period_locks (organization_id, seq, locked_through, time_zone, reason, locked_by)"
    " VALUES (%(org)s, {seq}, {through}, %(zone)s, %(reason)s, %(by)s)"
)


def close(write: Write, through: str, *, seq: str = NEXT, **given: Any) -> None:
    """Write a lock.

    :param through: the last closed day, as SQL
    """
    write(CLOSE.format(seq=seq, through=through), **({"zone": "UTC", "reason": "", "by": given.pop("by")} | given))


def held(write: Write, days_ago: float, **given: Any) -> str:
    """Write money that cannot settle its link, with its journal of another day; return the journal's id."""
    link, journal_id = given.pop("link"), new()
    payment_id = payment(write, link, outcome="EXCEPTION")
    write(
        "INSERT INTO payment_exceptions"
        " (id, organization_id, payment_id, link_id, kind, amount_minor, currency, held_in)"
        " SELECT %(id)s, organization_id, id, %(link)s, 'DOUBLE', value_minor, currency, '2100' FROM payments"
        " WHERE id = %(payment)s",
        id=new(),
        payment=payment_id,
        link=link,
    )
    write(
        "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency, effective_at, moved_from,"
        " description, link_id) VALUES (%(id)s, %(org)s, 'CREDIT', 'PAYMENT', %(payment)s, 'AUD',"
        " now() - %(days)s * interval '1 day', now() - %(moved)s * interval '1 day', 'x', %(link)s)",
        **({"moved": None} | given),
        id=journal_id,
        payment=payment_id,
        days=days_ago,
        link=link,
    )
    entries(write, journal_id, pair("1050", "2100", 100_00))
    return journal_id


# ---------------------------------------------------------------- I-49: journals


@pytest.mark.parametrize("role", ROLES)
def test_i49_no_journal_enters_a_closed_period(role: str, ground: Ground):
    with ground.refuses(role, "23514", "lies in a closed period") as write:
        held(write, 45, link=ground.ids["link_paid"])


@pytest.mark.parametrize("moved", [45, 5])
def test_i49_nobody_says_of_a_journal_that_it_was_moved(moved: int, ground: Ground):
    with ground.refuses("worker", "23514", "not to the first open instant") as write:
        held(write, 3, moved=moved, link=ground.ids["link_paid"])


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_i49_an_old_snapshot_opens_no_period(level: IsolationLevel, ground: Ground):
    """It would show the books as they were before they were closed."""
    with ground.connect("worker") as connection:
        connection.isolation_level = level
        connection.execute("SELECT set_config('app.org_id', %s, true)", [ground.ids["organization"]])
        with pytest.raises(ActiveSqlTransaction, match="READ COMMITTED"):
            held(ground.writer(connection), 1, link=ground.ids["link_paid"])
        connection.rollback()


def test_i49_who_posts_while_the_books_are_being_closed_meets_the_lock(ground: Ground):
    """The poster began before the lock and writes after it: what it knew of the books is not true any more."""
    link, owner = ground.ids["link_paid"], ground.ids["owner"]

    @contextlib.contextmanager
    def closing():
        with ground.acting("web") as write:
            close(write, "current_date - 20", by=owner)
            yield

    ground.loses("worker", "23514", lambda write: held(write, 25, link=link), closing())


def test_i49_who_closes_waits_for_those_who_post(ground: Ground):
    with ground.connect("worker") as posting, ground.connect("web") as closing:
        for connection in (posting, closing):
            connection.execute("SELECT set_config('app.org_id', %s, true)", [ground.ids["organization"]])
        posting.execute("SELECT first_open_instant(%s)", [ground.ids["organization"]])

        taken = closing.execute("SELECT pg_try_advisory_xact_lock(books_key(%s))", [ground.ids["organization"]])
        assert one(taken) == "False"
        posting.rollback()
        again = closing.execute("SELECT pg_try_advisory_xact_lock(books_key(%s))", [ground.ids["organization"]])
        assert one(again) == "True"
        closing.rollback()


# ---------------------------------------------------------------- I-49: locks


@pytest.mark.parametrize(
    ("through", "given", "why"),
    [
        ("current_date", {}, "not over"),
        ("current_date + 400", {}, "not over"),
        ("current_date - 300", {}, "needs a reason"),
        ("current_date - 300", {"reason": "  "}, "needs a reason"),
        ("NULL::date", {}, "needs a reason"),
        ("current_date - 2", {"seq": "1"}, "follows upon"),
        ("current_date - 2", {"seq": NEXT + " + 1"}, "follows upon"),
        ("current_date - 2", {"by": "stranger"}, "does not keep these books"),
    ],
)
def test_i49_a_lock_that_cannot_be_is_refused(through: str, given: dict, why: str, ground: Ground):
    with ground.acting("postgres") as write:
        stranger = one(write("SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM memberships"
                             " WHERE organization_id = %(org)s) LIMIT 1"))  # fmt: skip
    by = stranger if given.get("by") else ground.ids["owner"]

    with ground.refuses("web", "23514", why) as write:
        close(write, through, **(given | {"by": by}))


def test_i49_the_worker_closes_and_opens_nothing(ground: Ground):
    with ground.refuses("worker", "42501") as write:
        close(write, "current_date - 2", by=ground.ids["owner"])


@pytest.mark.parametrize("column", ["open_from", "created_at"])
def test_i49_when_the_books_open_is_not_for_saying(column: str, ground: Ground):
    with ground.refuses("web", "42501") as write:
        write(
            f"INSERT INTO period_locks (organization_id, seq, time_zone, locked_by, {column})"
            f" VALUES (%(org)s, {NEXT}, 'UTC', %(owner)s, now())"
        )


def test_i28_a_lock_of_another_organization_is_out_of_sight(ground: Ground):
    for role in SIGNING_IN:
        with ground.acting(role, ground.ids["other_organization"]) as write:
            theirs = write("SELECT first_open_instant(%(org)s)")
            assert one(theirs) == "None"


# ---------------------------------------------------------------- I-50, I-51


def test_i50_an_entry_has_its_journals_date_whatever_it_says(ground: Ground):
    with ground.connect("worker") as connection:
        connection.execute("SELECT set_config('app.org_id', %s, true)", [ground.ids["organization"]])
        write = ground.writer(connection)
        journal_id = held(write, 1, link=ground.ids["link_paid"])
        told = write(
            "SELECT bool_and(e.effective_at = j.effective_at) FROM ledger_entries e"
            " JOIN journals j ON j.id = e.journal_id WHERE j.id = %(id)s",
            id=journal_id,
        )
        assert one(told) == "True"
        connection.rollback()


@pytest.mark.parametrize("role", ROLES)
def test_i51_an_archived_account_takes_no_entry(role: str, ground: Ground):
    with ground.refuses(role, "23514", "account 6160 is archived") as write:
        journal_id = new()
        write(
            "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency, effective_at,"
            " description) VALUES (%(id)s, %(org)s, 'CREDIT', 'PAYMENT', %(id)s, 'AUD', now(), 'x')",
            id=journal_id,
        )
        entries(write, journal_id, pair("6160", "2100", 5))


@pytest.mark.parametrize(
    ("role", "change", "sqlstate"),
    [
        ("web", "archived_at = now() WHERE code = '4000'", "23514"),
        ("web", "archived_at = now() WHERE code = '7000'", "23514"),
        ("owner", "is_system = false WHERE code = '4000'", "55000"),
        ("web", "name = '  ' WHERE code = '4000'", "23514"),
        ("web", "kind = 'ASSET' WHERE code = '6150'", "42501"),
        ("worker", "name = 'x' WHERE code = '6150'", "42501"),
    ],
)
def test_i51_the_products_accounts_stay_as_they_are(role: str, change: str, sqlstate: str, ground: Ground):
    with ground.refuses(role, sqlstate) as write:
        write(f"UPDATE accounts SET {change} AND organization_id = %(org)s")
