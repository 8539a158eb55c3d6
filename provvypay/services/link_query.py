"""How lists of links are read: always along an index, never through the table (0022)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus
from provvypay.services.link_search import Found

STATUSES = (LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED)
ARCHIVED = "ARCHIVED"
"""no status: the links that were put out of sight, whatever theirs is"""

WINDOW = 2000
"""links that are asked whether they meet a search with very many hits, before all hits are looked up instead"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of a list: the first so many rows behind a place."""

    organization_id: uuid.UUID
    status: str | None
    """one of STATUSES, ARCHIVED, or None for all that are not archived"""
    sort: str
    cursor: Any
    """a place in that order, with the attributes the order names; None for the beginning"""
    most: int


@dataclass(frozen=True, slots=True)
class _Order:
    """One order of the list: the columns of its index, and how a cursor names a place in it."""

    columns: tuple[str, ...]
    falls: bool
    names: tuple[str, ...]

    def by(self, *, back: bool, of: str) -> str:
        direction = "DESC" if self.falls is not back else "ASC"
        return ", ".join(f"{of}.{column} {direction}" for column in self.columns)

    def beyond(self, *, back: bool) -> str:
        sign = "<" if self.falls is not back else ">"
        columns, names = ", ".join(f"l.{column}" for column in self.columns), ", ".join(f":{n}" for n in self.names)
        return f"AND ({columns}) {sign} ({names})"


_ORDERS = {
    "newest": _Order(("created_at", "id"), falls=True, names=("at", "id")),
    "amount": _Order(("currency", "amount_minor", "id"), falls=True, names=("currency", "amount_minor", "id")),
    "expiry": _Order(("ends_at", "id"), falls=False, names=("at", "id")),
}

_LINKS = """
    SELECT l.id, l.short_code, l.description, l.reference, l.status, l.amount_minor, l.currency, l.created_at,
        l.opened_at, l.expires_at, l.ends_at, l.paid_at, l.closed_at, l.archived_at, l.return_url, l.own_data, l.methods
    FROM payment_links l WHERE l.organization_id = :org"""
_IN_SIGHT = "AND l.archived_at IS NULL"
_IN_ARCHIVE = "AND l.archived_at IS NOT NULL"
_OF_STATUS = "AND l.status = :status"

# A few rows of each status along the index of the order, then the first of them all.
_WALK_EACH = """
    SELECT f.* FROM unnest(CAST(:statuses AS text[])) AS s (status) CROSS JOIN LATERAL (
        {links} AND l.status = s.status {which} {beyond} ORDER BY {order} LIMIT :most) AS f
    ORDER BY {outer} LIMIT :most
"""
_WALK = "{links} {which} {beyond} ORDER BY {order} LIMIT :most"
# Very many are found: walk along one index and ask each link, until the page is full or the walk is long enough. A
# scalar sub-query is not turned into a join, so it is asked in this order and no more often than it must be.
_ASK = """
    SELECT f.* FROM ({links} {which} {beyond} ORDER BY {order} LIMIT :window) AS f
    WHERE (SELECT w.words @@ CAST(:sought AS tsquery) FROM link_search w WHERE w.link_id = f.id)
    ORDER BY {outer} LIMIT :most
"""
# Found by their words: each is looked up by its id. OFFSET 0 keeps the planner from turning the look-ups into a join.
_PICK = """
    SELECT f.* FROM unnest(CAST(:ids AS uuid[])) AS i (id) CROSS JOIN LATERAL (
        {links} AND l.id = i.id {which} {beyond} OFFSET 0) AS f
    ORDER BY {outer} LIMIT :most
"""
_PICK_ALL = _PICK.replace("CAST(:ids AS uuid[])", "find_links(:sought, 2147483646)")
_WITH_FACTS = """
    WITH page AS ({page}), facts AS (
        SELECT link_id, array_agg(DISTINCT kind ORDER BY kind) AS kinds FROM (
            SELECT link_id, kind FROM payment_exceptions
            WHERE organization_id = :org AND state = 'OPEN' AND link_id IN (SELECT id FROM page)
            UNION ALL
            SELECT link_id, 'DISPUTED' FROM disputes WHERE organization_id = :org
                AND state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW') AND link_id IN (SELECT id FROM page)
            UNION ALL
            SELECT r.link_id, CASE WHEN sum(r.amount_minor) >= min(page.amount_minor) THEN 'REFUNDED'
                ELSE 'PARTLY_REFUNDED' END FROM refunds r JOIN page ON page.id = r.link_id
            WHERE r.organization_id = :org AND r.state = 'SUCCEEDED' AND r.exception_id IS NULL GROUP BY r.link_id
            UNION ALL
            SELECT s.link_id, 'MARKED' FROM page JOIN settlements s ON s.link_id = page.id AND s.voided_at IS NULL
            JOIN settlement_parts t ON t.settlement_id = s.id AND t.resolution_id IS NULL
            JOIN payments p ON p.id = t.payment_id AND p.provider = 'MANUAL'
            WHERE page.status = 'PAID' AND s.organization_id = :org
            ) AS found GROUP BY link_id)
    SELECT page.*, facts.kinds, c.name AS customer_name, c.email AS customer_email
    FROM page LEFT JOIN facts ON facts.link_id = page.id
    LEFT JOIN LATERAL (SELECT name, email FROM link_contacts
        WHERE link_id = page.id AND organization_id = :org OFFSET 0) AS c ON true
    ORDER BY {order}
"""


def rows(session: Session, asked: Asked, found: Found | None) -> Iterable[Any]:
    """Return the rows by the way that reads the least.

    :param found: what a search came to; None for a list without one
    """
    if found is None:
        return _run(session, _WALK if asked.status else _WALK_EACH, asked)
    if found.ids is not None:
        return _run(session, _PICK, asked, ids=found.ids)
    # Several statuses lie together under one index in the order of their making alone.
    if asked.status is not None or asked.sort == "newest":
        met = _run(session, _ASK, asked, sought=found.sought, window=WINDOW + 4 * asked.most)
        if len(met) == asked.most:
            return met
    return _run(session, _PICK_ALL, asked, sought=found.sought)


def by_ids(session: Session, organization_id: uuid.UUID, link_ids: Sequence[uuid.UUID]) -> Iterable[Any]:
    """Return the rows of some links, archived or not, newest first."""
    asked = Asked(organization_id, None, "newest", None, len(link_ids))
    return _run(session, _PICK, asked, which="", ids=list(link_ids))


def _run(session: Session, shape: str, asked: Asked, *, which: str | None = None, **given: Any) -> list[Any]:
    order = _ORDERS[asked.sort]
    cursor = asked.cursor
    back = cursor is not None and cursor.newer
    if which is None:
        which = _IN_ARCHIVE if asked.status == ARCHIVED else _IN_SIGHT
        which += f" {_OF_STATUS}" if asked.status not in {None, ARCHIVED} else ""
    page = shape.format(
        links=_LINKS,
        which=which,
        beyond="" if cursor is None else order.beyond(back=back),
        order=order.by(back=back, of="l"),
        outer=order.by(back=back, of="f"),
    )
    places = {} if cursor is None else {name: getattr(cursor, name) for name in order.names}
    values = {"org": asked.organization_id, "most": asked.most, "status": asked.status, **places, **given}
    if shape is _WALK_EACH:
        values["statuses"] = [str(status) for status in STATUSES]
    sql = text(_WITH_FACTS.format(page=page, order=order.by(back=back, of="page")))
    return list(session.execute(sql, values))
