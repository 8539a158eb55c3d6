"""The embedded PostgreSQL: starts, keeps its data, dies with us, and explains itself."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from provvypay.launcher.postgres import EmbeddedPostgres, check_open_to_others
from provvypay.launcher.process import is_alive
from provvypay.launcher.roles import ensure_database, ensure_roles
from provvypay.launcher.trouble import CannotStartError
from tests.launcher.conftest import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with EmbeddedPostgres(tmp_path_factory.mktemp("cluster"), durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    server = EmbeddedPostgres(tmp_path_factory.mktemp("stale"), durable=False)
    server.start()
    server.stop()
    return server


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()[0]


def test_a_crash_loses_nothing_that_was_committed(cluster):
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = cluster.pid

    cluster.restart(immediate=True)

    assert cluster.pid != before
    assert ask(cluster.url(), "SELECT answer FROM kept") == 42


def test_it_listens_on_a_private_socket_only(cluster):
    assert ask(cluster.url(), "SHOW listen_addresses") == ""
    assert ask(cluster.url(), "SHOW unix_socket_permissions") == "0700"
    assert cluster.directory.stat().st_mode & 0o077 == 0


def test_roles_own_nothing_and_one_looks_past_row_level_security(cluster):
    ensure_roles(cluster.url())
    ensure_roles(cluster.url())

    with psycopg.connect(cluster.url()) as connection:
        found = connection.execute(
            "SELECT rolname, rolcanlogin, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles"
            " WHERE rolname LIKE 'provvypay%' ORDER BY 1"
        ).fetchall()
    assert found == [
        ("provvypay_lookup", False, True, False),
        ("provvypay_owner", True, False, False),
        ("provvypay_web", True, False, False),
        ("provvypay_worker", True, False, False),
    ]


def test_a_database_belongs_to_the_owner_and_opens_to_our_roles(cluster):
    ensure_roles(cluster.url())

    assert ensure_database(cluster.url(), "books") is True
    assert ensure_database(cluster.url(), "books") is False

    assert ask(cluster.url("provvypay_web", "books"), "SELECT current_user::text") == "provvypay_web"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(cluster.url("provvypay_web", "books"), "CREATE TABLE mine ()")
    assert ask(cluster.url("provvypay_owner", "books"), "SELECT has_schema_privilege('public', 'CREATE')") is True


def test_it_dies_with_a_parent_that_is_killed_and_starts_again_on_its_data(script, tmp_path):
    folder = tmp_path / "cluster"
    parent = script(
        "import sys, time\n"
        "from provvypay.launcher.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(sys.argv[1], durable=False)\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(300)\n",
        str(folder),
    )
    pid = int(parent.stdout.readline())

    parent.kill()
    with EmbeddedPostgres(folder, durable=False) as server:  # at once: it waits for the old one to end
        assert not is_alive(pid)
        assert ask(server.url(), "SELECT 1") == 1


def test_a_long_path_gets_a_short_folder_for_its_socket(tmp_path):
    with EmbeddedPostgres(tmp_path / ("long" * 30), durable=False) as server:
        assert ask(server.url(), "SELECT 1") == 1


class TestStaleFolder:
    """What a power cut, a copy or an upgrade may leave behind."""

    def test_a_process_id_that_is_somebody_elses_by_now_does_not_stop_it(self, stopped):
        left = f"{os.getpid()}\n{stopped.data}\n1700000000\n5432\n{stopped.directory}\n\n"
        (stopped.data / "postmaster.pid").write_text(left)
        (stopped.directory / ".s.PGSQL.5432.lock").write_text(left)

        stopped.start()

        assert ask(stopped.url(), "SELECT 1") == 1
        stopped.stop()

    def test_a_server_that_uses_the_data_is_named(self, stopped, monkeypatch):
        monkeypatch.setattr("provvypay.launcher.postgres.LAST_OWNER_SECONDS", 0.1)
        with stopped, pytest.raises(CannotStartError, match=f"process {stopped.pid}"):
            EmbeddedPostgres(stopped.directory, durable=False).start()

    def test_data_of_another_version_are_not_touched(self, stopped):
        version = stopped.data / "PG_VERSION"
        version.write_text("17\n")

        with pytest.raises(CannotStartError, match="written by PostgreSQL 17, this is 18"):
            stopped.start()

        version.write_text("18\n")

    def test_a_full_disk_is_said_before_anything_breaks(self, stopped, monkeypatch):
        monkeypatch.setattr("provvypay.launcher.postgres.ROOM_NEEDED", 10**18)

        with pytest.raises(CannotStartError, match="is full"):
            stopped.start()

    def test_a_server_that_cannot_start_shows_its_log(self, stopped):
        broken = EmbeddedPostgres(stopped.directory, durable=False, settings={"shared_buffers": "nonsense"})

        with pytest.raises(CannotStartError, match="shared_buffers"):
            broken.start()


def test_the_server_is_not_root(cluster):
    process = Path(f"/proc/{cluster.pid}")
    user_inside = (process / "uid_map").read_text(encoding="ascii").split()[0]

    assert process.stat().st_uid != 0 or user_inside != "0"


def test_a_stopped_server_is_gone(tmp_path):
    server = EmbeddedPostgres(tmp_path / "cluster", durable=False)
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGHUP)  # a signal that it survives: it reads its settings again
    assert ask(server.url(), "SELECT 1") == 1

    server.stop()

    wait_until(lambda: not is_alive(pid), "PostgreSQL ends")
    with pytest.raises(RuntimeError):
        _ = server.pid


def test_a_folder_that_nobody_may_enter_is_named(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(CannotStartError, match=r"the user nobody may not enter"):
        check_open_to_others(closed / "cluster")
