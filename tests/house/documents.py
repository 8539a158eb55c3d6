"""Read the documentation: its files, tables, headings, links, and the paths it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import ROOT

Row = tuple[str, ...]

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)|<(?:img|source)[^>]+src(?:set)?=\"([^\"]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")


def documents() -> list[Path]:
    """Return every page a reader may open."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def read(name: str) -> str:
    """Return a page of docs/, without its code blocks."""
    return prose((ROOT / "docs" / name).read_text(encoding="utf-8"))


def prose(text: str) -> str:
    """Leave out what stands between ``` fences."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def section(text: str, heading: str) -> str:
    """Return what stands under a `## heading`, down to the next one."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found, f"no section {heading!r}"
    return found.group(1)


def tables(text: str) -> Iterator[list[Row]]:
    """Return each table as rows of cells, header first; backticks are taken off."""
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE):
        rows = [
            tuple(cell.strip().strip("`") for cell in line.strip().strip("|").split("|")) for line in block.splitlines()
        ]
        yield [rows[0], *rows[2:]]


def table(text: str) -> list[Row]:
    """Return the rows of the first table, without its header."""
    return next(tables(text))[1:]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    return _LINK.findall(prose(text))


def pictures(text: str) -> list[str]:
    return [one or other for one, other in _PICTURE.findall(text)]


def named_paths(text: str) -> list[str]:
    """Return what stands in backticks and looks like a path of this repository."""
    tops = ("provvypay/", "migrations/", "tests/", "docs/", "scripts/", "benchmarks/", ".ci/")
    named = [code for code in _CODE.findall(prose(text)) if code.startswith(tops) and " " not in code]
    return [path for path in named if path != "provvypay/static/dist"]  # built, not committed
