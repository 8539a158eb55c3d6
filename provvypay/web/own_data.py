"""The merchant's own names and values of a link, written one a line: `order: 4711`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from provvypay.web.forms import Fields

MOST_PAIRS = 15
LONGEST_NAME = 30
LONGEST_VALUE = 100
_MOST_CHARACTERS = MOST_PAIRS * (LONGEST_NAME + LONGEST_VALUE + 8)


def read(fields: Fields, name: str) -> dict[str, str]:
    """Return what was written; what is wrong is noted in the field."""
    written = unicodedata.normalize("NFC", fields.raw(name).replace("\r\n", "\n"))
    lines = [line.strip() for line in written.split("\n") if line.strip()]
    if len(lines) > MOST_PAIRS or len(written) > _MOST_CHARACTERS:
        fields.refuse(name, f"Use at most {MOST_PAIRS} lines.")
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if wrong := _wrong(key, colon, value, found):
            fields.refuse(name, f"Line {number}: {wrong}")
            return {}
        found[key] = value
    return found


def _wrong(key: str, colon: str, value: str, known: Mapping[str, str]) -> str | None:
    if any(unicodedata.category(char) in {"Cc", "Cs", "Cf"} for char in key + value):
        return "leave out characters that cannot be seen."
    if not colon or not key or not value:
        return "write a name, a colon and a value, like order: 4711."
    if len(key) > LONGEST_NAME:
        return f"use at most {LONGEST_NAME} characters for a name; these are {len(key)}."
    if len(value) > LONGEST_VALUE:
        return f"use at most {LONGEST_VALUE} characters for a value; these are {len(value)}."
    return f"{key} is there already." if key in known else None


def written(pairs: Mapping[str, str]) -> str:
    """Return pairs as they are written into the form."""
    return "\n".join(f"{key}: {value}" for key, value in sorted(pairs.items()))


def in_a_line(pairs: Mapping[str, str]) -> str:
    """Return pairs as one short text, to be compared and shown."""
    return ", ".join(f"{key}: {value}" for key, value in sorted(pairs.items()))


def showable(typed: str) -> str:
    """Return what was written, its lines kept, without characters that no HTML may hold."""
    text = typed.replace("\r\n", "\n")[:10_000]
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"})
