"""Hostile customers, addresses, data and archiving: what PostgreSQL refuses of what a link carries."""

from __future__ import annotations

import json

import pytest

from tests.guards.ground import Ground, new

SET = "UPDATE payment_links SET {} WHERE id = %(link_open)s"


@pytest.mark.parametrize(
    "value",
    [
        "http://shop.example",
        "javascript:alert(1)",
        "HTTPS://shop.example",
        "https://",
        "https://a b",
        "https://a\nb",
        " https://shop.example",
        "https://" + "x" * 2000,
    ],
)
def test_an_address_that_is_not_plain_https_is_refused(value: str, ground: Ground):
    with ground.refuses("web", "23514", "return_url") as write:
        write(SET.format("return_url = %(value)s"), value=value)


@pytest.mark.parametrize(
    "value",
    [
        {f"name {number}": "x" for number in range(16)},
        {"": "x"},
        {"n" * 31: "x"},
        {"name": ""},
        {"name": "x" * 101},
        {"name": 7},
        {"name": None},
        {"name": ["x"]},
        {"name": {"deeper": "x"}},
        ["x"],
        "x",
        7,
        None,
    ],
)
def test_data_that_are_no_short_names_and_values_are_refused(value: object, ground: Ground):
    with ground.refuses("web", "23514", "own_data") as write:
        write(SET.format("own_data = CAST(%(value)s AS jsonb)"), value=json.dumps(value))


def test_fifteen_names_and_values_of_full_length_are_taken(ground: Ground):
    pairs = {f"{number:030}": "é" * 100 for number in range(15)}

    with ground.acting("web") as write:
        write(SET.format("own_data = CAST(%(value)s AS jsonb)"), value=json.dumps(pairs))


@pytest.mark.parametrize("value", ["{}", "{CASH}", "{CARD,CASH}", "{CARD,CARD,CARD,CARD,CARD,CARD}"])
def test_ways_to_pay_nobody_knows_are_refused(value: str, ground: Ground):
    with ground.refuses("web", "23514", "methods") as write:
        write(SET.format("methods = CAST(%(value)s AS text[])"), value=value)


@pytest.mark.parametrize("link", ["link_open", "link_draft"])
def test_what_can_still_be_paid_or_opened_is_not_archived(link: str, ground: Ground):
    with ground.refuses("web", "23514", "archived") as write:
        write(f"UPDATE payment_links SET archived_at = now() WHERE id = %({link})s")


def test_a_worker_archives_nothing(ground: Ground):
    with ground.refuses("worker", "42501") as write:
        write("UPDATE payment_links SET archived_at = now() WHERE id = %(link_paid)s")


# ---------------------------------------------------------------- customers


def test_nobody_is_the_customer_of_another_organizations_link(ground: Ground):
    with ground.refuses("web", "23503") as write:
        write(
            "INSERT INTO link_contacts (link_id, organization_id, name) SELECT %(id)s, %(org)s, 'Eve'",
            id=new(),
        )


@pytest.mark.parametrize("change", ["link_id = gen_random_uuid()", "organization_id = gen_random_uuid()"])
def test_a_customer_stays_with_their_link(change: str, ground: Ground):
    with ground.refuses("web", "42501") as write:
        write(f"UPDATE link_contacts SET {change}")


def test_a_worker_reads_customers_and_changes_none(ground: Ground):
    with ground.acting("worker") as write:
        assert write("SELECT 1 FROM link_contacts LIMIT 1").fetchone()
    for statement in ("DELETE FROM link_contacts", "UPDATE link_contacts SET name = 'x'"):
        with ground.refuses("worker", "42501") as write:
            write(statement)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM link_search",
        "UPDATE link_search SET words = ''",
        "INSERT INTO link_search (link_id, organization_id, words) SELECT gen_random_uuid(), %(org)s, ''",
    ],
)
def test_words_are_written_by_triggers_alone(role: str, statement: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write(statement)


def test_a_look_up_for_words_needs_an_organization(ground: Ground):
    with ground.refuses("web", "42704", "app.org_id", organization=None) as write:
        write("SELECT find_links('''x'':*', 10)")


@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("worker", "find_links('x', 1)"),
        ("web", "due_expiries(1, now(), gen_random_uuid())"),
        ("web", "link_lexemes(gen_random_uuid(), 'x', 1, 'AUD')"),
    ],
)
def test_a_look_up_for_somebody_else_is_refused(role: str, call: str, ground: Ground):
    with ground.refuses(role, "42501", "permission denied for function") as write:
        write(f"SELECT {call}")
