"""The guards themselves are on: triggers, constraints, row-level security, and the schema they belong to (I-38)."""

from __future__ import annotations

import json
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint

from provvypay.models.registry import TABLES
from provvypay.services.check_books import expected
from provvypay.services.check_books.check import Check

_MIGRATIONS = Path(__file__).parents[3].joinpath("migrations")

_POLICY = "(organization_id = (current_setting('app.org_id'::text))::uuid)"


def _triggers() -> str:
    return json.dumps(
        [{"tab": table, "trigger": trigger, "function": function} for table, trigger, function in expected.TRIGGERS]
    )


def _constraints() -> str:
    """Return the constraints of our models; the letters are PostgreSQL's, which has NOT NULL in its own place."""
    letters = {CheckConstraint: "c", ForeignKeyConstraint: "f", PrimaryKeyConstraint: "p", UniqueConstraint: "u"}
    found = [
        {"tab": name, "constraint": str(constraint.name), "kind": letters[type(constraint)]}
        for name, table in sorted(TABLES.items())
        for constraint in table.constraints
    ]
    return json.dumps([*found, {"tab": "journals", "constraint": "ck_journals_settlement_kinds", "kind": "c"}])


def _unique_indexes() -> str:
    return json.dumps(
        [
            {"tab": name, "index": index.name, "partial": index.dialect_options["postgresql"]["where"] is not None}
            for name, table in sorted(TABLES.items())
            for index in table.indexes
            if index.unique
        ]
    )


def _required() -> str:
    return json.dumps(
        [
            {"tab": name, "col": column.name}
            for name, table in sorted(TABLES.items())
            for column in table.columns
            if not column.nullable
        ]
    )


def _policies() -> str:
    """Return who may see what: one policy a tenant table, and the two named exceptions."""
    tenants = [name for name, table in sorted(TABLES.items()) if "organization_id" in table.columns]
    plain = [name for name in tenants if name not in {*expected.WITHOUT_TENANT_POLICY, "audit_logs"}]
    rows = [{"tab": name, "policy": "tenant", "cmd": "ALL", "qual": _POLICY, "with_check": _POLICY} for name in plain]
    own = _POLICY.replace("organization_id", "id")
    rows.append({"tab": "organizations", "policy": "tenant", "cmd": "ALL", "qual": own, "with_check": own})
    rows.append({"tab": "audit_logs", "policy": "tenant_reads", "cmd": "SELECT", "qual": _POLICY, "with_check": ""})
    either = f"((organization_id IS NULL) OR {_POLICY})"
    rows.append({"tab": "audit_logs", "policy": "tenant_writes", "cmd": "INSERT", "qual": "", "with_check": either})
    return json.dumps(rows)


def _head() -> str:
    """Return the newest migration of this code.

    :raises RuntimeError: when there are two
    """
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if head is None:
        raise RuntimeError(f"there are no migrations in {_MIGRATIONS}")
    return head


