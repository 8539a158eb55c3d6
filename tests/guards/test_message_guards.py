"""I-10, I-16, I-21 to I-24: hostile sessions, rates, events and messages."""

from __future__ import annotations

import pytest

from tests.guards.ground import ROLES, SIGNING_IN, Ground, new, one

SNAPSHOT = (
    "INSERT INTO fx_snapshots (id, organization_id, link_id, kind, asset, currency, state,"
    " rate, source, as_of, fetched_at)"
    " VALUES (%(id)s, %(org)s, %(link_open)s, 'CREATION', 'HBAR', 'AUD', %(state)s, %(rate)s,"
    " %(source)s, %(at)s, %(at)s)"
)


def copied(table: str, where: str, **other: str) -> str:
    """Return an INSERT of a row that is there already, but for some columns."""
    changed = ", ".join(f"'{column}', {value}" for column, value in other.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({changed}))).*"
        f" FROM {table} t WHERE {where}"
    )


# ---------------------------------------------------------------- I-16 sessions


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i16_a_second_open_session_is_refused(role: str, ground: Ground):
    attempt = new()
    with ground.refuses(role, "23505", "uq_checkout_sessions_one_open") as write:
        write(
            "INSERT INTO payment_attempts (id, organization_id, link_id, number, method, amount_minor,"
            " currency, idempotency_key, expires_at)"
            " VALUES (%(attempt)s, %(org)s, %(link_being_paid)s, 2, 'CARD', 10000, 'AUD', 'again', now())",
            attempt=attempt,
        )
        write(
            copied(
                "checkout_sessions",
                "link_id = %(link_being_paid)s",
                id=f"'{new()}'",
                attempt_id=f"'{attempt}'",
                provider_session_id="'cs_again'",
            )
        )


@pytest.mark.parametrize("role", ROLES)
def test_i16_a_session_that_ended_never_opens_again(role: str, ground: Ground):
    with ground.refuses(role, "55000", "not to become OPEN") as write:
        write("UPDATE checkout_sessions SET state = 'OPEN' WHERE link_id = %(link_paid)s")


@pytest.mark.parametrize("role", ROLES)
def test_i16_a_payment_intent_stays_with_its_session(role: str, ground: Ground):
    with ground.refuses(role, "55000", "never changes") as write:
        write("UPDATE checkout_sessions SET payment_intent_id = 'pi_other' WHERE link_id = %(link_paid)s")


@pytest.mark.parametrize(("role", "sqlstate"), [("web", "42501"), ("worker", "42501"), ("owner", "55000")])
@pytest.mark.parametrize("column", ["amount_minor", "provider_session_id", "link_id"])
def test_i16_what_a_session_is_about_stays(role: str, sqlstate: str, column: str, ground: Ground):
    value = {"amount_minor": "1", "provider_session_id": "'cs_other'", "link_id": "%(link_open)s"}[column]
    with ground.refuses(role, sqlstate) as write:
        write(f"UPDATE checkout_sessions SET {column} = {value} WHERE link_id = %(link_paid)s")


# ---------------------------------------------------------------- I-21 rates


def test_i21_a_missing_rate_is_filled_in_once_and_never_again(ground: Ground):
    filled = (
        "UPDATE fx_snapshots SET state = 'OK', rate = %(rate)s, source = 'X', as_of = now(),"
        " fetched_at = now() WHERE id = %(id)s"
    )

    with ground.refuses("owner", "55000", "never changes") as write:
        snapshot = one(write("SELECT id FROM fx_snapshots WHERE link_id = %(link_open)s AND state = 'UNAVAILABLE'"))
        assert write(filled, id=snapshot, rate=2).rowcount == 1
        write(filled, id=snapshot, rate=3)


def test_i21_a_rate_is_not_taken_back(ground: Ground):
    with ground.refuses("owner", "55000", "never changes") as write:
        write(
            "UPDATE fx_snapshots SET state = 'UNAVAILABLE', rate = NULL, source = NULL, as_of = NULL, fetched_at = NULL"
            " WHERE link_id = %(link_open)s AND asset = 'HBAR'"
        )


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i21_neither_web_nor_worker_fills_in_a_rate_of_its_own(role: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write("UPDATE fx_snapshots SET state = 'OK', rate = 2 WHERE link_id = %(link_open)s")


def test_i21_the_owner_cannot_make_it_another_snapshot(ground: Ground):
    with ground.refuses("owner", "55000", "these columns") as write:
        write(
            "UPDATE fx_snapshots SET link_id = %(link_paid)s, state = 'OK', rate = 1, source = 'X',"
            " as_of = now(), fetched_at = now()"
            " WHERE link_id = %(link_open)s AND state = 'UNAVAILABLE'"
        )


@pytest.mark.parametrize(
    ("state", "rate", "source", "why"),
    [
        ("OK", 1, "X", "uq_fx_snapshots_creation"),
        ("OK", None, None, "ck_fx_snapshots_rate_missing"),
        ("UNAVAILABLE", 1, "X", "ck_fx_snapshots_rate_missing"),
        ("OK", 1, None, "ck_fx_snapshots_evidence"),
        ("OK", 0, "X", "ck_fx_snapshots_rate_positive"),
    ],
)
def test_i21_a_second_or_a_contradictory_snapshot_is_refused(
    state: str, rate: int | None, source: str | None, why: str, ground: Ground
):
    with ground.refuses("worker", "23505" if why.startswith("uq") else "23514", why) as write:
        write(SNAPSHOT, id=new(), state=state, rate=rate, source=source, at="2026-01-01" if rate is not None else None)


# ---------------------------------------------------------------- I-22, I-23


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("state = 'SUCCESS', next_attempt_at = NULL", "ck_xero_syncs_document"),
        ("attempts = 7", "ck_xero_syncs_attempts"),
        ("next_attempt_at = NULL", "ck_xero_syncs_waiting"),
    ],
)
def test_i22_a_row_for_xero_that_contradicts_itself_is_refused(change: str, why: str, ground: Ground):
    with ground.refuses("worker", "23514", why) as write:
        write(f"UPDATE xero_syncs SET {change} WHERE link_id = %(link_paid)s AND kind = 'INVOICE'")


