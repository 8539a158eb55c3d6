"""Create the database's roles and the database itself: the one step that needs a superuser."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

ROLES_SQL = Path(__file__).with_name("roles.sql")
OWNER = "provvypay_owner"
SIGN_IN_ROLES = ("provvypay_web", "provvypay_worker")


def ensure_roles(superuser_dsn: str) -> None:
    """Create the four roles of `roles.sql`, or set right what differs; harmless when repeated.

    :param superuser_dsn: any database of the cluster, signed in as a superuser
    """
    with psycopg.connect(superuser_dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('provvypay roles'))")
        connection.execute(ROLES_SQL.read_bytes())


def ensure_database(superuser_dsn: str, name: str, *, template: str | None = None) -> bool:
    """Create a database owned by provvypay_owner, open to our roles only; say whether it was missing.

    :param template: a database to copy; nobody may be connected to it
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            return False
        database = sql.Identifier(name)
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(OWNER)) + source,
        )
        roles = sql.SQL(", ").join(map(sql.Identifier, SIGN_IN_ROLES))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, roles))
    return True
