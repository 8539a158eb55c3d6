"""Texts that people with bad intentions type (security: INJ-00, INJ-01, INJ-04, INJ-08, INJ-13)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from tests.support import html

MARKUP = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><div hx-post="/settings" hx-trigger="load">',
    "'><svg onload=alert(1)>",
    '<a href="javascript:alert(1)">click</a>',
    "</title><h1>owned</h1>",
    "</textarea></dialog></main>",
    "<!--><b>",
    "&lt;b&gt; &amp;amp; &#x3C;i&#x3E;",
    "{{7*7}} ${7*7} {% for x in y %}",
    "{0.__class__} %s %(x)s",
    '=HYPERLINK("http://x")',
    "' OR 1=1--; DROP TABLE payment_links",
    "𝓤𝓷𝓲𝓬𝓸𝓭𝓮 ❤",
    "x" * 255,
)
"""shown as what they are: text"""

INVISIBLE = ("a\x00b", "line\nbreak", "a\x1b[31m", "a\u202eb", "a\x7fb")
"""refused with a sentence"""

AMOUNTS = (
    "", "1e3", "NaN", "Infinity", "-0", "-5", "0", "0.00", "0.001", "９", "٣", "99999999999999999999", "1,00",
    "1.000,00", "12,345,67", "10.005", "1_000", "0x10", "AUD", "USD 10", "10 10", "١٠", "1" * 500, "<b>",
    "\x00", "0.49",
)  # fmt: skip
"""no amount of Australian dollars that a card can pay"""


def planted(root: Element) -> list[str]:
    """Return what of MARKUP became an element."""
    found = [str(one.tag) for one in root.iter() if one.tag in {"img", "b", "i"} and html.text_of(one) in {"", "owned"}]
    found += [f"script {html.text_of(one)}" for one in html.find_all(root, "script") if html.text_of(one)]
    found += [one.get("hx-post", "") for one in root.iter() if one.get("hx-post") == "/settings"]
    return found + [one.get("href", "") for one in root.iter("a") if str(one.get("href")).startswith("javascript")]


def shielded(root: Element, text: str) -> bool:
    """Say whether every table cell and paragraph that shows a text lies in a part htmx does not look into."""
    parents = {child: parent for parent in root.iter() for child in parent}

    def safe(element: Element | None) -> bool:
        while element is not None:
            if element.get("hx-disable") is not None:
                return True
            element = parents.get(element)
        return False

    shown = [one for one in root.iter() if text in (one.text or "") and one.tag in {"td", "dd", "h1", "a"}]
    return bool(shown) and all(safe(one) for one in shown)
