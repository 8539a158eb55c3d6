"""The alphabet of short codes: no look-alikes, no vowels, no case. One constant for generator, route and database."""

from __future__ import annotations

import re

ALPHABET = "23456789BCDFGHJKMNPQRTVWXY"
LENGTH = 8
PATTERN = f"^[{ALPHABET}]{{{LENGTH}}}$"
_SHAPE = re.compile(PATTERN)


def normalize(typed: str) -> str | None:
    """Return the short code a person typed or scanned, in upper case, or None when it cannot be one.

    Lower case, spaces, hyphens and quotes are forgiven, because the code may be typed by hand.
    """
    code = typed.upper().translate(str.maketrans("", "", " -\"'"))
    return code if _SHAPE.fullmatch(code) else None