def test_i22_a_second_row_for_xero_is_refused(ground: Ground):
    with ground.refuses("worker", "23505", "uq_xero_syncs_connection_id_link_id_kind_source_id") as write:
        write(copied("xero_syncs", "link_id = %(link_paid)s AND kind = 'INVOICE'", id=f"'{new()}'"))


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i23_nobody_is_told_twice(role: str, ground: Ground):
    with ground.refuses(role, "23505", "uq_notifications_cause_id_kind_user_id") as write:
        write(
            copied(
                "notifications",
                "link_id = %(link_paid)s AND user_id = %(owner)s AND kind = 'link.paid'",
                id=f"'{new()}'",
            )
        )


def test_i23_a_person_of_another_organization_is_not_told(ground: Ground):
    with ground.refuses("worker", "23503") as write:
        write(
            (
                "INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, data)"
                " VALUES (%(id)s, %(org)s, %(stranger)s, 'x', %(id)s, '{}')"
            ),
            id=new(),
            stranger=str(ground.world.theirs.owner.id),
        )


# ---------------------------------------------------------------- I-10, I-24


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i10_an_event_is_accepted_once(role: str, ground: Ground):
    with ground.refuses(role, "23505", "uq_inbox_provider_event_id") as write:
        write(
            (
                "INSERT INTO inbox (id, provider, event_id, event_type, livemode, payload)"
                " VALUES (%(id)s, 'STRIPE', 'evt_1', 'x', false, '{}')"
            ),
            id=new(),
        )


@pytest.mark.parametrize(
    "change", ["state = 'NEW', handled_at = NULL", "note = 'again'", "lease_token = lease_token - 1"]
)
@pytest.mark.parametrize("role", ["worker", "owner"])
def test_i10_an_event_that_is_done_stays_done(change: str, role: str, ground: Ground):
    with ground.refuses(role, "55000", "does not go back") as write:
        write(f"UPDATE inbox SET {change} WHERE state = 'DONE'")


@pytest.mark.parametrize("role", ["worker", "owner"])
@pytest.mark.parametrize("table", ["inbox", "outbox"])
def test_i24_a_lease_does_not_go_back(role: str, table: str, ground: Ground):
    with ground.refuses(role, "55000", "does not go back") as write:
        write(f"UPDATE {table} SET lease_token = -1")


@pytest.mark.parametrize("change", ["done_at = NULL", "attempts = 0", "dead_at = now(), done_at = NULL"])
@pytest.mark.parametrize("role", ["worker", "owner"])
def test_i24_a_message_that_is_done_stays_done(change: str, role: str, ground: Ground):
    with ground.refuses(role, "55000", "does not go back") as write:
        write(f"UPDATE outbox SET {change} WHERE done_at IS NOT NULL")


def test_i24_a_message_has_one_end(ground: Ground):
    with ground.refuses("worker", "23514", "ck_outbox_one_end") as write:
        write("UPDATE outbox SET done_at = now(), dead_at = now() WHERE done_at IS NULL")


def test_i24_a_message_is_left_once(ground: Ground):
    with ground.refuses("web", "23505", "uq_outbox_topic_dedupe") as write:
        write(
            "INSERT INTO outbox (organization_id, topic, dedupe, payload)"
            " SELECT organization_id, topic, dedupe, payload FROM outbox LIMIT 1"
        )


@pytest.mark.parametrize("table", ["inbox", "outbox"])
@pytest.mark.parametrize("role", SIGNING_IN)
def test_i24_what_a_message_says_stays(table: str, role: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write(f"UPDATE {table} SET payload = '{{}}'")


def test_i24_one_message_that_kills_its_workers_does_not_stop_the_others(ground: Ground):
    with ground.refuses("worker", "P0001", "undo") as write:
        write(
            "UPDATE outbox SET attempts = 20, lease_until = NULL, available_at = now()"
            " WHERE done_at IS NULL AND dead_at IS NULL"
        )
        assert write("SELECT * FROM claim_outbox(100, 60)").rowcount > 1
        write("DO $$ BEGIN RAISE EXCEPTION 'undo'; END $$")
