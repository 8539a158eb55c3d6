"""Look for accessibility problems on a page, as wide and as narrow, in light and in dark."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from tests.journeys.visitor import DESK, PHONE

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING: dict[str, Any] = {
    "resultTypes": ["violations"],
    "preload": False,
    "runOnly": {"type": "tag", "values": TAGS},
    # the one rule of WCAG 2.2, which axe leaves off by itself
    "rules": {"target-size": {"enabled": True}},
}
# What a theme can change: it moves nothing and adds nothing.
COLORS: dict[str, Any] = {
    "resultTypes": ["violations"],
    "preload": False,
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
}

# Both widths with every rule, and all four looks for their colours.
Look = tuple[str, dict[str, int], dict[str, Any]]
LOOKS: tuple[Look, ...] = (
    ("light", DESK, EVERYTHING),
    ("dark", DESK, COLORS),
    ("dark", PHONE, EVERYTHING),
    ("light", PHONE, COLORS),
)
# For what is made of parts that other pages show in all four.
OPPOSITE = LOOKS[::2]
ONE = LOOKS[:1]

# What arrives on a page glides in for a millisecond even where nothing shall move.
_RUN = """async (options) => {
  await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
  const found = await axe.run(document, options);
  const tooWide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const all = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  return tooWide > 0 ? [...all, `scrolls sideways by ${tooWide}`] : all;
}"""


@lru_cache(maxsize=1)
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, looks: tuple[Look, ...] = LOOKS) -> list[str]:
    """Return what is wrong with what the page shows now; the page stays open as it is."""
    page.evaluate(_script())
    found: list[str] = []
    for scheme, size, options in looks:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        found += [f"{scheme} {size['width']}: {one}" for one in page.evaluate(_RUN, options)]
    return found
