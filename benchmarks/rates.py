"""How often rates come from the cache while links are made: the reads PostgreSQL was not asked for, of all reads.

Each measurement begins cold: Redis has forgotten the rates, and no process has kept any.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from statistics import median

from benchmarks import crew as crews
from benchmarks.merchant import Merchant
from benchmarks.rounds import Measure, grid
from benchmarks.stage import Stage
from provvypay.flows import current_rates
from provvypay.kit import cache, counters

PROCESSES = 4
MOST_A_SECOND = 10_000
"""of one process; numbers for links that are not made cost nothing"""
LEAST_SECONDS = 1.0
"""In less there are hardly more reads than processes that find the cache cold."""
A_MOMENT = 0.05
"""Seconds"""
A_WHILE = 1.1
"""Seconds: a process keeps the rates, and its tally of reads, for one."""


class Report:
    """What every round counted."""

    def __init__(self) -> None:
        """Begin without a round."""
        self.rounds: list[tuple[int, int]] = []

    def add(self, hits: int, reads: int) -> float:
        """Keep a round's figures; return its share."""
        self.rounds.append((hits, reads))
        return hits / reads

    def __str__(self) -> str:
        """Return the table."""
        shares = [hits / reads for hits, reads in self.rounds]
        row = (
            "rates while links are made, cache cold at first",
            f"{median(reads for _, reads in self.rounds):,.0f}",
            f"{median(reads - hits for hits, reads in self.rounds):,.0f}",
            f"{median(shares):.3f} ({min(shares):.3f}–{max(shares):.3f})",
            "≥ 0.90",
        )
        return grid([("what", "reads", "asked PostgreSQL", "from the cache ÷ reads (min–max)", "goal"), row])


@contextlib.contextmanager
def measures(stage: Stage, merchant: Merchant) -> Iterator[tuple[list[Measure], Report]]:
    """Start processes that make links; give the measurement and what it will have counted."""
    job = crews.Job("create", merchant.organization_id, merchant.user_id)
    report = Report()
    with crews.Crew(stage.settings(), job, PROCESSES) as crew:

        def make(seconds: float) -> None:
            each = int(MOST_A_SECOND * seconds) + 1
            first = merchant.take_numbers(each * PROCESSES)
            crew.work([[(first + k * each, first + (k + 1) * each - 1)] for k in range(PROCESSES)], seconds)

        def run(seconds: float) -> float:
            cache.connection().delete(current_rates.KEY)
            time.sleep(A_WHILE)
            before = _counted()
            make(max(seconds, LEAST_SECONDS))
            # The next read hands every tally over.
            time.sleep(A_WHILE)
            make(A_MOMENT)
            hits, misses = (now - then for now, then in zip(_counted(), before, strict=True))
            return report.add(hits, hits + misses)

        yield [Measure("rates from the cache", run, unit="of all reads")], report


def _counted() -> tuple[int, int]:
    found = counters.totals()
    return found.get(("rates.cache", "hit"), 0), found.get(("rates.cache", "miss"), 0)
