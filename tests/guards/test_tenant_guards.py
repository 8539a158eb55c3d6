"""I-27 to I-30: nobody reads, writes or refers to the rows of another organization."""

from __future__ import annotations

import psycopg
import pytest

from provvypay.models.registry import TABLES
from tests.guards.ground import SIGNING_IN, Ground, new, payment, step

TENANTS = sorted(
    name for name, table in TABLES.items() if "organization_id" in table.columns and name != "user_sessions"
)
READABLE = {"web": TENANTS, "worker": [name for name in TENANTS if name != "audit_logs"]}
EACH = [(role, table) for role in SIGNING_IN for table in READABLE[role]]


# ---------------------------------------------------------------- I-28 reading


@pytest.mark.parametrize(
    ("role", "table"), [*EACH, ("web", "organizations"), ("owner", "payments"), ("owner", "organizations")]
)
def test_i28_reading_without_an_organization_is_an_error(role: str, table: str, ground: Ground):
    with ground.refuses(role, "42704", "app.org_id", organization=None) as write:
        write(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i28_a_connection_used_again_has_forgotten_its_organization(role: str, ground: Ground):
    with ground.connect(role) as connection:
        connection.execute("SELECT set_config('app.org_id', %s, true)", [ground.ids["organization"]])
        assert connection.execute("SELECT count(*) FROM payments").fetchone() != (0,)
        connection.commit()

        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT count(*) FROM payments")


@pytest.mark.parametrize(("role", "table"), EACH)
def test_i28_rows_of_another_organization_are_not_seen(role: str, table: str, ground: Ground):
    with ground.acting(role) as write:
        seen = write(f"SELECT DISTINCT organization_id::text FROM {table}").fetchall()
        foreign = write(f"SELECT count(*) FROM {table} WHERE organization_id = %(other_organization)s").fetchone()

    assert seen == [(ground.ids["organization"],)]
    assert foreign == (0,)


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize(
    "trick",
    [
        "SELECT l.id FROM payment_links l WHERE l.id = %(other_link)s",
        "SELECT l.id FROM payments p JOIN payment_links l ON l.id = %(other_link)s",
        "SELECT l.id FROM payment_links l WHERE l.id = %(other_link)s FOR UPDATE",
        (
            "SELECT (SELECT id FROM payment_links WHERE id = %(other_link)s) WHERE EXISTS (SELECT"
            " FROM payment_links WHERE id = %(other_link)s)"
        ),
        (
            "WITH RECURSIVE r AS (SELECT id FROM payment_links WHERE id = %(other_link)s UNION SELECT id"
            " FROM r) SELECT * FROM r"
        ),
        "UPDATE payment_links SET description = 'x' WHERE id = %(other_link)s RETURNING id",
        (
            "SELECT id FROM payment_links WHERE CASE"
            " WHEN id = %(other_link)s THEN 1 / (amount_minor - amount_minor) = 0 END"
        ),
        "TABLE organizations EXCEPT SELECT * FROM organizations WHERE id::text = current_setting('app.org_id')",
    ],
)
def test_i28_no_trick_shows_a_foreign_row(role: str, trick: str, ground: Ground):
    with ground.acting(role) as write:
        assert write(trick).fetchall() == []


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize(
    ("trick", "sqlstate"),
    [
        ("SET LOCAL row_security = off; SELECT 1 FROM payments", "42501"),
        ("COPY payments TO STDOUT", "42704"),
        ("DECLARE c CURSOR FOR SELECT * FROM payments; FETCH 1 FROM c", "42704"),
        ("DO $$ BEGIN PERFORM count(*) FROM payments; END $$", "42704"),
        ("EXPLAIN ANALYZE SELECT * FROM payments", "42704"),
    ],
)
def test_i28_no_trick_reads_without_an_organization(role: str, trick: str, sqlstate: str, ground: Ground):
    with ground.refuses(role, sqlstate, organization=None) as write:
        for statement in trick.split("; ") if not trick.startswith("DO") else [trick]:
            cursor = write(statement.replace("%", "%%"))
            if cursor.description:
                cursor.fetchall()


# ---------------------------------------------------------------- I-28 writing


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT INTO payment_events (id, organization_id, link_id, kind, dedupe, data, occurred_at)"
            " VALUES (%(new)s, %(other_organization)s, %(other_link)s, 'x', 'x', '{}', now())"
        ),
        "INSERT INTO outbox (organization_id, topic, dedupe, payload) VALUES (%(other_organization)s, 'x', 'x', '{}')",
        (
            "INSERT INTO audit_logs (id, organization_id, actor_type, action, detail)"
            " VALUES (%(new)s, %(other_organization)s, 'SYSTEM', 'x', '{}')"
        ),
        (
            "INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at)"
            " VALUES (%(new)s, %(other_organization)s, %(other_open)s, 10000, 'GBP', now())"
        ),
        (
            "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency,"
            " effective_at, description)"
            " VALUES (%(new)s, %(other_organization)s, 'FEE', 'BALANCE_TRANSACTION', %(new)s, 'GBP', now(), 'x')"
        ),
    ],
)
def test_i28_a_row_for_another_organization_is_refused(role: str, statement: str, ground: Ground):
    with ground.refuses(role, "42501", "row-level security") as write:
        write(statement, new=new())


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i28_a_step_of_a_foreign_link_is_refused_in_either_name(role: str, ground: Ground):
    with ground.refuses(role, "23503", "no link") as write:
        step(write, ground.ids["other_open"], "OPEN", "CANCELED", "link.canceled")
    with ground.refuses(role, "23503", "no link") as write:
        step(write, ground.ids["other_open"], "OPEN", "CANCELED", "link.canceled", org=ground.ids["other_organization"])


