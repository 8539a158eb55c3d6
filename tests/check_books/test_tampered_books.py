"""Whatever a superuser breaks with the guards off, check-books names: the invariant, the table and the row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Table, Uuid, text

from provvypay.services.check_books import references
from provvypay.services.check_books.check import Breach, Check
from provvypay.services.check_books.run import CHECKS, MOST_NAMED, READER, breaches
from tests.check_books.tamperings import TAMPERINGS, Tampering
from tests.check_books.world import World

INVARIANTS = {check.name: check.invariant for check in CHECKS}


@contextlib.contextmanager
def guards_off(world: World) -> Iterator[Connection]:
    """Open a superuser's transaction without triggers and foreign keys; nothing of it stays."""
    with world.superuser.connect() as connection, connection.begin() as transaction:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        transaction.rollback()


def run(connection: Connection, sql: str, world: World) -> list[str]:
    """Run one statement with the world's ids; return the first column of what it returns."""
    given = {name: value for name, value in world.ids.items() if f":{name}" in sql}
    result = connection.execute(text(sql), given)
    return [str(row[0]) for row in result] if result.returns_rows else []


def look(connection: Connection, checks: tuple[Check, ...] = CHECKS) -> list[Breach]:
    """Check the books as check-books does, inside the open transaction."""
    connection.execute(text("SELECT set_config('role', :role, true)"), {"role": READER})
    return list(breaches(connection, checks))


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name)
def test_what_is_broken_is_named(tampering: Tampering, world: World):
    with guards_off(world) as connection:
        returned: list[str] = []
        for statement in tampering.statements:
            returned = run(connection, statement, world)
        found = look(connection)

    rows = {breach.row for breach in found if breach.check == tampering.check}
    assert rows == set(returned if tampering.rows is None else tampering.rows)
    assert rows
    assert {breach.check for breach in found} == {tampering.check, *tampering.also}
    assert {breach.invariant for breach in found if breach.check == tampering.check} == {INVARIANTS[tampering.check]}


def misleadings() -> Iterator[Any]:
    """Yield, for each foreign key, how a row can be made to refer to nobody, and to a row of another organization."""
    for check, (table, key) in zip(references.CHECKS, references.KEYS, strict=True):
        columns = [element.parent for element in key.elements]
        others = [one for one in columns if one.name != "organization_id"] or columns[:1]
        column = next((one for one in others if one.nullable), others[0])
        some = f"(SELECT ctid FROM {table} WHERE organization_id = :organization AND {column.name} IS NOT NULL LIMIT 1)"
        if "organization_id" not in table.columns:
            some = some.replace("organization_id = :organization AND ", "")
        nobody = "gen_random_uuid()" if isinstance(column.type, Uuid) else "'9999'"
        yield pytest.param(check, table, some, f"{column.name} = {nobody}", "no row", id=f"{check.name} to nobody")
        # An account's code is the same in every organization.
        if len(columns) > 1 and isinstance(column.type, Uuid):
            abroad = "organization_id = :other_organization"
            yield pytest.param(check, table, some, abroad, "of another organization", id=f"{check.name} to a neighbour")


@pytest.mark.parametrize(("check", "table", "some", "change", "says"), tuple(misleadings()))
def test_a_reference_that_leads_astray_is_named(
    check: Check, table: Table, some: str, change: str, says: str, world: World
):
    key = " || '/' || ".join(f"t.{one.name}::text" for one in table.primary_key.columns)
    with guards_off(world) as connection:
        named = run(connection, f"UPDATE {table} t SET {change} WHERE ctid = {some} RETURNING {key}", world)
        found = look(connection, (check,))

    assert [breach.row for breach in found] == named
    assert found[0].invariant == "I-27"
    assert found[0].table == table.name
    assert says in found[0].detail


def test_every_check_has_a_tampering():
    tried = {tampering.check for tampering in TAMPERINGS} | {check.name for check in references.CHECKS}

    assert {check.name for check in CHECKS} - tried == set()
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_breach_reads_as_a_line():
    breach = Breach("I-01", "journals.balance", "journals", "0193", "debit 100, credit 90")

    assert str(breach) == "I-01 journals 0193: debit 100, credit 90"


def test_a_table_full_of_breaches_is_named_in_part(world: World):
    with guards_off(world) as connection:
        run(
            connection,
            (
                "INSERT INTO organizations (id, name, currency, time_zone)"
                " SELECT gen_random_uuid(), 'x', 'AUD', 'UTC' FROM generate_series(1, 1100)"
            ),
            world,
        )
        found = look(connection, tuple(check for check in CHECKS if check.name == "people.owner_remains"))

    assert len(found) == MOST_NAMED + 1
    assert str(found[-1]) == f"I-31 more rows: only the first {MOST_NAMED} are named"
