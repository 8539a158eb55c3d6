"""A statement of a hot path behaves as any other: the same names, the same transaction, the same errors."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from provvypay.kit.db import Statement, changed, sqlstate, transaction
from provvypay.models.organization import Organization
from tests.support.statements import sent_by


def test_names_are_given_and_casts_and_percent_signs_are_left_alone():
    sql = Statement("SELECT :a::text, CAST(:b_2 AS int) % 10, '12:30' LIKE '%:30' WHERE x = :a").sql

    assert sql == "SELECT %(a)s::text, CAST(%(b_2)s AS int) %% 10, '12:30' LIKE '%%:30' WHERE x = %(a)s"


def test_rows_have_names_and_changes_are_counted(make):
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        row = (
            Statement("SELECT name, :word AS word FROM organizations WHERE id = :id")
            .run(session, {"id": organization_id, "word": "oak"})
            .fetchone()
        )
        written = Statement("UPDATE organizations SET name = name WHERE id = :id").run(session, {"id": organization_id})

        assert (row.name, row.word) == (make.merchant.name, "oak")
        assert changed(written) == 1


def test_what_the_session_has_not_yet_written_is_written_first(make):
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        session.get(Organization, organization_id).name = "Renamed"
        found = Statement("SELECT name FROM organizations WHERE id = :id").run(session, {"id": organization_id})

        assert found.fetchone().name == "Renamed"
        session.rollback()


def test_it_shares_the_transaction_with_text(make):
    organization_id = make.merchant.organization_id

    with transaction(organization_id) as session:
        ours = Statement("SELECT pg_current_xact_id()::text AS id").run(session, {}).fetchone().id
        theirs = session.execute(text("SELECT pg_current_xact_id()::text")).scalar_one()

    assert ours == theirs


def test_who_listens_to_sqlalchemy_hears_of_it(make):
    with transaction(make.merchant.organization_id) as session, sent_by(session) as sent:
        Statement("SELECT :word AS word").run(session, {"word": "oak"})

    assert sent == [("SELECT %(word)s AS word", {"word": "oak"})]


def test_a_broken_constraint_is_the_error_that_text_would_raise(make):
    statement = Statement("INSERT INTO merchant_settings (organization_id) VALUES (:id)")

    with (
        pytest.raises(IntegrityError) as raised,
        transaction(make.merchant.organization_id) as session,
    ):
        statement.run(session, {"id": make.merchant.organization_id})

    assert sqlstate(raised.value) == "23505"
    assert "merchant_settings" in str(raised.value)


def test_a_lost_connection_costs_one_transaction_and_no_more(make, observer):
    def lose_it() -> None:
        with transaction(make.merchant.organization_id) as session:
            pid = Statement("SELECT pg_backend_pid() AS pid").run(session, {}).fetchone().pid
            observer.sql("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
            Statement("SELECT 1").run(session, {})

    with pytest.raises(OperationalError):
        lose_it()

    with transaction(make.merchant.organization_id) as session:
        assert Statement("SELECT 1 AS one").run(session, {}).fetchone().one == 1


def test_a_statement_that_takes_too_long_is_a_database_error(make):
    def hurry() -> None:
        with transaction(make.merchant.organization_id) as session:
            Statement("SELECT set_config('statement_timeout', '20', true)").run(session, {})
            Statement("SELECT pg_sleep(5)").run(session, {})

    with pytest.raises(DBAPIError) as raised:
        hurry()

    assert sqlstate(raised.value) == "57014"
