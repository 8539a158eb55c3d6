"""Which revision of the database this code was written for: the head of the migrations beside it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@lru_cache(maxsize=1)
def expected_schema() -> str:
    """Return the newest revision."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise RuntimeError(f"there are no migrations in {MIGRATIONS}")
    return head
