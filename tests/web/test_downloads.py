"""Tables to download: read back as they were, harmless in a spreadsheet, with a name that is only a name."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

import pytest
from werkzeug.http import parse_options_header

from provvypay.web.downloads import BOM, attachment, csv_lines, guarded

FORMULAS = (
    '=HYPERLINK("http://x")', "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1", "＝1", "＋1", "－1", "＠x",
    "-", "+", "=", "-1 of 2", "+61 2 9999 0000",
)  # fmt: skip
PLAIN = ("-12.50", "+3", "0", "1240.00", "INV-2041", "a=b", "x@y.example", "", "’=’", 'say "hi"', "a,b", "é")


@pytest.mark.parametrize("cell", FORMULAS)
def test_what_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe(cell):
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", PLAIN)
def test_numbers_and_plain_texts_stay_as_they_are(cell):
    assert guarded(cell) == cell


def test_what_is_written_is_read_back():
    rows = [[one, two] for one, two in zip(PLAIN, reversed(PLAIN), strict=True)]

    text = "".join(csv_lines(("a", "b"), rows))

    assert text.startswith(BOM)
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text.removeprefix(BOM), newline=""))) == [["a", "b"], *rows]


def test_lines_come_while_rows_are_still_read():
    read = 0

    def rows() -> Iterator[list[str]]:
        nonlocal read
        for read in itertools.count(1):  # noqa: B007 - how far the reading is
            yield ["x"]

    lines = csv_lines(("a",), rows())
    first = next(lines)

    assert first.startswith(f"{BOM}a\r\nx\r\n")
    assert read < 1000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("links Vale Bicycles 2026-11-24.csv", "links Vale Bicycles 2026-11-24.csv"),
        ('";x.exe\r\nSet-Cookie: a=b', "x.exe-Set-Cookie- a-b"),
        ("../../etc/passwd", "etc-passwd"),
        ("Zoë’s Café", "Zoë-s Café"),
        ("\x00", "file"),
        ("x" * 300, "x" * 120),
        ("", "file"),
        ("...", "file"),
    ],
)
def test_a_name_is_only_a_name(name, shown):
    header = attachment(name)

    kind, options = parse_options_header(header)
    assert kind == "attachment"
    assert options == {"filename": shown}
    assert header.isascii()
    assert header.isprintable()
