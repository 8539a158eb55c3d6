"""The books on a phone: the trial balance shows each account's whole name and balance, and nothing is cut off."""

import pytest
from playwright.sync_api import expect

from tests.journeys.axe import COLORS, EVERYTHING, violations
from tests.journeys.sights import shop

pytestmark = pytest.mark.browser

CUT_OFF = """() => [...document.querySelectorAll(
    ":is(.books, .ledger) :is(.number:not(:empty), .main, tfoot th)")]
  .filter((cell) => cell.getBoundingClientRect().right > document.documentElement.clientWidth
    || cell.scrollWidth > cell.clientWidth + 1 || cell.getBoundingClientRect().width === 0)
  .map((cell) => cell.textContent.trim())"""
HIDDEN_BEHIND_AN_EDGE = """() => [...document.querySelectorAll(".table-frame")]
  .some((frame) => frame.scrollWidth > frame.clientWidth)"""


def test_the_trial_balance_fits_a_phone(make, member, live_app):
    shop(make, live_app)
    merchant = member()
    page = merchant.go("/ledger/trial-balance")

    for width in (320, 360, 390, 768):
        size = {"width": width, "height": 740}
        page.set_viewport_size(size)
        assert page.evaluate(CUT_OFF) == [], width
        assert not page.evaluate(HIDDEN_BEHIND_AN_EDGE), width
        assert violations(page, (("light", size, EVERYTHING), ("dark", size, COLORS))) == [], width

    page.set_viewport_size({"width": 360, "height": 740})
    row = page.locator(".books").first.get_by_role("row", name="1050")
    side = "getComputedStyle(cell, '::before').content"
    shown = row.locator(".number:not(:empty)")
    expect(shown).to_have_count(1)
    assert shown.evaluate(f"(cell) => {side}") in {'"Debit"', '"Credit"'}


def test_the_other_books_fit_a_phone_too(make, member, live_app):
    seen = shop(make, live_app)
    merchant = member()
    paths = ["/ledger", "/ledger/accounts/1050", "/ledger/chart", seen.path("by card", "?tab=books")]

    for path in paths:
        page = merchant.go(path)
        for width in (320, 390, 768):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate(CUT_OFF) == [], (path, width)
            assert not page.evaluate(HIDDEN_BEHIND_AN_EDGE), (path, width)
