"""The roles can do what they must and no more: web and worker own nothing, only the owner may become the reader."""

from __future__ import annotations

import json

from provvypay.services.check_books import expected
from provvypay.services.check_books.check import Check

CHECKS = (
    Check(
        "I-38",
        "rights.roles_are_plain",
        "Web and worker are plain roles; the owner too; the reader bypasses row-level security and cannot sign in.",
        """
        SELECT 'pg_roles', e.role, CASE WHEN r.oid IS NULL THEN 'is missing'
            ELSE concat_ws(', ', CASE WHEN r.rolsuper THEN 'is a superuser' END,
               CASE WHEN r.rolbypassrls <> e.reader THEN CASE WHEN e.reader THEN 'is bound by row-level security'
                   ELSE 'bypasses row-level security' END END,
               CASE WHEN r.rolcanlogin AND e.reader THEN 'can sign in' END, CASE
                   WHEN r.rolcreaterole THEN 'makes roles' END,
               CASE WHEN r.rolcreatedb THEN 'makes databases' END, CASE WHEN r.rolreplication THEN 'replicates' END) END
        FROM (VALUES ('provvypay_web', false), ('provvypay_worker', false), ('provvypay_owner', false),
            ('provvypay_lookup', true)) AS e (role, reader)
        LEFT JOIN pg_roles r ON r.rolname = e.role
        WHERE r.oid IS NULL OR r.rolsuper OR r.rolbypassrls <> e.reader OR (r.rolcanlogin AND e.reader)
            OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
        """,
    ),
    Check(
        "I-38",
        "rights.nobody_becomes_another",
        "Web and worker belong to no other role, and only the owner may become the reader.",
        """
        SELECT 'pg_auth_members', member.rolname::text, format('may become %s', granted.rolname)
        FROM pg_auth_members m JOIN pg_roles member ON member.oid = m.member
        JOIN pg_roles granted ON granted.oid = m.roleid
        WHERE member.rolname IN ('provvypay_web', 'provvypay_worker')
            OR (granted.rolname = 'provvypay_lookup' AND member.rolname <> 'provvypay_owner' AND NOT member.rolsuper)
           OR (granted.rolname = 'provvypay_owner' AND NOT member.rolsuper)
        """,
    ),
    Check(
        "I-38",
        "rights.web_and_worker_own_nothing",
        "Web and worker own nothing in this database and nothing that all databases share.",
        """
        SELECT 'pg_shdepend', r.rolname::text, format('owns %s %s', d.classid::regclass, d.objid)
        FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid AND d.refclassid = 'pg_authid'::regclass
        WHERE d.deptype = 'o' AND r.rolname IN ('provvypay_web', 'provvypay_worker')
          AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        """,
    ),
    Check(
        "I-38",
        "rights.no_settings_undo_the_guards",
        "No role and no database has settings of its own that undo the guards.",
        """
        SELECT 'pg_db_role_setting', coalesce(r.rolname::text, 'all roles'), setting
        FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS setting
        LEFT JOIN pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND (r.rolname IS NULL OR r.rolname LIKE 'provvypay%')
          AND setting ~ '^(app\\.org_id|row_security|session_replication_role|search_path|role)='
        """,
    ),
    Check(
        "I-03",
        "rights.facts_are_out_of_reach",
        "Web and worker may not change facts, make triggers, or delete anything but throttles, old rates and contacts.",
        """
        SELECT 'pg_class', c.relname::text, format('%s may %s it', r.rolname, x.act)
        FROM pg_class c CROSS JOIN pg_roles r
        CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) AS x (act)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND r.rolname IN ('provvypay_web', 'provvypay_worker')
          AND CASE WHEN x.act = 'UPDATE' THEN c.relname = ANY (string_to_array(:facts, ','))
              AND has_any_column_privilege(r.oid, c.oid, 'UPDATE')
                   WHEN x.act = 'REFERENCES' THEN has_any_column_privilege(r.oid, c.oid, 'REFERENCES')
                   WHEN x.act = 'DELETE' AND c.relname = ANY (string_to_array(:deletable, ',')) THEN false
                   ELSE has_table_privilege(r.oid, c.oid, x.act) END
        """,
        {"facts": ",".join(expected.FACTS), "deletable": ",".join(expected.DELETABLE)},
    ),
    Check(
        "I-38",
        "rights.columns_are_out_of_reach",
        "Web and worker may not write what only a trigger or a migration writes.",
        """
        SELECT 'pg_attribute', format('%s.%s', e.tab, e.col), format('%s may %s it', r.rolname, e.act)
        FROM jsonb_to_recordset(CAST(:untouchable AS jsonb)) AS e (tab text, col text, act text) CROSS JOIN pg_roles r
        WHERE r.rolname IN ('provvypay_web', 'provvypay_worker')
            AND has_column_privilege(r.oid, to_regclass('public.' || e.tab), e.col, e.act)
        """,
        {
            "untouchable": json.dumps(
                [{"tab": table, "col": column, "act": act} for table, column, act in expected.UNTOUCHABLE]
            )
        },
    ),
    Check(
        "I-30",
        "rights.definer_functions_are_closed",
        "A function that runs as its owner is the owner's or the reader's, and finds its names where they are meant.",
        """
        SELECT 'pg_proc', p.oid::regprocedure::text,
            format('of %s, %s', r.rolname, coalesce(array_to_string(p.proconfig, ', '), 'with any search path'))
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
          AND (r.rolname NOT IN ('provvypay_owner', 'provvypay_lookup')
              OR NOT coalesce(p.proconfig @> ARRAY['search_path=public, pg_temp'], false))
        """,
    ),
    Check(
        "I-30",
        "rights.nothing_is_for_everybody",
        "No function may be called, and no table read or written, by everybody.",
        """
        SELECT 'pg_proc', p.oid::regprocedure::text, 'may be called by everybody'
        FROM pg_proc p LEFT JOIN LATERAL aclexplode(p.proacl) AS x ON x.grantee = 0
        WHERE p.pronamespace = 'public'::regnamespace AND (p.proacl IS NULL OR x.grantee = 0)
        UNION ALL
        SELECT 'pg_class', c.relname::text, format('everybody may %s it', x.privilege_type)
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS x
        WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 0
        """,
    ),
    Check(
        "I-38",
        "rights.judges_see_every_row",
        "What judges at the commit sees every organization, whichever the transaction named last.",
        """
        SELECT 'pg_proc', p.oid::regprocedure::text,
            format('judges as %s, whom row-level security binds', CASE WHEN p.prosecdef THEN r.rolname
                ELSE 'whoever writes' END)
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.oid IN (SELECT t.tgfoid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                        WHERE c.relnamespace = 'public'::regnamespace AND t.tgconstraint <> 0 AND NOT t.tgisinternal)
          AND NOT (p.prosecdef AND r.rolbypassrls)
        """,
    ),
)
