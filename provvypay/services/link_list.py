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

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus
from provvypay.services import keyset, link_query, link_search
from provvypay.services.link_query import ARCHIVED, STATUSES

PAGE_SIZE = 25
MOST_COUNTED = 1000
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
    """what is true beside the state: the kinds of its open exceptions, refunded, disputed"""

    @property
    def can_cancel(self) -> bool:
        """Say whether its state lets it be canceled."""
        return self.status in {LinkStatus.DRAFT, LinkStatus.OPEN}


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
    asked = link_query.Asked(organization_id, chosen.status, chosen.sort, cursor, size + 1)
    rows = [_row(row) for row in link_query.rows(session, asked, found)]
    if keyset.leads_before_the_first_page(rows, cursor, size):
        return page(session, organization_id, chosen, size=size, found=found)
    return keyset.cut(rows, cursor, size, lambda row: place_of(row, chosen))


def some(session: Session, organization_id: uuid.UUID, link_ids: Sequence[uuid.UUID]) -> list[LinkRow]:
    """Return the links of some ids, newest first; ids that are no link of this organization are left out."""
    return [_row(row) for row in link_query.by_ids(session, organization_id, link_ids)]


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
