"""I-31: an organization keeps an owner, an address belongs to one person, and nobody raises themselves."""

from __future__ import annotations

import psycopg
import pytest

from tests.guards.ground import SIGNING_IN, Ground, new
from tests.support.database import together

PERSON = "INSERT INTO users (id, email, name, password_hash) VALUES (%(id)s, %(email)s, 'x', 'x')"


@pytest.mark.parametrize(("role", "act"), [
    ("web", "UPDATE memberships SET role = 'ADMIN' WHERE user_id = %(owner)s"),
    ("web", "UPDATE memberships SET role = 'VIEWER'"),
    ("owner", "UPDATE memberships SET role = 'ADMIN' WHERE user_id = %(owner)s"),
])  # fmt: skip
def test_i31_the_last_owner_stays(role: str, act: str, ground: Ground):
    with ground.refuses(role, "23514", "needs an owner") as write:
        write(act)


def test_i31_naming_another_organization_before_the_commit_blinds_nobody(ground: Ground):
    with ground.refuses("web", "23514", "needs an owner") as write:
        write("UPDATE memberships SET role = 'ADMIN' WHERE user_id = %(owner)s")
        write("SELECT set_config('app.org_id', %(other_organization)s, true)")


def test_i31_an_organization_without_an_owner_is_refused(ground: Ground):
    nobody = new()
    with ground.refuses("web", "23514", "needs an owner", organization=nobody) as write:
        write("INSERT INTO organizations (id, name, currency, time_zone) VALUES (%(id)s, 'x', 'AUD', 'UTC')", id=nobody)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_i31_of_two_owners_who_leave_at_once_one_stays(isolation: str, ground: Ground):
    organization = ground.world.organization("Twins", "AUD", members=1)
    with ground.acting("postgres") as write:
        write("UPDATE memberships SET role = 'OWNER' WHERE organization_id = %(id)s", id=organization.id)
        people = [
            row[0]
            for row in write("SELECT user_id FROM memberships WHERE organization_id = %(id)s", id=organization.id)
        ]
    connections = [ground.connect("web") for _ in people]
    for connection, person in zip(connections, people, strict=True):
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        connection.execute("SELECT set_config('app.org_id', %s, true)", [str(organization.id)])
        connection.execute("UPDATE memberships SET role = 'ADMIN' WHERE user_id = %s", [person])

    results = together(2, lambda number: connections[number].commit())

    for connection in connections:
        connection.close()
    refused = [error.sqlstate for error in results if isinstance(error, psycopg.Error)]
    assert refused in ([["23514"]] if isolation == "READ COMMITTED" else [["40001"], ["23514"]])
    with ground.acting("postgres") as write:
        left = write(
            "SELECT count(*) FROM memberships WHERE role = 'OWNER' AND organization_id = %(id)s", id=organization.id
        )
        assert left.fetchone() == (1,)


@pytest.mark.parametrize("change", [str.upper, str.title, str.swapcase])
def test_i31_an_address_in_another_case_is_the_same(change, ground: Ground):
    with ground.acting("postgres") as write:
        email = write("SELECT email FROM users WHERE id = %(owner)s").fetchone()[0]  # type: ignore[index]

    with ground.refuses("web", "23505", "uq_users_email_lower") as write:
        write(PERSON, id=new(), email=change(email))


def test_nobody_makes_a_platform_admin(ground: Ground):
    for statement in (
        PERSON.replace("password_hash)", "password_hash, is_platform_admin)").replace("'x')", "'x', true)"),
        "UPDATE users SET is_platform_admin = true WHERE id = %(owner)s",
    ):
        for role in SIGNING_IN:
            with ground.refuses(role, "42501") as write:
                write(statement, id=new(), email="root@people.example")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT * FROM users",
        "SELECT * FROM user_sessions",
        "SELECT * FROM audit_logs",
        "SELECT * FROM sign_in_throttles",
    ],
)
def test_a_worker_has_no_business_with_passwords_sessions_and_audits(statement: str, ground: Ground):
    with ground.refuses("worker", "42501") as write:
        write(statement)
