"""See to it that a limit writes what the product writes: a faster limit that writes less would be a lie."""

from __future__ import annotations

import psycopg

from benchmarks.merchant import link_id
from benchmarks.stage import Stage

_OF_LINK = {
    "payment_links": "id = %(id)s",
    "payments": "link_id = %(id)s",
    "settlements": "link_id = %(id)s",
    "settlement_parts": "settlement_id IN (SELECT id FROM settlements WHERE link_id = %(id)s)",
    "link_status_events": "link_id = %(id)s",
    "fx_snapshots": "link_id = %(id)s",
    "payment_events": "link_id = %(id)s",
    "notifications": "link_id = %(id)s",
    "outbox": "payload ->> 'link_id' = %(id)s::text",
    "journals": "link_id = %(id)s",
    "ledger_entries": "journal_id IN (SELECT id FROM journals WHERE link_id = %(id)s)",
    "audit_logs": "subject_id = %(id)s::text",
}


def check_same(stage: Stage, name: str, *, wanted: int, found: int) -> None:
    """Compare what lies in every table for two numbered links, and the links' states.

    :raises RuntimeError: naming both, when they differ
    """
    with psycopg.connect(stage.superuser_url) as connection:
        ours, theirs = _of(connection, wanted), _of(connection, found)
    if ours != theirs:
        raise RuntimeError(f"the limit {name!r} leaves {theirs}, the product {ours}")


def _of(connection: psycopg.Connection, number: int) -> dict[str, int | str]:
    given = {"id": link_id(number)}
    found: dict[str, int | str] = {}
    for table, condition in _OF_LINK.items():
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", given).fetchone()
        found[table] = row[0] if row else 0
    row = connection.execute(
        "SELECT concat_ws(' ', status, status_seq, version, amount_minor) FROM payment_links WHERE id = %(id)s", given
    ).fetchone()
    found["link"] = row[0] if row else ""
    return found
