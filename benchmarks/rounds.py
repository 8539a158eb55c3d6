"""Run measurements round by round, interleaved, and compare two of one round: absolute figures wander, ratios hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Measure:
    """Something that is done for a while and gives a figure."""

    name: str
    run: Callable[[float], float]
    """from seconds to the figure: per second, or milliseconds where the unit says so"""
    unit: str = "/s"
    figures: list[float] = field(default_factory=list)
    """one per round"""

    def shown(self) -> str:
        """Return the median with its unit."""
        return (
            f"{number(median(self.figures))} {self.unit}" if self.unit != "/s" else f"{number(median(self.figures))}/s"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours as a share of a limit."""

    ours: Measure
    limit: Measure
    goal: str = ""

    def ratios(self) -> list[float]:
        """Return one ratio per round."""
        return [mine / theirs for mine, theirs in zip(self.ours.figures, self.limit.figures, strict=True)]


def run(measures: Sequence[Measure], *, rounds: int, seconds: float, say: Callable[[str], None]) -> None:
    """Do every measurement once per round, every second round backwards, so that a drift favours nobody."""
    for number_of_round in range(rounds):
        order = measures if number_of_round % 2 == 0 else measures[::-1]
        for measure in order:
            measure.figures.append(measure.run(seconds))
        say(
            f"round {number_of_round + 1} of {rounds}: "
            + " · ".join(f"{m.name} {number(m.figures[-1])}" for m in measures)
        )


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons as a table."""
    rows = [("what ÷ limit", "ours", "limit", "ratio (min–max)", "goal")]
    for comparison in comparisons:
        ratios = comparison.ratios()
        rows.append(
            (
                f"{comparison.ours.name} ÷ {comparison.limit.name}",
                comparison.ours.shown(),
                comparison.limit.shown(),
                f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
                comparison.goal or "–",
            )
        )
    return grid(rows)


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table that reads in a terminal and in Markdown; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a figure with as many digits as mean something here."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
