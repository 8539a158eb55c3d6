"""The list of payment links: filtered, searched, in three orders, page by page; the same query feeds the CSV.

Every list is read along an index, a few rows for each status it shows, and never through (0022).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus
from provvypay.services import keyset, link_search

PAGE_SIZE = 25
MOST_COUNTED = 1000
STATUSES = (LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED)
ARCHIVED = "ARCHIVED"
"""no status: the links that were put out of sight, whatever theirs is"""
SORTS = ("newest", "amount", "expiry")

_AMOUNT_SHAPE = struct.Struct(">?3sq16s")
_NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
"""what `ends_at` is for a link without an end"""


@dataclass(frozen=True, slots=True)
class AmountCursor:
    """The place of a link in a list by amount; opaque text in addresses."""

    currency: str
    amount_minor: int
    id: uuid.UUID
    newer: bool = False
    """whether the page lies before the row instead of after it"""

    def encode(self) -> str:
        """Return the cursor as it stands in an address."""
        packed = _AMOUNT_SHAPE.pack(self.newer, self.currency.encode(), self.amount_minor, self.id.bytes)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


Cursor = keyset.Cursor | AmountCursor


@dataclass(frozen=True, slots=True)
class Filter:
    """Which links, in which order: all that the address of a list says."""

    status: str | None = None
    """one of STATUSES, ARCHIVED, or None for all that are not archived"""
    query: str = ""
    sort: str = "newest"

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filter:
        """Return what an address asks for; what it says wrongly is as if it were not said."""
        status, sort = asked.get("status", ""), asked.get("sort", "")
        chosen = cls(
            status=status if status in (*STATUSES, ARCHIVED) else None,
            query=link_search.searchable(asked.get("q", "")),
            sort=sort if sort in SORTS else "newest",
        )
        # The archive has one order: nobody works in it.
        return replace(chosen, sort="newest") if chosen.status == ARCHIVED else chosen

    def address(self) -> dict[str, str]:
        """Return what the address says: nothing of what goes without saying."""
        said = {"status": self.status or "", "q": self.query, "sort": "" if self.sort == "newest" else self.sort}
        return {name: value for name, value in said.items() if value}

    def cursor(self, encoded: str | None) -> Cursor | None:
        """Return the cursor of an address; None for none, and for one that is not ours: that is the first page."""
        return _decode_amount(encoded) if self.sort == "amount" else keyset.decode(encoded)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One line of the list, and of the CSV."""

    id: uuid.UUID
    short_code: str
    description: str
    reference: str
    status: str
    amount_minor: int
    currency: str
    created_at: dt.datetime
    opened_at: dt.datetime | None
    expires_at: dt.datetime | None
    paid_at: dt.datetime | None
    closed_at: dt.datetime | None
    archived_at: dt.datetime | None
    return_url: str
    own_data: dict[str, str]
    methods: tuple[str, ...]
    customer_name: str
    customer_email: str
    facts: tuple[str, ...]
    """what is true beside the state, such as DOUBLE: the kinds of its open exceptions"""

    @property
    def can_cancel(self) -> bool:
        """Say whether its state lets it be canceled."""
        return self.status in {LinkStatus.DRAFT, LinkStatus.OPEN}


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

_COLUMNS = (
    "l.id, l.short_code, l.description, l.reference, l.status, l.amount_minor, l.currency, l.created_at, l.opened_at,"
    " l.expires_at, l.ends_at, l.paid_at, l.closed_at, l.archived_at, l.return_url, l.own_data, l.methods"
)
_OWN = "l.organization_id = :org"
_BY_STATUS = "l.status = s.status AND l.archived_at IS NULL"
_IN_ARCHIVE = "l.archived_at IS NOT NULL"
# A scalar sub-query: the planner does not turn it into a join, so the list is walked in its order, and stops when full.
_MEETS = "AND (SELECT w.words @@ CAST(:sought AS tsquery) FROM link_search w WHERE w.link_id = l.id)"

# A few rows of each status along the index of the order, then the first of them all.
_WALK = """
    SELECT f.* FROM unnest(CAST(:statuses AS text[])) AS s (status) CROSS JOIN LATERAL (
        SELECT {columns} FROM payment_links l
        WHERE {own} AND {which} {search} {beyond} ORDER BY {order} LIMIT :most) AS f
    ORDER BY {outer} LIMIT :most
"""
# Found by their words: each is looked up by its id. OFFSET 0 keeps the planner from turning the look-ups into a join.
_PICK = """
    SELECT f.* FROM unnest(CAST(:ids AS uuid[])) AS i (id) CROSS JOIN LATERAL (
        SELECT {columns} FROM payment_links l WHERE l.id = i.id AND {own} AND {which} {beyond} OFFSET 0) AS f
    ORDER BY {outer} LIMIT :most
"""
_WITH_FACTS = """
    WITH page AS ({page}), facts AS (
        SELECT link_id, array_agg(DISTINCT kind ORDER BY kind) AS kinds FROM payment_exceptions
        WHERE organization_id = :org AND state = 'OPEN' AND link_id IN (SELECT id FROM page) GROUP BY link_id)
    SELECT page.*, facts.kinds, c.name AS customer_name, c.email AS customer_email
    FROM page LEFT JOIN facts ON facts.link_id = page.id
    LEFT JOIN LATERAL (SELECT name, email FROM link_contacts
        WHERE link_id = page.id AND organization_id = :org OFFSET 0) AS c ON true
    ORDER BY {order}
"""

