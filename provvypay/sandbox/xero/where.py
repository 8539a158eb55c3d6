"""The `where` filters of Xero: ==, !=, <, >, AND, OR, guid("…"), DateTime(2026,11,22), .Contains("…") and brackets."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero.errors import XeroError, bad_query

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*")
      | (?P<date>DateTime\(\s*\d{4}\s*(?:,\s*\d{1,2}\s*)*\))
      | (?P<guid>guid\(\s*"[^"]*"\s*\))
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[<>()=])
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a is not None and a < b,
    ">": lambda a, b: a is not None and a > b,
    "<=": lambda a, b: a is not None and a <= b,
    ">=": lambda a, b: a is not None and a >= b,
}
_METHODS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda a, b: b in a,
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
}
Test = Callable[[dict[str, Any]], bool]


def parse(text: str) -> Test:
    """Return a function that says whether a row fits.

    :raises XeroError: QueryParseException
    """
    parser = _Parser(_tokens(text))
    try:
        test = parser.either()
    except (LookupError, ValueError, TypeError):
        raise _wrong(text) from None
    if parser.rest:
        raise _wrong(text)

    def checked(row: dict[str, Any]) -> bool:
        try:
            return test(row)
        except TypeError:
            raise _wrong(text) from None

    return checked


def _wrong(text: str) -> XeroError:
    return bad_query(f"Invalid query: {text}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(text.rstrip()):
        if not (match := _TOKEN.match(text, place)):
            raise _wrong(text)
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        place = match.end()
    return found


class _Parser:
    """One token after the other; each method takes what it understands from the front of `rest`."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.rest = tokens

    def either(self) -> Test:
        parts = [self.both()]
        while self._taken("||", "or"):
            parts.append(self.both())
        return lambda row: any(part(row) for part in parts)

    def both(self) -> Test:
        parts = [self.one()]
        while self._taken("&&", "and"):
            parts.append(self.one())
        return lambda row: all(part(row) for part in parts)

    def one(self) -> Test:
        if self._taken("("):
            inner = self.either()
            self._must(")")
            return inner
        kind, name = self.rest.pop(0)
        if kind != "name":
            raise ValueError(name)
        field, _, method = name.rpartition(".")
        if method.lower() in _METHODS and self._taken("("):
            wanted = self._value()
            self._must(")")
            act = _METHODS[method.lower()]
            return lambda row: act(str(_read(row, field) or ""), str(wanted))
        sign = self.rest.pop(0)[1]
        compare, value = _COMPARE[sign] if sign in _COMPARE else _unknown(sign), self._value()
        return lambda row: compare(_read(row, name), value)

    def _value(self) -> Any:
        kind, text = self.rest.pop(0)
        if kind == "text":
            return text[1:-1]
        if kind == "guid":
            return text.split('"')[1].lower()
        if kind == "number":
            return Decimal(text)
        if kind == "date":
            parts = [int(part) for part in re.findall(r"\d+", text)]
            return dt.datetime(*parts[:3]).date().isoformat()  # type: ignore[arg-type]  # noqa: DTZ001  (a calendar day)
        return {"true": True, "false": False, "null": None}[text.lower()]

    def _taken(self, *words: str) -> bool:
        if self.rest and self.rest[0][1].lower() in words and self.rest[0][0] in {"sign", "name"}:
            self.rest.pop(0)
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._taken(word):
            raise ValueError(word)


def _unknown(sign: str) -> Callable[[Any, Any], bool]:
    raise ValueError(sign)


def _read(row: dict[str, Any], name: str) -> Any:
    """Return a field, following dots; moments are compared as the day they fall on."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, float):
        return dt.datetime.fromtimestamp(value, dt.UTC).date().isoformat()
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
