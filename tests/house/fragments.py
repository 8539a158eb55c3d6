"""Look at one block of a template as htmx will: alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAG = re.compile(r"\{%[-+]?\s*(\w+)\s*(\w*).*?%\}", re.DOTALL)
_VOID = set("area base br col embed hr img input link meta source track wbr".split())
_OPENS = {"block", "for", "if", "call", "macro", "filter", "with", "autoescape"}


class Roots(HTMLParser):
    """Collects the elements, and any text, that stand at the top."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.roots: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.open:
            self.roots.append((tag, dict(attrs).get("id")))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.open and data.strip():
            self.roots.append((f"text {data.strip()[:20]!r}", None))


def faults(template: str, block: str) -> list[str]:
    """Say what is wrong with a block as a fragment: missing, several roots, another id, or inside a loop."""
    template = re.sub(r"\{#.*?#\}", "", template, flags=re.DOTALL)
    around: list[tuple[str, str]] = []
    start = 0
    for tag in _TAG.finditer(template):
        word, name = tag.group(1), tag.group(2)
        if word == "block" and name == block:
            wrong = sorted({kind for kind, _ in around} & {"for", "if", "call", "macro"})
            if wrong:
                return [f"stands inside {{% {wrong[0]} %}}"]
            start = tag.end()
        if word in _OPENS:
            around.append((word, name))
        elif word.startswith("end") and around and around.pop() == ("block", block):
            return _root_faults(template[start : tag.start()], block)
    return ["is no block of the template"]


def _root_faults(body: str, block: str) -> list[str]:
    parser = Roots()
    parser.feed(re.sub(r"\{\{.*?\}\}", "x", re.sub(r"\{%.*?%\}", " ", body, flags=re.DOTALL), flags=re.DOTALL))
    if len(parser.roots) != 1:
        return [f"has {len(parser.roots)} roots: {', '.join(tag for tag, _ in parser.roots)}"]
    tag, name = parser.roots[0]
    return [] if name == block else [f"its root <{tag}> has the id {name!r}"]
