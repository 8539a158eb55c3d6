"""Lists of 100,000 links: every order, filter and search against the first page, the sweep, and all of them as CSV."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from benchmarks.merchant import Merchant
from benchmarks.rounds import Comparison, Measure, grid
from benchmarks.stage import Stage
from provvypay.kit.db import transaction
from provvypay.services import link_export, link_list
from provvypay.services.link_list import Filter
from provvypay.web.downloads import csv_lines

LINKS = 100_000
DUE = 1_000
"""open links whose time has passed, for the sweep to find"""

# Without triggers, with all they would have written. Every fourth is a draft, every fifth has ended, a few are due.
_LINKS = """
    INSERT INTO payment_links (id, organization_id, short_code, status, status_seq, amount_minor, currency, description,
        reference, expires_at, created_at, opened_at, closed_at)
    SELECT uuidv7(), %(org)s, translate(lpad(n::text, 8, '0'), '01', 'XY'),
        CASE WHEN n %% 4 = 1 THEN 'DRAFT' WHEN n %% 5 = 0 THEN 'CANCELED' ELSE 'OPEN' END, 1, 1000 + n * 7 %% 500000,
        CASE WHEN n %% 10 = 0 THEN 'NZD' ELSE 'AUD' END,
        (ARRAY['Oak bench', 'Cedar chest', 'Elm stool', 'Walnut desk'])[1 + n %% 4] || ', piece ' || n, 'INV-' || n,
        now() + CASE WHEN n <= %(due)s THEN interval '-1 hour' ELSE n * interval '1 minute' END,
        now() - n * interval '1 minute', CASE WHEN n %% 4 <> 1 THEN now() END,
        CASE WHEN n %% 4 <> 1 AND n %% 5 = 0 THEN now() END
    FROM generate_series(1, %(count)s) n
    ON CONFLICT (short_code) DO NOTHING
"""
_CONTACTS = """
    INSERT INTO link_contacts (link_id, organization_id, name, email)
    SELECT id, organization_id, 'Customer ' || right(reference, 3), 'c' || right(reference, 3) || '@people.example'
    FROM payment_links WHERE organization_id = %(org)s AND reference LIKE 'INV-%%' AND description LIKE '%%, piece %%'
"""
_WORDS = """
    INSERT INTO link_search (link_id, organization_id, words)
    SELECT l.id, l.organization_id, link_lexemes(l.organization_id,
        concat_ws(' ', l.short_code, l.description, l.reference, c.name, c.email), l.amount_minor, l.currency)
    FROM payment_links l JOIN link_contacts c ON c.link_id = l.id WHERE l.organization_id = %(org)s
    ON CONFLICT DO NOTHING
"""


class Report:
    """What one export of all links took."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rows: list[tuple[str, ...]] = [("CSV of", "first bytes", "all of it", "peak of Python's memory")]

    def add(self, count: int, first: float, whole: float, peak: int) -> None:
        """Add one export."""
        self.rows.append((f"{count:,} links", f"{first * 1000:.0f} ms", f"{whole:.1f} s", f"{peak / 1e6:.1f} MB"))

    def __str__(self) -> str:
        """Return the exports as a table."""
        return grid(self.rows)


@contextlib.contextmanager
def measures(stage: Stage, merchant: Merchant) -> Iterator[tuple[list[Measure], list[Comparison], Report]]:
    """Make the links; give the measurements, each compared with the first page, and the report of the exports."""
    _make(stage, merchant.organization_id)
    org = merchant.organization_id
    first = _lists("first page", org, Filter())
    others = [
        _lists("page 2,000", org, Filter(), pages=2000),
        _lists("open", org, Filter("OPEN")),
        _lists("largest amount first", org, Filter(sort="amount")),
        _lists("ending soonest first", org, Filter("OPEN", sort="expiry")),
        _lists("archive, empty", org, Filter(link_list.ARCHIVED)),
        _lists("search without hits", org, Filter(query="nothinglikethis")),
        _lists("search for a reference", org, Filter(query="inv-77777")),
        _lists("search for a customer, 100 hits", org, Filter(query="c777@people")),
        _lists("search with 25,000 hits", org, Filter(query="walnut")),
    ]
    with psycopg.connect(stage.worker_url, autocommit=True) as worker:
        sweep = Measure("sweep, batch of 200", _loop(lambda: _due(worker)))
        goals = {"search without hits": "≥ 1.00"}
        report = Report()
        report.add(*_export(org, Filter(query="c777@people")))
        report.add(*_export(org, Filter()))
        yield (
            [first, *others, sweep],
            [Comparison(one, first, goals.get(one.name, "")) for one in others],
            report,
        )


def _make(stage: Stage, organization_id: uuid.UUID) -> None:
    with psycopg.connect(stage.superuser_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in (_LINKS, _CONTACTS, _WORDS):
            connection.execute(statement, {"org": organization_id, "count": LINKS, "due": DUE})
    with psycopg.connect(stage.superuser_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE payment_links, link_contacts, link_search")


def _lists(name: str, organization_id: uuid.UUID, chosen: Filter, *, pages: int = 1) -> Measure:
    """Return a measurement of one page, read as the list's view reads it."""
    cursor: Any = None
    if pages > 1:
        with transaction(organization_id) as session:
            # One long page to get there: where a place is costs nothing, so it is not measured.
            page = link_list.page(session, organization_id, chosen, size=(pages - 1) * link_list.PAGE_SIZE)
            cursor = chosen.cursor(page.older)

    def read() -> None:
        with transaction(organization_id) as session:
            link_list.page(session, organization_id, chosen, cursor=cursor)

    return Measure(name, _loop(read))


def _due(worker: psycopg.Connection[Any]) -> None:
    found = worker.execute("SELECT * FROM due_expiries(200, '-infinity', gen_random_uuid())").fetchall()
    if len(found) != 200:
        raise RuntimeError(f"the sweep finds {len(found)} links")


def _export(organization_id: uuid.UUID, chosen: Filter) -> tuple[int, float, float, int]:
    """Write the CSV; return lines, seconds to the first bytes, seconds to the last, and the peak of memory."""

    def lines() -> Iterator[str]:
        rows = link_export.rows(
            lambda: transaction(organization_id), organization_id, chosen, zone="Australia/Sydney",
            public_base_url="https://pay.example",
        )  # fmt: skip
        return csv_lines(link_export.COLUMNS, rows)

    begun = time.perf_counter()
    chunks = lines()
    next(chunks)
    first = time.perf_counter() - begun
    for _ in chunks:
        pass
    whole = time.perf_counter() - begun
    tracemalloc.start()
    written = sum(chunk.count("\r\n") for chunk in lines())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return written - 1, first, whole, peak


def _loop(act: Callable[[], object]) -> Callable[[float], float]:
    def run(seconds: float) -> float:
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            act()
            done += 1
        return done / (time.perf_counter() - begun)

    return run
