"""What a check is: an invariant of docs/reference/invariants.md, and the query that returns the rows that break it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """One query; no rows means that the invariant holds."""

    invariant: str
    """I-01 …, as in docs/reference/invariants.md"""
    name: str
    """short, unique, dotted: family.what"""
    says: str
    """what holds, as a sentence"""
    sql: str
    """returns three texts per offending row: its table, its id, and what is wrong with it"""
    given: dict[str, str] = field(default_factory=dict)
    """parameters of the query, as JSON or text"""


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks an invariant."""

    invariant: str
    check: str
    table: str
    row: str
    """the row's id, or what names it"""
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.table} {self.row}: {self.detail}"
