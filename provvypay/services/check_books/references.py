"""No row refers to a row that is not there, or to one of another organization: every foreign key, read again.

Written from the models, so that a new table is covered on its first day.
"""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Table

from provvypay.models.registry import TABLES
from provvypay.services.check_books.check import Check

_QUERY = """
    SELECT '{child}', {row}, format('{named}', {values}) || {whose}
    FROM {child} c LEFT JOIN {parent} p ON {pairs}
    WHERE p.{there} IS NULL AND {given}
"""

_WHOSE = """
    CASE WHEN EXISTS (SELECT FROM {parent} o WHERE {found} AND o.organization_id <> c.organization_id)
        THEN ' is of another organization' ELSE ' is no row of this organization' END
"""


def _check(table: Table, key: ForeignKeyConstraint) -> Check:
    parent = key.referred_table
    pairs = [(element.parent.name, element.column.name) for element in key.elements]
    columns = [ours for ours, _ in pairs]
    # Without the organization the rest of the key may still find a row: then it is somebody else's.
    rest = [(ours, theirs) for ours, theirs in pairs if ours != "organization_id"]
    foreign = "' is no row'"
    if rest and len(rest) < len(pairs) and "organization_id" in parent.columns:
        found = " AND ".join(f"o.{theirs} = c.{ours}" for ours, theirs in rest)
        foreign = _WHOSE.format(parent=parent.name, found=found)
    sql = _QUERY.format(
        child=table.name,
        parent=parent.name,
        row=" || '/' || ".join(f"c.{column.name}::text" for column in table.primary_key.columns),
        named=f"{parent.name} by " + ", ".join(f"{ours} %s" for ours, _ in rest or pairs),
        values=", ".join(f"c.{ours}" for ours, _ in rest or pairs),
        whose=foreign,
        pairs=" AND ".join(f"p.{theirs} = c.{ours}" for ours, theirs in pairs),
        there=pairs[0][1],
        given=" AND ".join(f"c.{ours} IS NOT NULL" for ours in columns),
    )
    return Check(
        "I-27",
        f"references.{table.name}.{'_'.join(columns)}",
        f"What {table.name} names by {', '.join(columns)} is a row of {parent.name}"
        + (" of the same organization." if "organization_id" in columns else "."),
        sql,
    )


# A link's history is read as a whole in links.py.
_READ_ELSEWHERE = {"link_transitions", "link_status_events"}

KEYS: tuple[tuple[Table, ForeignKeyConstraint], ...] = tuple(
    (table, key)
    for _name, table in sorted(TABLES.items())
    for key in sorted(table.foreign_key_constraints, key=lambda key: [element.parent.name for element in key.elements])
    if key.referred_table.name not in _READ_ELSEWHERE
)

CHECKS = tuple(_check(table, key) for table, key in KEYS)