# The order has no meaning for a count; it keeps the planner on the index, where it can stop at the thousandth.
_COUNTS = text("""
    SELECT s.status, c.number FROM unnest(CAST(:statuses AS text[])) AS s (status) CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM (
            SELECT FROM payment_links WHERE organization_id = :org AND status = s.status AND archived_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT :most) AS newest) AS c
    UNION ALL
    SELECT 'ARCHIVED', count(*) FROM (
        SELECT FROM payment_links WHERE organization_id = :org AND archived_at IS NOT NULL
        ORDER BY created_at DESC, id DESC LIMIT :most) AS newest
""")


def page(
    session: Session,
    organization_id: uuid.UUID,
    chosen: Filter,
    *,
    cursor: Cursor | None = None,
    size: int = PAGE_SIZE,
    found: link_search.Found | None = None,
) -> keyset.Page[LinkRow]:
    """Return one page of links.

    :param cursor: of the same order as the filter's
    :param found: the search's result, if it is known already: an export searches once
    """
    if found is None:
        found = link_search.find(session, organization_id, chosen.query)
    if found is not None and found.ids == []:
        return keyset.Page([])
    asked = _statement(organization_id, chosen, found, cursor)
    rows = [_row(row) for row in session.execute(asked.sql, asked.given | {"most": size + 1})]
    if keyset.leads_before_the_first_page(rows, cursor, size):
        return page(session, organization_id, chosen, size=size, found=found)
    return keyset.cut(rows, cursor, size, lambda row: place_of(row, chosen))


def some(session: Session, organization_id: uuid.UUID, link_ids: Sequence[uuid.UUID]) -> list[LinkRow]:
    """Return the links of some ids, newest first; ids that are no link of this organization are left out."""
    order = _ORDERS["newest"]
    picked = _PICK.format(columns=_COLUMNS, own=_OWN, which="true", beyond="", outer=order.by(back=False, of="f"))
    sql = text(_WITH_FACTS.format(page=picked, order=order.by(back=False, of="page")))
    given = {"org": organization_id, "ids": list(link_ids), "most": len(link_ids)}
    return [_row(row) for row in session.execute(sql, given)]


def place_of(row: LinkRow, chosen: Filter) -> Cursor:
    """Return the place of a row in the order of a list."""
    if chosen.sort == "amount":
        return AmountCursor(row.currency, row.amount_minor, row.id)
    return keyset.Cursor(row.created_at if chosen.sort == "newest" else row.expires_at or _NEVER, row.id)


def counts(session: Session, organization_id: uuid.UUID) -> dict[str, str]:
    """Return how many links are in each status, ARCHIVED, and in ALL but those, up to a thousand: "37", "1,000+"."""
    rows = session.execute(
        _COUNTS, {"org": organization_id, "statuses": [str(status) for status in STATUSES], "most": MOST_COUNTED + 1}
    )
    numbers = {row.status: row.number for row in rows}
    numbers["ALL"] = sum(number for status, number in numbers.items() if status != ARCHIVED)
    return {name: str(n) if n <= MOST_COUNTED else f"{MOST_COUNTED:,}+" for name, n in numbers.items()}


@dataclass(frozen=True, slots=True)
class _Asked:
    sql: TextClause
    given: dict[str, Any]


def _statement(
    organization_id: uuid.UUID, chosen: Filter, found: link_search.Found | None, cursor: Cursor | None
) -> _Asked:
    order = _ORDERS[chosen.sort]
    back = cursor is not None and cursor.newer
    archive = chosen.status == ARCHIVED
    given: dict[str, Any] = {"org": organization_id}
    given["statuses"] = [ARCHIVED] if archive else [chosen.status] if chosen.status else list(map(str, STATUSES))
    if cursor is not None:
        given |= {name: getattr(cursor, name) for name in order.names}
    if found is not None:
        given |= {"sought": found.sought} if found.ids is None else {"ids": found.ids}
    picked = found is not None and found.ids is not None
    which = _IN_ARCHIVE if archive else _BY_STATUS
    if picked:
        which = which.replace("l.status = s.status", "l.status = ANY(CAST(:statuses AS text[]))")
    statement = (_PICK if picked else _WALK).format(
        columns=_COLUMNS,
        own=_OWN,
        which=which,
        search=_MEETS if found is not None else "",
        beyond=order.beyond(back=back) if cursor is not None else "",
        order=order.by(back=back, of="l"),
        outer=order.by(back=back, of="f"),
    )
    return _Asked(text(_WITH_FACTS.format(page=statement, order=order.by(back=back, of="page"))), given)


def _decode_amount(encoded: str | None) -> AmountCursor | None:
    if not encoded or len(encoded) > 64 or not encoded.isascii():
        return None
    try:
        packed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        newer, currency, amount_minor, raw = _AMOUNT_SHAPE.unpack(packed)
        code = currency.decode("ascii")
    except (binascii.Error, struct.error, ValueError):
        return None
    return AmountCursor(code, amount_minor, uuid.UUID(bytes=raw), newer) if code.isalpha() else None


def _row(row: Any) -> LinkRow:
    values = {name: getattr(row, name) for name in LinkRow.__slots__ if name in row._fields}
    return LinkRow(
        **values
        | {
            "methods": tuple(row.methods),
            "customer_name": row.customer_name or "",
            "customer_email": row.customer_email or "",
            "facts": tuple(row.kinds or ()),
        }
    )
