"""The migrations make just what the models say, and the table of legal steps is the code's."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from provvypay.kit.db import driver_url
from provvypay.launcher.paths import ROOT
from provvypay.launcher.roles import ensure_database
from provvypay.models.base import Base
from provvypay.models.registry import TABLES
from provvypay.services.state_machine import TRANSITIONS
from tests.guards.ground import Ground
from tests.support.servers import Cluster

# What PostgreSQL itself says of a schema, but for the migrations' own table and for what only they can say.
CATALOGS = {
    "columns": """
        SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attnotnull THEN 'required' END,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relname <> 'alembic_version'
    """,
    "constraints": """
        SELECT format('%s %s: %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
          AND conrelid <> coalesce(to_regclass('alembic_version'), 0)
    """,
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
}

ONLY_IN_MIGRATIONS = {"ck_journals_settlement_kinds"}
"""kinds and sources of journals, which 0002 adds with the guards"""


@pytest.fixture(scope="module")
def from_models(cluster: Cluster, worker_name: str) -> Iterator[str]:
    """A database made from the models alone."""
    name = f"models_{worker_name}"
    ensure_database(cluster.superuser_url, name)
    engine = create_engine(driver_url(cluster.url("provvypay_owner", name)), poolclass=NullPool)
    Base.metadata.create_all(engine)
    engine.dispose()
    return cluster.url("postgres", name)


@pytest.mark.parametrize("catalog", CATALOGS)
def test_migrations_and_models_make_the_same_schema(catalog: str, from_models: str, ground: Ground):
    with psycopg.connect(from_models) as models, ground.connect("postgres") as migrated:
        said = {row[0] for row in models.execute(CATALOGS[catalog])}
        done = {row[0] for row in migrated.execute(CATALOGS[catalog])}

    assert said - done == set(), "the models say it, no migration does it"
    assert {one for one in done - said if not any(name in one for name in ONLY_IN_MIGRATIONS)} == set()


def test_alembic_finds_nothing_to_do(ground: Ground):
    engine = create_engine(driver_url(ground.cluster.url("postgres", ground.database)), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_there_is_one_newest_migration():
    assert len(ScriptDirectory(str(ROOT / "migrations")).get_heads()) == 1


def test_the_table_of_legal_steps_is_the_codes(ground: Ground):
    with ground.connect("web") as connection:
        stored = connection.execute("SELECT from_status, to_status, event FROM link_transitions").fetchall()

    assert set(stored) == {(step.source, step.target, step.event) for step in TRANSITIONS}
    assert len(stored) == len(TRANSITIONS)


def test_every_table_of_an_organization_carries_it_into_its_keys():
    """A foreign key between two tables of organizations that leaves the organization out could lead anywhere (I-27)."""
    loose = [
        key.name
        for table in TABLES.values()
        for key in table.foreign_key_constraints
        if "organization_id" in table.columns
        and "organization_id" in key.referred_table.columns
        and "organization_id" not in key.column_keys
        # A link's own history: its first key binds the link to its organization.
        and key.referred_table is not table
    ]

    assert loose == []
