"""I-03, I-13 and I-35: facts never change, rows never vanish, and of some rows only a few columns move."""

from __future__ import annotations

import pytest

from provvypay.services.check_books.expected import FACTS, ROWS
from tests.guards.ground import ROLES, SIGNING_IN, Ground

SOME_COLUMN = {"link_transitions": "event", "organizations": "name"}

FROZEN = {
    "settlements": ("settled_at", "amount_minor", "link_id"),
    "payment_exceptions": ("payment_id", "kind", "link_id"),
    "payment_attempts": ("amount_minor", "idempotency_key", "expires_at"),
    "checkout_sessions": ("provider_session_id", "attempt_id", "expires_at"),
    "fx_snapshots": ("asset", "currency", "kind"),
    "accounts": ("kind", "is_system"),
}
OTHER_VALUE = {
    "bigint": "{} + 1",
    "text": "'XXX'",
    "character varying": "'XXX'",
    "timestamp with time zone": "{} + interval '1 s'",
    "uuid": "gen_random_uuid()",
    "boolean": "NOT {}",
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", FACTS)
@pytest.mark.parametrize("act", ["UPDATE", "DELETE", "TRUNCATE"])
def test_i03_a_fact_is_not_changed_deleted_or_truncated(role: str, table: str, act: str, ground: Ground):
    column = SOME_COLUMN.get(table, "organization_id")
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[act]

    if (role, table) == ("owner", "audit_logs") and act != "TRUNCATE":
        # No policy lets even the owner see a row to change.
        with ground.acting(role) as write:
            assert write(statement).rowcount == 0
        return
    with ground.refuses(role, "55000" if role == "owner" else "42501") as write:
        write(statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("act", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_i35_a_row_others_refer_to_does_not_vanish(role: str, table: str, act: str, ground: Ground):
    with ground.refuses(role, "55000" if role == "owner" else "42501") as write:
        write(act.format(table))


@pytest.mark.parametrize("role", ["web", "worker"])
def test_i03_changing_a_fact_by_the_way_of_an_insert_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write(
            "INSERT INTO payments SELECT * FROM payments WHERE id = %(payment_paid)s"
            " ON CONFLICT (id) DO UPDATE SET value_minor = 1"
        )


def test_i03_the_owner_cannot_change_a_fact_by_the_way_of_an_insert(ground: Ground):
    with ground.refuses("owner", "55000") as write:
        write(
            "INSERT INTO payments SELECT * FROM payments WHERE id = %(payment_paid)s"
            " ON CONFLICT (id) DO UPDATE SET value_minor = 1"
        )


def test_i03_the_owner_cannot_merge_a_fact_away(ground: Ground):
    with ground.refuses("owner", "55000") as write:
        write("MERGE INTO payments p USING payments q ON p.id = q.id WHEN MATCHED THEN DELETE")


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in FROZEN.items() for column in columns]
)
def test_i13_the_owner_cannot_change_what_a_row_is_about(table: str, column: str, ground: Ground):
    with ground.acting("postgres") as write:
        kind = write(f"SELECT pg_typeof({column})::text FROM {table} LIMIT 1").fetchone()[0]  # type: ignore[index]
    value = OTHER_VALUE[kind]

    with ground.refuses("owner", "55000") as write:
        write(f"UPDATE {table} SET {column} = {value.format(column)}")


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i13_an_exception_is_not_resolved_without_a_decision(role: str, ground: Ground):
    with ground.refuses(role, "23514", "nothing was decided") as write:
        write("UPDATE payment_exceptions SET state = 'RESOLVED', resolved_at = now() WHERE payment_id IS NOT NULL")
