"""Keyset paging: a page begins after a row, not after a number of rows, so page 10,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from provvypay.kit.clock import UTC

Row = TypeVar("Row")


class Place(Protocol):
    """The place of one row in some order; a frozen dataclass with `newer` among its fields."""

    @property
    def newer(self) -> bool:
        """Say whether the page lies before the row instead of after it."""

    def encode(self) -> str:
        """Return the place as it stands in an address."""


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = struct.Struct(">?qH16s")
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of one row in a list ordered by time, newest first; opaque text in addresses."""

    at: dt.datetime
    id: uuid.UUID
    line: int = 0
    """for lists whose rows share an id, such as the entries of a journal"""
    newer: bool = False
    """whether the page lies before the row instead of after it"""

    def encode(self) -> str:
        """Return the cursor as it stands in an address."""
        micros = (self.at - _EPOCH) // _MICROSECOND
        packed = _SHAPE.pack(self.newer, micros, self.line, self.id.bytes)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, newest first, and the cursors of its neighbours."""

    rows: list[Row]
    newer: str | None = None
    older: str | None = None


def decode(text: str | None) -> Cursor | None:
    """Return the cursor of an address; None for none, and for one that is not ours: that is the first page."""
    if not text or len(text) > 64 or not text.isascii():
        return None
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        newer, micros, line, raw = _SHAPE.unpack(packed)
        return Cursor(_EPOCH + micros * _MICROSECOND, uuid.UUID(bytes=raw), line, newer)
    except (binascii.Error, struct.error, ValueError, OverflowError):
        return None


def leads_before_the_first_page(found: Sequence[Row], cursor: Place | None, size: int) -> bool:
    """Say whether a cursor led to no full page, so that the first page is shown instead of a torn one."""
    return cursor is not None and (not found or (cursor.newer and len(found) <= size))


def cut(found: Sequence[Row], cursor: Place | None, size: int, key: Callable[[Row], Any]) -> Page[Row]:
    """Make a page of what a query found.

    :param found: up to `size` + 1 rows: newest first, or oldest first when the cursor asks for newer ones
    :param key: the place of a row, as a Place
    """
    rows = list(found[:size])
    more = len(found) > size
    backwards = cursor is not None and cursor.newer
    if backwards:
        rows.reverse()
    if not rows:
        return Page([])
    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    return Page(
        rows,
        newer=replace(key(rows[0]), newer=True).encode() if has_newer else None,
        older=key(rows[-1]).encode() if has_older else None,
    )
