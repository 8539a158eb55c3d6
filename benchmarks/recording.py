"""Record the statements the product sends in one transaction and make a pgbench script of them: the very same ones.

Values that are new in each transaction (ids, references) become expressions over `:n`, the number of a link; all others
become variables that keep their value.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

from benchmarks.pgbench import COUNT, Script
from provvypay.kit import db

_PLACE = re.compile(r"%\((\w+)\)s")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it goes to the driver."""

    sql: str
    parameters: list[Mapping[str, Any]]
    """several when the driver was given many rows at once, which it sends without waiting in between"""


@dataclass(slots=True)
class Recording:
    """What one transaction sent, without BEGIN and COMMIT."""

    statements: list[Statement] = field(default_factory=list)


@contextlib.contextmanager
def recording() -> Iterator[Recording]:
    """Record what this process sends to the database meanwhile."""
    made = Recording()

    def note(_connection: Any, _cursor: Any, sql: str, given: Any, _context: Any, many: bool) -> None:  # noqa: FBT001 - SQLAlchemy's signature
        made.statements.append(Statement(sql, list(given) if many else [given]))

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        yield made
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)


class ScriptWriter:
    """Turns a recording into a script."""

    def __init__(self, *, number: int, kept: set[uuid.UUID], expressions: Mapping[str, str]) -> None:
        """Say what is what in the recording.

        :param number: the link's number in the recording
        :param kept: ids that stay the same in every transaction
        :param expressions: SQL over `:n` for values that are neither ids nor contain the number
        """
        self._number = str(number)
        self._kept = {str(one) for one in kept}
        self._expressions = expressions
        self._slots: dict[str, str] = {}
        self.values: dict[str, str] = {}

    def write(self, path: Path, recorded: Recording) -> Script:
        """Write the script: the recorded statements between BEGIN and COMMIT, each a round trip of its own."""
        lines = [COUNT, "BEGIN;"]
        for statement in recorded.statements:
            if len(statement.parameters) > 1:
                lines.append("\\startpipeline")
            lines += [self._filled(statement.sql, given) + ";" for given in statement.parameters]
            if len(statement.parameters) > 1:
                lines.append("\\endpipeline")
        lines.append("COMMIT;")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Script(path, self.values)

    def _filled(self, sql: str, parameters: Mapping[str, Any]) -> str:
        text = _PLACE.sub(lambda found: self._expression(parameters[found.group(1)]), sql.strip())
        return text.replace("%%", "%")

    def _expression(self, value: Any) -> str:
        if value is None:
            return "NULL"
        plain = _plain(value)
        if not plain:
            return "''"  # pgbench has no variable without a value
        if plain in self._expressions:
            return f"({self._expressions[plain]})"
        template = _UUID.sub(lambda found: self._slot(found.group()), plain).replace(self._number, "~N~")
        name = f"v{len(self.values)}"
        self.values[name] = template
        if "~N~" not in template:
            return f":{name}"
        # psycopg tells PostgreSQL that an id is one; a text made here has to say so
        return f"replace(:{name}, '~N~', :n){'::uuid' if isinstance(value, uuid.UUID) else ''}"

    def _slot(self, found: str) -> str:
        """Return an id's stand-in: the same beginning for the same id, ending in the number of the link."""
        if found in self._kept:
            return found
        if found.endswith(self._number):
            return found
        if found not in self._slots:
            self._slots[found] = f"{len(self._slots) + 1:08x}-0000-7000-8000-~N~"
        return self._slots[found]


def _plain(value: Any) -> str:
    """Return a value as PostgreSQL reads it."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "{" + ",".join(json.dumps(_plain(item), ensure_ascii=False) for item in value) + "}"
    if hasattr(value, "obj"):  # psycopg's wrapper of JSON
        return json.dumps(value.obj)
    return str(value)
