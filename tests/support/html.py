"""Read HTML as strictly as it can be read: every rule our pages keep is checked wherever a test fetches one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
from html5lib.html5parser import ParseError

FIELDS = ("input", "select", "textarea")
HIDDEN = {"hidden", "submit", "button"}


class BadHtml(AssertionError):
    """A page breaks one of our rules."""


def parse_page(text: str) -> Element:
    """Return the root of a whole page.

    :raises BadHtml: naming every rule that is broken
    """
    root = _parse(text, fragment=False)
    wrong = list(_page_rules(root)) + list(_rules(root))
    if wrong:
        raise BadHtml("; ".join(wrong))
    return root


def parse_fragment(text: str) -> Element:
    """Return the one root element of a fragment.

    :raises BadHtml: naming every rule that is broken
    """
    holder = _parse(text, fragment=True)
    roots = list(holder)
    if len(roots) != 1 or (holder.text or "").strip() or any((one.tail or "").strip() for one in roots):
        raise BadHtml(f"a fragment has one root element, not {[one.tag for one in roots]}")
    wrong = list(_rules(holder))
    if wrong:
        raise BadHtml("; ".join(wrong))
    return roots[0]


def _parse(text: str, *, fragment: bool) -> Element:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    try:
        root: Element = parser.parseFragment(text) if fragment else parser.parse(text)
    except ParseError as error:
        line, column = parser.errors[-1][0] if parser.errors else (0, 0)
        near = text.splitlines()[line - 1][max(0, column - 60) : column + 20] if line else ""
        raise BadHtml(f"not valid HTML: {error}, near {near!r}") from error
    return root


def _page_rules(root: Element) -> Iterator[str]:
    if not root.get("lang"):
        yield "the page names no language"
    title = root.find("head/title")
    if title is None or not text_of(title):
        yield "the page has no title"
    if len(find_all(root, "h1")) != 1:
        yield f"a page has one h1, not {len(find_all(root, 'h1'))}"
    if len(find_all(root, "main")) != 1:
        yield "a page has one main"


def _rules(root: Element) -> Iterator[str]:
    ids = [one.get("id", "") for one in root.iter() if one.get("id") is not None]
    for name in {one for one in ids if ids.count(one) > 1}:
        yield f"the id {name} stands twice"
    labelled = {one.get("for") for one in find_all(root, "label")}
    inside_labels = {id(field) for label in find_all(root, "label") for field in label.iter() if field.tag in FIELDS}
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        yield from _element_rules(element, set(ids), labelled, inside_labels)


def _element_rules(
    element: Element, ids: set[str], labelled: set[str | None], inside_labels: set[int]
) -> Iterator[str]:
    get, said = element.get, text_of(element)
    named = get("aria-label") or get("id") in labelled or id(element) in inside_labels
    broken = {
        f"the field {get('name')} has no label": element.tag in FIELDS and get("type") not in HIDDEN and not named,
        "a form has an action and a method": element.tag == "form" and not (get("action") and get("method")),
        f"the link {said!r} leads nowhere": element.tag == "a" and not get("href"),
        "an image has no alt text": element.tag == "img" and get("alt") is None,
        "a button says nothing": element.tag == "button" and not (said or get("aria-label")),
        "a script is written inline": element.tag == "script" and bool(said or not get("src")),
        "a style is written inline": element.tag == "style",
    }
    yield from (sentence for sentence, is_broken in broken.items() if is_broken)
    for name, value in element.attrib.items():
        yield from _attribute_rules(name, value, ids)


def _attribute_rules(name: str, value: str, ids: set[str]) -> Iterator[str]:
    if name == "style" or name.startswith(("on", "hx-on")):
        yield f"the attribute {name} is written inline"
    # What a field holds is a text, whatever was typed into it.
    if name != "value" and value.strip().lower().startswith(("javascript:", "js:", "data:text")):
        yield f"{name} runs code"
    if name in {"aria-describedby", "aria-labelledby", "aria-controls"}:
        yield from (f"{name} points at {one}, which is not there" for one in value.split() if one not in ids)


def find_all(root: Element, tag: str, **attributes: str) -> list[Element]:
    """Return the elements of a tag with these attributes; `_` in a name stands for `-`."""
    wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [one for one in root.iter(tag) if all(one.get(name) == value for name, value in wanted.items())]


def by_id(root: Element, name: str) -> Element | None:
    """Return the element of an id."""
    return next((one for one in root.iter() if one.get("id") == name), None)


def text_of(element: Element) -> str:
    """Return what an element says, its parts with a blank between them, as they stand apart on the screen."""
    parts = "\0".join(element.itertext())
    return re.sub(r"[\s\0]+", " ", re.sub(r"\0+(?=[,.;:!?)’])", "", parts)).strip()


def signature(element: Element) -> object:
    """Return an element's whole content in a shape that compares; form tokens are left out, they differ each time."""
    attributes = tuple(sorted(element.attrib.items()))
    if element.get("name") == "csrf_token":
        attributes = ()
    words = re.sub(r"\s+", " ", (element.text or "").strip())
    after = tuple(re.sub(r"\s+", " ", (child.tail or "").strip()) for child in element)
    return element.tag, attributes, words, tuple(signature(child) for child in element), after
