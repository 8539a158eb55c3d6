"""The links of a list as rows of a file: columns that stay, read in batches, so that memory does not grow with them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from provvypay.domain.money import format_plain
from provvypay.services import link_list, link_search, link_views
from provvypay.services.link_list import Filter, LinkRow

BATCH = 1000

COLUMNS = (
    "id", "code", "status", "currency", "amount", "description", "reference", "customer_name", "customer_email",
    "created_at", "opened_at", "expires_at", "paid_at", "closed_at", "archived_at", "methods", "metadata", "return_url",
    "pay_url", "open_exceptions",
)  # fmt: skip
"""docs/reference/exports.md says what each holds; new ones come at the end"""


def rows(
    begin: Callable[[], AbstractContextManager[Session]],
    organization_id: uuid.UUID,
    chosen: Filter,
    *,
    zone: str,
    public_base_url: str,
) -> Iterator[list[str]]:
    """Yield the rows of a list in its order, each batch in a transaction of its own.

    What is made meanwhile stands before the first row and is not in it; what is changed meanwhile is as it is read.

    :param begin: opens a transaction of the organization
    :param zone: in which times are written, with their offset
    """
    cursor: link_list.Cursor | None = None
    found: link_search.Found | None = None
    local = ZoneInfo(zone)
    while True:
        with begin() as session:
            found = found or link_search.find(session, organization_id, chosen.query)
            page = link_list.page(session, organization_id, chosen, cursor=cursor, size=BATCH, found=found)
        for row in page.rows:
            yield _cells(row, local, public_base_url)
        if page.older is None:
            return
        cursor = link_list.place_of(page.rows[-1], chosen)


def _cells(row: LinkRow, zone: ZoneInfo, public_base_url: str) -> list[str]:
    def when(at: dt.datetime | None) -> str:
        return at.astimezone(zone).isoformat(timespec="seconds") if at else ""

    return [
        str(row.id),
        row.short_code,
        row.status,
        row.currency,
        format_plain(row.amount_minor, row.currency),
        row.description,
        row.reference,
        row.customer_name,
        row.customer_email,
        when(row.created_at),
        when(row.opened_at),
        when(row.expires_at),
        when(row.paid_at),
        when(row.closed_at),
        when(row.archived_at),
        " ".join(row.methods),
        json.dumps(row.own_data, ensure_ascii=False, sort_keys=True) if row.own_data else "",
        row.return_url,
        link_views.pay_url(public_base_url, row.short_code) if row.opened_at else "",
        " ".join(row.facts),
    ]