# ---------------------------------------------------------------- I-27 references

REFERENCES = {
    "payment_events": "INSERT INTO payment_events (id, organization_id, link_id, kind, dedupe, data, occurred_at)"
    " VALUES (%(new)s, %(org)s, %(link)s, 'x', 'x', '{}', now())",
    "payment_attempts": "INSERT INTO payment_attempts (id, organization_id, link_id, number, method, amount_minor,"
    " currency, idempotency_key, expires_at)"
    " VALUES (%(new)s, %(org)s, %(link)s, 9, 'CARD', 1, 'AUD', 'again', now())",
    "settlements": "INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at)"
    " VALUES (%(new)s, %(org)s, %(link)s, 10000, 'GBP', now())",
    "journals": "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency,"
    " effective_at, description, link_id)"
    " VALUES (%(new)s, %(org)s, 'FEE', 'BALANCE_TRANSACTION', %(new)s, 'AUD', now(), 'x', %(link)s)",
    "xero_syncs": (
        "INSERT INTO xero_syncs (id, organization_id, connection_id, link_id, kind, source_id)"
        " SELECT %(new)s, %(org)s, c.id, %(link)s, 'FEE', %(new)s FROM xero_connections c"
    ),
    "notifications": "INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)"
    " VALUES (%(new)s, %(org)s, %(owner)s, 'x', %(new)s, %(link)s, '{}')",
}


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize("table", sorted(REFERENCES))
def test_i27_a_foreign_row_and_a_missing_row_are_refused_alike(role: str, table: str, ground: Ground):
    said = []
    # A link of the other organization that is PAID, and one that is not there at all.
    for link in (
        ground.ids["other_open"] if table == "settlements" else ground.ids["other_link"],
        new(),
    ):
        with ground.connect(role) as connection:
            ground._enter(connection, ground.ids["organization"])
            with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
                ground.writer(connection)(REFERENCES[table], new=new(), link=link)
            connection.rollback()
        said.append(str(refused.value).replace(link, "it"))

    assert said[0] == said[1]


def test_i27_a_foreign_payment_attempt_and_account_are_refused(ground: Ground):
    with ground.acting("postgres") as write:
        attempt = write(
            "SELECT id FROM payment_attempts WHERE organization_id = %(other_organization)s LIMIT 1"
        ).fetchone()

    with ground.refuses("worker", "23503") as write:
        payment(write, None, attempt=str(attempt[0]))  # type: ignore[index]


# ---------------------------------------------------------------- I-30 look-ups


@pytest.mark.parametrize(
    ("role", "call"),
    [
        *((role, "judge_link(gen_random_uuid())") for role in SIGNING_IN),
        *(
            ("web", call)
            for call in ("claim_outbox(1, 1)", "due_expiries(1)", "due_checkout_sessions(1)", "stale_card_attempts(1)")
        ),
        *(("worker", call) for call in ("lookup_session('x')", "lookup_memberships(gen_random_uuid())")),
    ],
)
def test_i30_a_function_for_somebody_else_is_refused(role: str, call: str, ground: Ground):
    with ground.refuses(role, "42501", "permission denied for function", organization=None) as write:
        write(f"SELECT * FROM {call}")


@pytest.mark.parametrize(
    ("role", "columns"), [("web", ["organization_id", "link_id"]), ("worker", ["organization_id", "link_id"])]
)
def test_i30_a_look_up_returns_no_more_than_it_must(role: str, columns: list[str], ground: Ground):
    with ground.acting(role, organization=None) as write:
        found = write("SELECT * FROM lookup_link('22222222')")

    assert [column.name for column in found.description or ()] == columns
