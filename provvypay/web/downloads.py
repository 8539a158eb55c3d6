"""Files for spreadsheets: streamed line by line, readable by machines, and harmless in a program that runs formulas."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from flask import Response, stream_with_context

BOM = "\ufeff"
"""without it a well-known spreadsheet reads UTF-8 as something else"""
_LINES_PER_CHUNK = 200

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), in its full-width spelling too; blanks
# in front do not save anybody.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


class _Line:
    """Something csv can write to, which keeps only what was written last."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def guarded(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula; genuine numbers stay numbers."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table as RFC 4180 wants it, a few lines at a time, with a mark that it is UTF-8."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(head)
    waiting = [BOM, line.text]
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        waiting.append(line.text)
        if len(waiting) >= _LINES_PER_CHUNK:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Return a table to download; rows are read while they are sent.

    :param name: of any text; it names the file and nothing else
    """
    response = Response(stream_with_context(csv_lines(head, rows)), mimetype="text/csv")
    response.headers["Content-Type"] = "text/csv; charset=utf-8; header=present"
    response.headers["Content-Disposition"] = attachment(f"{name}.csv")
    return response


def attachment(name: str) -> str:
    """Return the header that names a file (RFC 6266): in plain letters for old programs, as it is for all others."""
    clean = re.sub(r"[^\w. -]+", "-", name).strip(" .-")[:120] or "file"
    plain = re.sub(r"[^A-Za-z0-9._ -]+", "-", clean)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"