CHECKS = (
    Check(
        "I-38",
        "guards.schema_is_at_head",
        "The database has the newest migration of this code, and no other.",
        """
        SELECT 'alembic_version', coalesce(string_agg(version_num, ', '), 'none'),
            format('this code is at %s', CAST(:head AS text))
        FROM alembic_version HAVING coalesce(string_agg(version_num, ', '), '') <> :head
        """,
        {"head": _head()},
    ),
    Check(
        "I-38",
        "guards.triggers_are_there",
        "Every trigger that guards a table is there and calls the function it should.",
        """
        SELECT 'pg_trigger', format('%s on %s', e.trigger, e.tab), coalesce('calls ' || p.proname, 'is missing')
        FROM jsonb_to_recordset(CAST(:triggers AS jsonb)) AS e (tab text, trigger text, function text)
        LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass('public.' || e.tab) AND t.tgname = e.trigger
            AND NOT t.tgisinternal
        LEFT JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE p.proname IS DISTINCT FROM e.function
        """,
        {"triggers": _triggers()},
    ),
    Check(
        "I-38",
        "guards.triggers_are_on",
        "No trigger is switched off, neither ours nor those behind foreign keys.",
        """
        SELECT 'pg_trigger', format('%s on %s', t.tgname, c.relname), CASE t.tgenabled WHEN 'D' THEN 'is switched off'
            ELSE 'is off for sessions of ours' END
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND t.tgenabled NOT IN ('O', 'A')
        """,
    ),
    Check(
        "I-38",
        "guards.constraints_are_there",
        "Every constraint of the models is there, validated and enforced.",
        """
        SELECT 'pg_constraint', format('%s on %s', e.constraint, e.tab),
               CASE WHEN k.oid IS NULL THEN 'is missing' WHEN NOT k.convalidated THEN 'is not validated'
                   ELSE 'is not enforced' END
        FROM jsonb_to_recordset(CAST(:constraints AS jsonb)) AS e (tab text, "constraint" text, kind text)
        LEFT JOIN pg_constraint k ON k.conrelid = to_regclass('public.' || e.tab) AND k.conname = e.constraint
            AND k.contype::text = e.kind
        WHERE k.oid IS NULL OR NOT k.convalidated OR to_jsonb(k) ->> 'conenforced' = 'false'
        """,
        {"constraints": _constraints()},
    ),
    Check(
        "I-38",
        "guards.unique_indexes_are_there",
        "Every unique index of the models is there, unique, valid, and over the rows it should be over.",
        """
        SELECT 'pg_index', format('%s on %s', e.index, e.tab), CASE WHEN i.indexrelid IS NULL THEN 'is missing'
            ELSE 'does not do what it should' END
        FROM jsonb_to_recordset(CAST(:indexes AS jsonb)) AS e (tab text, index text, partial boolean)
        LEFT JOIN pg_index i ON i.indexrelid = to_regclass('public.' || e.index)
            AND i.indrelid = to_regclass('public.' || e.tab)
        WHERE i.indexrelid IS NULL OR NOT (i.indisunique AND i.indisvalid AND i.indisready)
            OR (i.indpred IS NOT NULL) <> e.partial
        """,
        {"indexes": _unique_indexes()},
    ),
    Check(
        "I-38",
        "guards.columns_are_required",
        "What the models require is required.",
        """
        SELECT 'pg_attribute', format('%s.%s', e.tab, e.col), CASE WHEN a.attname IS NULL THEN 'is missing'
            ELSE 'may be null' END
        FROM jsonb_to_recordset(CAST(:columns AS jsonb)) AS e (tab text, col text)
        LEFT JOIN pg_attribute a ON a.attrelid = to_regclass('public.' || e.tab) AND a.attname = e.col
            AND NOT a.attisdropped
        WHERE a.attnotnull IS NOT TRUE
        """,
        {"columns": _required()},
    ),
    Check(
        "I-35",
        "guards.nothing_vanishes_with_its_parent",
        "Deleting a row takes no other with it; only a person's sessions go with the person.",
        """
        SELECT 'pg_constraint', format('%s on %s', k.conname, k.conrelid::regclass), 'deletes or changes rows by itself'
        FROM pg_constraint k WHERE k.connamespace = 'public'::regnamespace AND k.contype = 'f'
          AND (k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r'))
              AND k.conname <> 'fk_user_sessions_user_id'
        """,
    ),
    Check(
        "I-28",
        "guards.row_security_is_forced",
        "Row-level security is on and forced for every table of an organization.",
        """
        SELECT 'pg_class', c.relname::text, CASE WHEN c.relrowsecurity THEN 'row-level security is not forced'
            ELSE 'row-level security is off' END
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            AND c.relname <> ALL (string_to_array(:without, ','))
          AND (c.relname = 'organizations' OR EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped))
        """,
        {"without": ",".join(expected.WITHOUT_TENANT_POLICY)},
    ),
    Check(
        "I-28",
        "guards.policies_name_the_organization",
        "Each of these tables has its one policy, which compares organizations, and no other.",
        """
        SELECT 'pg_policy', format('%s on %s', policy, tab),
               CASE WHEN e.cmd IS NULL THEN 'is not one of ours' WHEN p.cmd IS NULL THEN 'is missing'
               ELSE format('for %s, %s, to %s: %s; %s', p.cmd, p.permissive, p.roles, p.qual, p.with_check) END
        FROM jsonb_to_recordset(CAST(:policies AS jsonb)) AS e (tab text, policy text, cmd text, qual text,
            with_check text)
        FULL JOIN (SELECT tablename::text AS tab, policyname::text AS policy, cmd, permissive, roles,
            coalesce(qual, '') AS qual, coalesce(with_check, '') AS with_check
                   FROM pg_policies WHERE schemaname = 'public') AS p USING (tab, policy)
        WHERE (e.cmd, e.qual, e.with_check, 'PERMISSIVE', '{public}') IS DISTINCT
        FROM (p.cmd, p.qual, p.with_check, p.permissive, p.roles::text)
        """,
        {"policies": _policies()},
    ),
    Check(
        "I-29",
        "guards.views_show_what_the_reader_may_see",
        "A view reads as whoever asks; materialized views, which cannot, there are none.",
        """
        SELECT 'pg_class', c.relname::text, CASE c.relkind WHEN 'm' THEN 'is a materialized view'
            ELSE 'is a view that reads as its owner' END
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
          AND (c.relkind = 'm' OR (c.relkind = 'v'
              AND coalesce(c.reloptions::text, '') !~ 'security_invoker=(true|on|1)'))
        """,
    ),
)
