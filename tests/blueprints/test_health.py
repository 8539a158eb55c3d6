"""Health: down when this process must not serve, degraded when only something that hurries is away."""

import re

import pytest
from structlog.testing import capture_logs

from provvypay.flows.refresh_rates import refresh_rates
from provvypay.kit import cache
from tests.support.database import acting_as

ALL = ["/health", "/health/ready", "/api/health"]


def state(client, path="/health/ready"):
    page = client.open("GET", path)
    return page.status, page.json["status"], {name for name, word in page.json["checks"].items() if word != "ok"}


def test_alive_asks_nobody(client):
    page = client.open("GET", "/health/live")

    assert (page.status, page.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ALL)
def test_all_is_well(path, client, sandbox, run_jobs):
    with acting_as("worker"):
        refresh_rates()

    assert state(client, path) == (200, "ok", set())


def test_redis_only_hurries(client, settings):
    cache.configure("unix:///nowhere/at/all.sock")
    try:
        status, word, wrong = state(client)
    finally:
        cache.configure(settings.redis_url)

    assert (status, word) == (200, "degraded")
    assert "redis" in wrong


@pytest.mark.parametrize(
    ("breaking", "mending"),
    [
        ("ALTER TABLE journals DISABLE TRIGGER facts_stay", "ALTER TABLE journals ENABLE TRIGGER facts_stay"),
        ("ALTER TABLE payments NO FORCE ROW LEVEL SECURITY", "ALTER TABLE payments FORCE ROW LEVEL SECURITY"),
        ("ALTER TABLE payments DISABLE ROW LEVEL SECURITY", "ALTER TABLE payments ENABLE ROW LEVEL SECURITY"),
        ("CREATE TABLE stray (n int); ALTER TABLE stray OWNER TO provvypay_web", "DROP TABLE stray"),
    ],
)
def test_i_38_a_guard_that_is_off_takes_us_out_of_service(breaking, mending, client, observer):
    for statement in breaking.split(";"):
        observer.sql(statement)
    try:
        with capture_logs() as logs:
            status, word, wrong = state(client)
    finally:
        observer.sql(mending)

    assert (status, word) == (503, "down")
    assert "guards" in wrong
    assert next(line for line in logs if line["event"] == "health.guards")["broken"]
    assert "guards" not in state(client)[2]


def test_another_schema_than_the_codes_takes_us_out_of_service(client, observer):
    (row,) = observer.sql("SELECT version_num FROM alembic_version")
    observer.sql("UPDATE alembic_version SET version_num = '0000'")
    try:
        assert state(client)[0] == 503
    finally:
        observer.sql("UPDATE alembic_version SET version_num = :version", version=row.version_num)


def test_work_that_nobody_does_takes_us_out_of_service(client, make, observer):
    observer.sql(
        "INSERT INTO inbox (id, provider, event_id, event_type, livemode, payload, received_at, next_attempt_at) VALUES"
        " (gen_random_uuid(), 'STRIPE', 'evt_nobody', 'x', false, '{}', clock_timestamp() - interval '6 minutes',"
        " clock_timestamp() - interval '6 minutes')"
    )
    try:
        status, _, wrong = state(client)
    finally:
        observer.sql("DELETE FROM inbox WHERE event_id = 'evt_nobody'")

    assert status == 503
    assert "inbox" in wrong


def test_an_event_that_waits_for_its_next_try_takes_nobody_out_of_service(client, observer):
    observer.sql(
        "INSERT INTO inbox"
        " (id, provider, event_id, event_type, livemode, payload, received_at, next_attempt_at, attempts)"
        " VALUES (gen_random_uuid(), 'STRIPE', 'evt_waits', 'x', false, '{}', clock_timestamp() - interval '1 hour',"
        " clock_timestamp() + interval '10 minutes', 7)"
    )
    try:
        status, _, wrong = state(client)
    finally:
        observer.sql("DELETE FROM inbox WHERE event_id = 'evt_waits'")

    assert status == 200
    assert "inbox" not in wrong


def test_what_counts_the_queues_keeps_its_owner_and_whom_it_serves(observer):
    (row,) = observer.sql(
        "SELECT proowner::regrole::text AS owner, prosecdef, proconfig,"
        " has_function_privilege('provvypay_web', oid, 'EXECUTE') AS web,"
        " has_function_privilege('provvypay_worker', oid, 'EXECUTE') AS worker, proacl::text AS grants"
        " FROM pg_proc WHERE proname = 'queue_depths'"
    )

    assert (row.owner, row.prosecdef, row.web, row.worker) == ("provvypay_lookup", True, True, True)
    assert row.proconfig == ["search_path=public, pg_temp"]
    assert not re.search(r"[{,]=", row.grants)  # that would be everybody


def test_a_database_that_is_away_is_said_without_a_word_about_it(client, monkeypatch):
    from provvypay.services import health

    def away(_session):
        raise RuntimeError("connection to host=10.0.0.1 refused")

    monkeypatch.setattr(health, "schema_version", away)
    page = client.open("GET", "/health/ready")

    assert (page.status, page.json["status"]) == (503, "down")
    assert "10.0.0.1" not in page.source


def test_cfg_02_health_tells_no_version_and_no_address(client):
    page = client.open("GET", "/health")

    assert set(page.json) == {"status", "checks"}
    assert set(page.json["checks"].values()) <= {"ok", "degraded", "down"}
