"""A page begins after a row: cursors survive the address bar, and what is not ours is the first page."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.services.keyset import Cursor, cut, decode, leads_before_the_first_page

T0 = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
ROWS = [Cursor(T0 - dt.timedelta(minutes=number), uuid.UUID(int=number)) for number in range(7)]


def place(row: Cursor) -> Cursor:
    return row


@given(
    at=st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(9999, 12, 31)),  # noqa: DTZ001 - the zone is added below
    row_id=st.uuids(),
    line=st.integers(0, 65535),
    newer=st.booleans(),
)
def test_a_cursor_comes_back_as_it_left(at: dt.datetime, row_id: uuid.UUID, line: int, newer: bool) -> None:
    cursor = Cursor(at.replace(tzinfo=dt.UTC), row_id, line, newer)

    assert decode(cursor.encode()) == cursor


@given(st.text(max_size=80))
def test_text_that_is_no_cursor_is_the_first_page(text: str) -> None:
    found = decode(text)

    assert found is None or decode(found.encode()) == found


@pytest.mark.parametrize("text", [None, "", "A", "A" * 36, "=" * 36, "' OR 1=1--", "%", "\x00", "é" * 36, "A" * 5000])
def test_hostile_text_is_no_cursor_or_one_of_long_ago(text: str | None) -> None:
    found = decode(text)

    assert found is None or found.at.year == 1970


def test_the_first_page_knows_only_older_ones() -> None:
    page = cut(ROWS[:4], None, 3, place)

    assert page.rows == ROWS[:3]
    assert page.newer is None
    assert decode(page.older) == ROWS[2]


def test_a_page_on_the_way_knows_both_neighbours() -> None:
    page = cut(ROWS[3:7], ROWS[2], 3, place)

    assert page.rows == ROWS[3:6]
    assert decode(page.newer) == Cursor(ROWS[3].at, ROWS[3].id, newer=True)
    assert decode(page.older) == ROWS[5]


def test_the_last_page_knows_only_newer_ones() -> None:
    page = cut(ROWS[6:], ROWS[5], 3, place)

    assert page.rows == ROWS[6:]
    assert page.older is None
    assert page.newer is not None


def test_going_back_turns_the_rows_around() -> None:
    back = Cursor(ROWS[5].at, ROWS[5].id, newer=True)

    page = cut([ROWS[4], ROWS[3], ROWS[2], ROWS[1]], back, 3, place)

    assert page.rows == ROWS[2:5]
    assert page.newer is not None
    assert page.older is not None


def test_going_back_past_the_beginning_is_noticed() -> None:
    back = Cursor(ROWS[2].at, ROWS[2].id, newer=True)

    assert leads_before_the_first_page([ROWS[1], ROWS[0]], back, 3)
    assert leads_before_the_first_page([], ROWS[6], 3)
    assert not leads_before_the_first_page(ROWS[3:6], ROWS[2], 3)
    assert not leads_before_the_first_page([], None, 3)
