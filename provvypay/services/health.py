"""Whether the database is the one this code was written for, with its guards on, and the work gets done."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

# A disabled trigger or a policy that is not forced breaks no query: only asking finds it (invariant I-38).
_GUARDS = text("""
    SELECT 'a trigger is off' AS what, c.relname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND t.tgenabled NOT IN ('O', 'A')
    UNION ALL
    SELECT 'row-level security is off', c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'user_sessions'
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'
                  AND NOT a.attisdropped)
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
    UNION ALL
    SELECT 'the role owns a table', c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = current_user::regrole
    UNION ALL
    SELECT 'the role stands above the guards', r.rolname FROM pg_roles r
    WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls)
""")


@dataclass(frozen=True, slots=True)
class Queue:
    """Work that waits in a table."""

    name: str
    waiting: int
    oldest: dt.datetime | None


def hurry(session: Session, *, milliseconds: int = 1000) -> None:
    """Let the rest of this transaction fail rather than wait."""
    session.execute(text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(milliseconds)})


def schema_version(session: Session) -> str | None:
    """Return the revision the database was migrated to."""
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def broken_guards(session: Session) -> list[str]:
    """Return a sentence for each guard that is off; empty when all are on."""
    return [f"{row.what}: {row.name}" for row in session.execute(_GUARDS)]


def queues(session: Session) -> list[Queue]:
    """Return how much is due in outbox and inbox, how many accounts are due to be read (watch), and since when."""
    rows = session.execute(text("SELECT name, waiting, oldest FROM queue_depths()"))
    return [Queue(row.name, row.waiting, row.oldest) for row in rows]
