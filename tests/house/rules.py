"""The rules of the house that are no imports: each finds what breaks it in one source."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.house.source import Source, calls, dotted, strings, text_of

Finder = Callable[[Source], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """One rule, where it holds, what it excepts, and two snippets that show it at work."""

    says: str
    places: tuple[str, ...]
    finder: Finder
    bad: tuple[str, ...]
    good: str
    excepted: Mapping[str, str] = field(default_factory=dict)
    """path, or path of a file and a function → why it may"""

    def broken(self, source: Source) -> list[str]:
        """Return what breaks the rule in a source, but for what is excepted."""
        return [hit for hit in self.finder(source) if not any(hit.startswith(place) for place in self.excepted)]


def hit(source: Source, node: ast.AST, what: str) -> str:
    return f"{source.path}:{_function_around(source, node)}: {what} (line {getattr(node, 'lineno', 0)})"


def _function_around(source: Source, node: ast.AST) -> str:
    line = getattr(node, "lineno", 0)
    around = [
        one.name
        for one in ast.walk(source.tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.lineno <= line <= (one.end_lineno or 0)
    ]
    return around[-1] if around else ""


def ends_transactions(source: Source) -> Iterator[str]:
    """Commits, rolls back, or makes an engine or a session of its own."""
    for name, call in calls(source.tree):
        last = name.rpartition(".")[2]
        if last in {"create_engine", "sessionmaker", "Session", "scoped_session"} or (
            "." in name and last in {"commit", "rollback"}
        ):
            yield hit(source, call, name)


def reads_environment(source: Source) -> Iterator[str]:
    """Reads os.environ in any of its ways."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb"}:
            yield hit(source, node, dotted(node))
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for name in node.names:
                if name.name in {"environ", "getenv"}:
                    yield hit(source, node, f"from os import {name.name}")


def inserts_status_events(source: Source) -> Iterator[str]:
    """Inserts a status event, by the model or by SQL."""
    for name, call in calls(source.tree):
        if name.endswith("LinkStatusEvent") or any(dotted(part).endswith("LinkStatusEvent") for part in call.args):
            yield hit(source, call, name)
    for text, node in strings(source.tree):
        if re.search(r"INSERT INTO link_status_events", text, re.IGNORECASE):
            yield hit(source, node, "INSERT INTO link_status_events")


def inserts_journals(source: Source) -> Iterator[str]:
    """Writes a journal or its entries, by the models or by SQL."""
    books = {"Journal", "LedgerEntry"}
    for name, call in calls(source.tree):
        last = name.rpartition(".")[2]
        inserted = {dotted(part).rpartition(".")[2] for part in call.args} if last == "insert" else {last}
        if inserted & books:
            yield hit(source, call, name)
    for text, node in strings(source.tree):
        if re.search(r"INSERT INTO (journals|ledger_entries)", text, re.IGNORECASE):
            yield hit(source, node, "INSERT INTO journals")


def uses_floats(source: Source) -> Iterator[str]:
    """Has a float: a literal, a conversion, an annotation, or a division of what may be integers."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield hit(source, node, f"{node.value}")
        if isinstance(node, ast.Name) and node.id == "float":
            yield hit(source, node, "float")
        # `folder / "name"` divides nothing
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and text_of(node.right) is None:
            yield hit(source, node, "/")


_MONEY_WORD = re.compile(r"amount|fee|net|value|total|price")
_SAYS_ITS_UNIT = re.compile(r".*_(minor|units)|asset_amount")


def hides_a_unit(source: Source) -> Iterator[str]:
    """Has a whole number of money whose name does not say its unit."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        kind = ast.unparse(node.annotation)
        is_money = "Minor" in kind or (re.search(r"\bint\b", kind) and _MONEY_WORD.search(node.target.id))
        if is_money and not _SAYS_ITS_UNIT.fullmatch(node.target.id) and not node.target.id.isupper():
            yield hit(source, node, node.target.id)


def asks_another_clock(source: Source) -> Iterator[str]:
    """Asks for the present moment elsewhere than in kit/clock."""
    asked = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
    for name, call in calls(source.tree):
        if ".".join(name.split(".")[-2:]) in asked:
            yield hit(source, call, name)


def rings(source: Source) -> Iterator[str]:
    """Puts a job into a queue."""
    for name, call in calls(source.tree):
        if name in {"queue.ring", "ring"} or name.rpartition(".")[2] in {"enqueue", "enqueue_call", "enqueue_in"}:
            yield hit(source, call, name)


def marks_up(source: Source) -> Iterator[str]:
    """Says that a text is safe to stand in a page as it is."""
    for name, call in calls(source.tree):
        if name.rpartition(".")[2] == "Markup":
            yield hit(source, call, name)


def says_later(source: Source) -> Iterator[str]:
    """Leaves work for later, or says something that is always true."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        for word in ("TODO", "FIXME", "XXX:", "assert True"):
            if re.search(rf"\b{re.escape(word)}", line):
                yield f"{source.path}:: {word} (line {number})"


def is_long(source: Source) -> Iterator[str]:
    """Has more than 300 lines, or a function of more than 50."""
    lines = len(source.text.splitlines())
    if lines > 300:
        yield f"{source.path}:: {lines} lines"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > 50:
                yield f"{source.path}:{node.name}: {length} lines"


def is_not_empty(source: Source) -> Iterator[str]:
    """Is an __init__ with something in it."""
    if source.path.endswith("__init__.py") and source.text.strip():
        yield f"{source.path}:: not empty"


# --- templates -------------------------------------------------------------------------------------------------------

_UNSAFE_HTML = {
    r"<style\b": "inline style sheet",
    r"<script\b(?![^>]*\bsrc=)": "inline script",
    r"\sstyle\s*=": "inline style",
    r"\shx-on\b": "hx-on",
    r"\shx-vars\b": "hx-vars",
    r"\son[a-z]+\s*=": "event handler",
    r"[\"']\s*js:": "js: expression",
    r"javascript:": "javascript: address",
    r"hx-trigger=[\"'][^\"']*\[": "trigger filter",
}
_UNSAFE_JINJA = {r"\|\s*safe\b": "|safe", r"\bautoescape\b": "autoescape"}


def is_unsafe(source: Source) -> Iterator[str]:
    """Needs more than the content policy allows, or lets text through unescaped."""
    template = re.sub(r"\{#.*?#\}", "", source.text, flags=re.DOTALL)
    # an argument of a macro may well be called `style`
    html = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "x", template, flags=re.DOTALL)
    for text, patterns in ((html, _UNSAFE_HTML), (template, _UNSAFE_JINJA)):
        for pattern, what in patterns.items():
            if re.search(pattern, text, flags=re.IGNORECASE):
                yield f"{source.path}:: {what}"


def fragments_named(source: Source) -> Iterator[tuple[str, str]]:
    """Return (template, block) of every block a view may answer with."""
    for name, call in calls(source.tree):
        if name.rpartition(".")[2] != "render" or not call.args:
            continue
        template = text_of(call.args[0])
        for keyword in call.keywords:
            if template and keyword.arg in {"fragments", "also"} and isinstance(keyword.value, ast.Tuple):
                yield from ((template, block) for element in keyword.value.elts if (block := text_of(element)))
