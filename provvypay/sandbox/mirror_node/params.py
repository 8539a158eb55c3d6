"""Read query parameters as the mirror node does: operators, repeats, and its errors."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import MultiDict

from provvypay.sandbox.mirror_node import ids
from provvypay.sandbox.mirror_node.render import FIRST_MOMENT

DEFAULT_LIMIT, MOST = 25, 100
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte")
UNTIL_FOREVER = 9_999_999_999 * ids.NANOS
_LIMIT = re.compile(r"[0-9]{1,18}")
Query = MultiDict[str, str]


class Refused(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        said = {"message": message} if detail is None else {"message": message, "detail": detail}
        self.body: dict[str, Any] = {"_status": {"messages": [said]}}


def invalid(name: str) -> Refused:
    """Return the refusal of a parameter's value."""
    return Refused(400, f"Invalid parameter: {name}")


def only(query: Query, *known: str) -> None:
    """Refuse a parameter the call does not have.

    :raises Refused: naming the first one
    """
    for name in query:
        if name not in known:
            raise Refused(400, f"Unknown query parameter: {name}")


def last(query: Query, name: str) -> str | None:
    """Return a parameter's value; the last one where it is repeated."""
    return query.getlist(name)[-1] if name in query else None


def limit(query: Query) -> int:
    """Return how many rows to show at most: 25 unless asked, never above 100.

    :raises Refused: when it is not a number above zero
    """
    text = last(query, "limit")
    if text is None:
        return DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text) or int(text) < 1:
        raise invalid("limit")
    return min(int(text), MOST)


def descending(query: Query, *, default: bool = True) -> bool:
    """Return whether the newest comes first.

    :raises Refused: when the order is neither asc nor desc
    """
    text = last(query, "order")
    if text is None:
        return default
    if text.lower() not in ("asc", "desc"):
        raise invalid("order")
    return text.lower() == "desc"


def operator(text: str) -> tuple[str, str]:
    """Return a value's operator, `eq` where none is written, and the rest."""
    name, colon, rest = text.partition(":")
    return (name.lower(), rest) if colon and name.lower() in OPERATORS else ("eq", text)


@dataclass
class Span:
    """Moments asked for: from low to high, both included."""

    low: int | None = None
    high: int | None = None
    exactly: set[int] = field(default_factory=set)
    never: set[int] = field(default_factory=set)

    def fits(self, at: int) -> bool:
        """Whether a moment within the bounds is meant."""
        return at not in self.never and (not self.exactly or at in self.exactly)


def span(query: Query, name: str = "timestamp") -> Span:
    """Return the moments a query asks for.

    :raises Refused: for a value that is no timestamp
    """
    found = Span()
    for text in query.getlist(name):
        sign, rest = operator(text)
        at = ids.nanos(rest)
        if at is None:
            raise invalid(name)
        if sign == "eq":
            found.exactly.add(at)
        elif sign == "ne":
            found.never.add(at)
        elif sign in ("gt", "gte"):
            low = at + (sign == "gt")
            found.low = low if found.low is None else max(low, found.low)
        else:
            high = at - (sign == "lt")
            found.high = high if found.high is None else min(high, found.high)
    if found.exactly:
        found.low = max(min(found.exactly), found.low or 0)
        found.high = min(max(found.exactly), UNTIL_FOREVER if found.high is None else found.high)
    return found


def bound(found: Span, now: int, days: int, *, newest_first: bool) -> tuple[int, int, int | None]:
    """Return low and high of the part of a span that one answer covers, and where the next one goes on.

    The third is None when nothing was cut. Without bounds a span begins with the network's first transaction and ends
    now, so the newest first is the last sixty days, and the oldest first an empty page of 2019.

    :param days: 0: nothing is cut
    """
    low = FIRST_MOMENT if found.low is None else found.low
    high = now if found.high is None else found.high
    longest = days * 86_400 * ids.NANOS
    if found.exactly or not days or high - low + 1 <= longest:
        return low, high, None
    if newest_first:
        low = high - longest + 1
        return low, high, low
    high = low + longest - 1
    return low, high, high


def next_link(path: str, query: Query, anchor: int, *, newest_first: bool, name: str = "timestamp") -> str:
    """Return the path and query of the page after a moment: what was asked, with the bound on that side replaced."""
    replaced = ("lt", "lte") if newest_first else ("gt", "gte")
    parts = [
        (key, value)
        for key, values in query.lists()
        for value in values
        if key != name or (operator(value)[0] not in replaced and operator(value)[0] != "eq")
    ]
    parts.append((name, f"{replaced[0]}:{ids.stamp(anchor)}"))
    return f"{path}?{'&'.join(f'{key}={quote(value, safe=_KEPT)}' for key, value in parts)}"


_KEPT = ":.,-"
