"""The one source of the present moment, so that tests can choose it."""

from __future__ import annotations

import datetime as dt

UTC = dt.UTC


def now() -> dt.datetime:
    """Return the present moment, timezone-aware, in UTC."""
    return dt.datetime.now(UTC)


def from_unix(seconds: int) -> dt.datetime:
    """Return the moment of a Unix time in whole seconds."""
    return dt.datetime.fromtimestamp(seconds, UTC)
