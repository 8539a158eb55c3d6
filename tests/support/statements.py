"""See what is sent to PostgreSQL, and how it means to do it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from tests.support.database import Observer

Sent = tuple[str, Any]


@contextlib.contextmanager
def sent_by(session: Session) -> Iterator[list[Sent]]:
    """Collect the statements a session sends while the block runs."""
    statements: list[Sent] = []
    engine = session.get_bind().engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextlib.contextmanager
def many_links(observer: Observer, organization_id: uuid.UUID, count: int) -> Iterator[Session]:
    """Give an organization so many links in a transaction that ends undone, seen as the web's own role sees them.

    Each is a minute older than the one before; every fourth is a draft, every hundredth paid, the others are open.
    """
    with observer.engine.connect() as plain:
        connection: Connection = plain.execution_options(isolation_level="READ COMMITTED")
        undone = connection.begin()
        try:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(
                text("""
                    INSERT INTO payment_links (id, organization_id, short_code, status, status_seq, amount_minor,
                        currency, description, created_at, opened_at, paid_at)
                    SELECT gen_random_uuid(), :org, translate(upper(substr(md5(n::text), 1, 8)), '01AE', 'BCDF'),
                        CASE WHEN n % 100 = 0 THEN 'PAID' WHEN n % 4 = 1 THEN 'DRAFT' ELSE 'OPEN' END, 1, 1000 + n,
                        'AUD', 'Crate ' || n, CAST(:now AS timestamptz) - n * interval '1 minute', :now,
                        CASE WHEN n % 100 = 0 THEN CAST(:now AS timestamptz) END
                    FROM generate_series(1, :count) AS n ON CONFLICT DO NOTHING
                """),
                {"org": organization_id, "count": count, "now": dt.datetime.now(dt.UTC)},
            )
            # The triggers that write the words slept, too.
            connection.execute(
                text("""
                    INSERT INTO link_search (link_id, organization_id, words)
                    SELECT id, organization_id, link_lexemes(organization_id, concat_ws(' ', short_code, description),
                        amount_minor, currency) FROM payment_links WHERE organization_id = :org
                    ON CONFLICT DO NOTHING
                """),
                {"org": organization_id},
            )
            connection.execute(text("ANALYZE payment_links, link_search"))
            connection.execute(text("SET LOCAL session_replication_role = origin"))
            connection.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(organization_id)})
            connection.execute(text("SET LOCAL ROLE provvypay_web"))
            with Session(connection, join_transaction_mode="rollback_only") as session:
                yield session
        finally:
            undone.rollback()


def rows_read(session: Session) -> dict[str, tuple[int, int]]:
    """Return (by reading through, by an index) how many rows of each table this transaction has read so far.

    What functions read counts too, which no plan of the statement that calls them shows.
    """
    counted = session.execute(text("SELECT relname, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables"))
    return {row.relname: (row.seq_tup_read or 0, row.idx_tup_fetch or 0) for row in counted}


def plan_nodes(session: Session, statement: str, parameters: Any) -> list[dict[str, Any]]:
    """Return the steps of a statement's plan."""
    found = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    plans = found if isinstance(found, list) else json.loads(found)
    waiting = [plan["Plan"] for plan in plans]
    nodes: list[dict[str, Any]] = []
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting.extend(node.get("Plans", ()))
    return nodes
