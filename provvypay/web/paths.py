"""Addresses that others hand us: a person is only ever sent to our own pages."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote, urlsplit


def own_path(wanted: str) -> str | None:
    r"""Return a path on this site, or None for anything a browser might take for another site.

    Browsers read `/\evil` and `//evil` as hosts and drop tabs and line breaks before they look.
    """
    plain = unquote(wanted)
    if not wanted.startswith("/") or plain[1:2] in {"/", "\\"} or "\\" in plain or len(wanted) > 2000:
        return None
    if any(char.isspace() for char in wanted) or any(_is_invisible(char) for char in plain):
        return None
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc:
        return None
    return wanted


def _is_invisible(char: str) -> bool:
    """Say whether a character is a control, a format character or a line break of any kind."""
    category = unicodedata.category(char)
    return category[0] == "C" or category in {"Zl", "Zp"}


def path_and_query(address: str) -> tuple[str, str]:
    """Return what an address names on its host; empty for what is no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.path, parts.query
