"""JSON as the vendors write it: decimals as plain numbers, never by way of a binary float."""

import json
from decimal import Decimal
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """Return the JSON text of plain data; a Decimal becomes a number with exactly its digits.

    :param indent: spaces a level, or None for one line
    """
    return _text(value, indent, 0)


def _text(value: Any, indent: int | None, depth: int) -> str:
    if isinstance(value, Decimal):
        return str(value).replace("E+", "e").replace("E", "e")
    if isinstance(value, dict):
        items = [f"{json.dumps(str(key))}: {_text(item, indent, depth + 1)}" for key, item in value.items()]
        return _wrapped(items, "{}", indent, depth)
    if isinstance(value, list | tuple):
        return _wrapped([_text(item, indent, depth + 1) for item in value], "[]", indent, depth)
    return json.dumps(value)


def _wrapped(items: list[str], brackets: str, indent: int | None, depth: int) -> str:
    if not items:
        return brackets
    if indent is None:
        return brackets[0] + ", ".join(items) + brackets[1]
    inner = "\n" + " " * (indent * (depth + 1))
    outer = "\n" + " " * (indent * depth)
    return brackets[0] + inner + ("," + inner).join(items) + outer + brackets[1]
