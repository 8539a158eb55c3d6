"""Lists: filters, If-Modified-Since, order and pages, the same for every collection."""

import datetime as dt
import email.utils
import math
from collections.abc import Iterable
from typing import Any

from provvypay.sandbox.xero import where
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import bad_query, bad_request
from provvypay.sandbox.xero.organisations import Row

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000


def chosen(call: Call, rows: Iterable[Row], filters: dict[str, str] | None = None) -> list[Row]:
    """Return the rows the query asks for, in its order.

    :param filters: field by the name of its parameter in small letters, such as ids: InvoiceID
    :raises XeroError: for a filter that cannot be read
    """
    found = list(rows)
    for parameter, field in (filters or {}).items():
        if asked := call.args.get(parameter):
            wanted = {part.strip().lower() for part in asked.split(",") if part.strip()}
            found = [row for row in found if str(_field(row, field)).lower() in wanted]
    if text := call.args.get("where"):
        test = where.parse(text)
        found = [row for row in found if test(row)]
    if (since := _since(call.modified_since)) is not None:
        found = [row for row in found if int(row.get("UpdatedDateUTC", 0)) >= since]
    if order := call.args.get("order"):
        name, _, direction = order.strip().partition(" ")
        found.sort(key=lambda row: str(_field(row, name) or ""), reverse=direction.strip().upper().startswith("DESC"))
    return found


def paged(call: Call, rows: list[Row]) -> tuple[list[Row], dict[str, Any]]:
    """Return the page asked for, and what the answer says of it; all rows and nothing when no page is asked."""
    if "page" not in call.args:
        return rows, {}
    page, size = _whole(call, "page", 1), _whole(call, "pagesize", DEFAULT_PAGE)
    size = min(max(size, 1), LARGEST_PAGE)
    pagination = {"page": page, "pageSize": size, "pageCount": math.ceil(len(rows) / size), "itemCount": len(rows)}
    return rows[(page - 1) * size : page * size], {"pagination": pagination}


def _whole(call: Call, name: str, default: int) -> int:
    text = call.args.get(name, str(default))
    if not text.isdecimal() or (name == "page" and int(text) < 1):
        raise bad_query(f"{name} is not a valid number")
    return int(text)


def _since(text: str | None) -> int | None:
    """Return If-Modified-Since as Unix seconds; ISO without a zone is UTC."""
    if not text:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        try:
            found = email.utils.parsedate_to_datetime(text)
        except ValueError:
            raise bad_request(0, "PreconditionFailed", "If-Modified-Since is not a date") from None
    return int((found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp())


def _field(row: Row, name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
