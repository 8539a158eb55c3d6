"""Verify every invariant on a live database, in one snapshot, and name the rows that break one.

What PostgreSQL refuses is verified all the same: a superuser may have switched a trigger off, a backup may be old,
    and a
check that never fails costs a second. docs/reference/invariants.md lists what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from provvypay.kit.db import snapshot
from provvypay.services.check_books import (
    checkout,
    clearing,
    completeness,
    guards,
    journals,
    links,
    messages,
    payments,
    people,
    periods,
    rates,
    references,
    returns,
    rights,
    settlements,
    transfers,
    xero,
)
from provvypay.services.check_books.check import Breach, Check

CHECKS: tuple[Check, ...] = (
    *guards.CHECKS,
    *rights.CHECKS,
    *references.CHECKS,
    *people.CHECKS,
    *links.CHECKS,
    *payments.CHECKS,
    *settlements.CHECKS,
    *transfers.CHECKS,
    *completeness.CHECKS,
    *rates.CHECKS,
    *journals.CHECKS,
    *periods.CHECKS,
    *clearing.CHECKS,
    *returns.CHECKS,
    *checkout.CHECKS,
    *messages.CHECKS,
    *xero.CHECKS,
)

READER = "provvypay_lookup"
"""may read everything, past row-level security, and cannot sign in"""

MOST_NAMED = 1000
"""rows a check names; a whole broken table would tell nobody more, and take all memory"""


def check_all(database_owner_url: str) -> list[Breach]:
    """Run every check on a database and return what is broken; writes nothing and waits for nobody.

    :param database_owner_url: signed in as a role that may become provvypay_lookup: the owner, or a superuser
    """
    with snapshot(database_owner_url, role=READER) as connection:
        return list(breaches(connection))


def breaches(connection: Connection, checks: tuple[Check, ...] = CHECKS) -> Iterator[Breach]:
    """Run checks in an open transaction, whose role sees every row, and yield what is broken."""
    # Each query runs once and reads whole tables: compiling it costs more than it saves, room to hash them saves much.
    connection.execute(text("SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)"))
    for check in checks:
        limited = f"SELECT * FROM ({check.sql}) AS found LIMIT {MOST_NAMED + 1}"  # noqa: S608  # nosec B608 - our queries
        rows = connection.execute(text(limited), check.given).all()
        yield from (Breach(check.invariant, check.name, *row) for row in rows[:MOST_NAMED])
        if len(rows) > MOST_NAMED:
            yield Breach(check.invariant, check.name, "more", "rows", f"only the first {MOST_NAMED} are named")
