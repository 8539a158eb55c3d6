"""`provvypay check-books`: prints what is broken, and its exit code says whether anything is."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from provvypay.kit import db
from provvypay.launcher.paths import ROOT
from provvypay.services.check_books.run import READER
from tests.check_books.world import World
from tests.support.servers import Cluster, environment


def check_books(cluster: Cluster, database: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator would."""
    settings = environment(
        cluster,
        database,
        redis_url="redis://127.0.0.1:1",
        app_url="http://127.0.0.1:1",
        sandbox_url="http://127.0.0.1:1",
    )
    return subprocess.run(
        [sys.executable, "-m", "provvypay.cli", "check-books"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_clean_books_exit_with_zero(world: World, cluster: Cluster, worker_name: str):
    done = check_books(cluster, f"books_{worker_name}")

    assert (done.stdout, done.stderr, done.returncode) == ("The books are clean.\n", "", 0)


def test_a_breach_is_printed_and_exits_with_one(cluster: Cluster, worker_name: str):
    database = f"books_broken_{worker_name}"
    cluster.copy_template(database)
    with psycopg.connect(cluster.url("postgres", database)) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        row = connection.execute(
            "INSERT INTO organizations (id, name, currency, time_zone) VALUES (gen_random_uuid(), 'x', 'AUD', 'UTC')"
            " RETURNING id"
        ).fetchone()

    done = check_books(cluster, database)

    assert row is not None
    assert f"I-31 organizations {row[0]}: no owner\n" in done.stdout
    assert done.stdout.endswith(" breaches.\n")
    assert done.returncode == 1


def test_the_reader_writes_nothing(owner_url: str):
    with pytest.raises(DBAPIError) as refused, db.snapshot(owner_url, role=READER) as connection:
        connection.execute(text("INSERT INTO sign_in_throttles VALUES ('x', 0, now())"))

    assert db.sqlstate(refused.value) == "25006"


@pytest.mark.parametrize("role", ["provvypay_web", "provvypay_worker"])
def test_only_the_owner_may_read_everything(role: str, world: World, cluster: Cluster, worker_name: str):
    url = cluster.url(role, f"books_{worker_name}")

    with pytest.raises(DBAPIError) as refused, db.snapshot(url, role=READER):
        pass

    assert db.sqlstate(refused.value) == "42501"


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ([], 2, "provvypay: No database is set. Run this where the product's settings are, or add --demo"),
        (["--demo", "--data", "{folder}"], 1, "provvypay: No demo is running on {folder}. Start one first"),
    ],
)
def test_without_a_database_one_sentence_says_what_to_do(tmp_path, options, status, says):
    done = subprocess.run(
        [sys.executable, "-m", "provvypay.cli", "check-books", *(word.format(folder=tmp_path) for word in options)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("", status)
    assert done.stderr.startswith(says.format(folder=tmp_path))
    assert done.stderr.count("\n") == 1
