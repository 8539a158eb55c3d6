"""I-38: web and worker own nothing, switch nothing off, and become nobody else."""

from __future__ import annotations

import pytest

from tests.guards.ground import SIGNING_IN, Ground

ESCAPES = (
    "ALTER TABLE payments DISABLE TRIGGER facts_stay",
    "ALTER TABLE payments DISABLE TRIGGER ALL",
    "ALTER TABLE payments DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE payments NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE payments OWNER TO CURRENT_USER",
    "ALTER TABLE payments DROP CONSTRAINT ck_payments_value_minor",
    "ALTER TABLE settlements ALTER CONSTRAINT fk_settlements_organization_id_link_id_currency NOT ENFORCED",
    "DROP TRIGGER facts_stay ON payments",
    "DROP POLICY tenant ON payments",
    "DROP INDEX uq_settlements_one_live",
    "DROP TABLE payments CASCADE",
    "CREATE POLICY everybody ON payments USING (true)",
    "CREATE TRIGGER x BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE RULE x AS ON INSERT TO ledger_entries DO INSTEAD NOTHING",
    "CREATE TABLE x (y int)",
    "CREATE TEMPORARY TABLE payments (y int)",
    "CREATE VIEW x AS SELECT * FROM payments",
    "CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "ALTER FUNCTION refuse_change() RENAME TO x",
    "CREATE SCHEMA x",
    "CREATE ROLE x",
    "GRANT provvypay_lookup TO CURRENT_USER",
    "SET ROLE provvypay_owner",
    "SET ROLE provvypay_lookup",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION provvypay_owner",
    "SET session_replication_role = replica",
    "ALTER ROLE CURRENT_USER SET app.org_id = '00000000-0000-0000-0000-000000000000'",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE provvypay_owner PASSWORD 'x'",
    "ALTER DATABASE {database} SET row_security = off",
    "COPY payments TO PROGRAM 'cat'",
    "COPY link_transitions FROM PROGRAM 'echo'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_catalog.set_config('session_replication_role', 'replica', true)",
    "UPDATE pg_trigger SET tgenabled = 'D'",
    "DELETE FROM pg_policy",
    "LOCK TABLE journals IN ACCESS EXCLUSIVE MODE",
    "TRUNCATE inbox",
    "DELETE FROM inbox",
    "DELETE FROM outbox",
    "UPDATE alembic_version SET version_num = '0001'",
)

OWNERS_ESCAPES = (
    "SET session_replication_role = replica",
    "SET ROLE postgres",
    "ALTER ROLE provvypay_owner BYPASSRLS",
    "ALTER ROLE provvypay_owner SUPERUSER",
    "ALTER TABLE payments DISABLE TRIGGER ALL",
    "GRANT provvypay_owner TO provvypay_web",
    "GRANT provvypay_lookup TO provvypay_web",
    "ALTER TABLE payments OWNER TO provvypay_web",
    "UPDATE pg_trigger SET tgenabled = 'D'",
    "CREATE FUNCTION x() RETURNS int LANGUAGE c AS 'x'",
)


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize("statement", ESCAPES)
def test_i38_there_is_no_way_out_of_a_role(role: str, statement: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write(statement.format(database=ground.database).replace("%", "%%"))


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i38_a_role_that_grants_itself_everything_has_got_nothing(role: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        # PostgreSQL only warns of it.
        write("GRANT ALL ON payments TO CURRENT_USER")
        write("DELETE FROM payments")


@pytest.mark.parametrize("statement", OWNERS_ESCAPES)
def test_i38_the_owner_is_no_superuser(statement: str, ground: Ground):
    with ground.refuses("owner", "42501") as write:
        write(statement)


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i38_web_and_worker_own_nothing(role: str, ground: Ground):
    with ground.acting("postgres") as write:
        owned = write(
            "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = to_regrole(%(role)s)",
            role=f"provvypay_{role}",
        )
        plain = write(
            (
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
                " FROM pg_roles WHERE rolname = %(role)s"
            ),
            role=f"provvypay_{role}",
        )
        assert (owned.fetchone(), plain.fetchone()) == ((0,), (False,))
