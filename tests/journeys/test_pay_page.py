"""The pay page as a customer has it in hand: light, narrow, by keyboard alone, and still when asked to be."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.sights import faces, token_faces
from tests.journeys.visitor import focused

pytestmark = pytest.mark.browser

MOST_BYTES = 50_000
"""over the wire, headers and all, with nothing in the cache"""

# An outline of two pixels on the thing itself, or on the box that is drawn around it.
HAS_A_RING = """(one) => [one, one.closest(".amount-field, .choice, .joined, .search-field")].some((each) => {
  const style = each && getComputedStyle(each);
  return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
})"""
RUNNING = "document.getAnimations().filter((one) => one.playState === 'running').length"


def test_the_first_load_is_light(make, visit, live_app):
    faces_of_tokens = token_faces(make, live_app)
    for path in (f"/p/{make.link().short_code}", faces_of_tokens["token choice"], faces_of_tokens["SEND"]):
        customer = visit(phone=True)
        wire = customer.context.new_cdp_session(customer.page)
        loaded = []
        wire.on("Network.loadingFinished", lambda said, loaded=loaded: loaded.append(said["encodedDataLength"]))
        wire.send("Network.enable")

        customer.page.goto(customer.url(path), wait_until="networkidle")

        assert len(loaded) >= 3, "page, style and script were not seen"
        assert sum(loaded) < MOST_BYTES, loaded


def test_no_face_scrolls_sideways_on_the_narrowest_phone(make, visit, live_app):
    customer = visit(viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    too_wide = {}
    for face, path in faces(make, live_app).items():
        page = customer.go(path)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            too_wide[face] = beyond

    assert too_wide == {}


def tab_to(page, selector):
    """Walk with the Tab key; each stop on the way has to be seen and to show that it has the focus."""
    for _ in range(12):
        page.keyboard.press("Tab")
        here = focused(page)
        expect(here).to_be_in_viewport()
        assert here.evaluate(HAS_A_RING), here.evaluate("(one) => one.outerHTML")
        if here.evaluate("(one, selector) => one.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never came to {selector}")


def test_a_keyboard_is_enough_to_pay(make, visit, live_app):
    link = make.link()
    page = visit().go(f"/p/{link.short_code}")

    tab_to(page, ".skip-link")
    page.keyboard.press("Enter")
    tab_to(page, "#pay_by_card")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pay by card")).to_be_visible()
    for field, typed in (
        ("email", "payer@example.com"), ("card", steps.GOOD_CARD), ("expiry", "12 / 34"), ("cvc", "123"),
        ("name", "A Payer"),
    ):  # fmt: skip
        tab_to(page, f"#{field}")
        page.keyboard.type(typed)
    page.keyboard.press("Enter")

    steps.expect_receipt(page)
    tab_to(page, "#print")
    assert steps.facts_of(live_app, link.short_code)["payments"] == 1


def test_nothing_moves_for_who_asked_for_stillness(make, visit, live_app):
    every = faces(make, live_app)
    still, usual = visit(phone=True, reduced_motion="reduce"), visit(phone=True)
    moving = {}
    for face, path in every.items():
        page = still.go(path)
        # What is left of an animation ends within a millisecond.
        page.wait_for_function("document.readyState === 'complete'")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if count := page.evaluate(RUNNING):
            moving[face] = count

    assert moving == {}
    assert usual.go(every["PROCESSING"]).evaluate(RUNNING) > 0


def test_a_copy_button_says_that_it_copied(make, visit):
    link = make.link()
    make.settled(link)
    customer = visit(phone=True, permissions=["clipboard-read", "clipboard-write"])
    page = customer.go(f"/p/{link.short_code}")
    shown = page.locator(".copy-field .value").inner_text()

    page.locator(".copy-field button").click()

    expect(page.locator(".copy-field button")).to_have_attribute("data-copied", "")
    expect(page.locator("body > p[role=status]")).to_have_text("Copied")
    assert re.fullmatch(r"pi_\w+", shown)
    assert page.evaluate("navigator.clipboard.readText()") == shown


def test_a_connection_that_breaks_is_said_and_forgotten(make, visit):
    link = make.link()
    customer = visit(phone=True)
    page = customer.go(f"/p/{link.short_code}")
    page.clock.install()
    page.reload()

    customer.context.set_offline(True)
    page.clock.run_for(2500)
    expect(page.locator("#alerts")).to_contain_text("No answer from Provvypay")
    expect(page.locator("#pay_by_card")).to_be_visible()
    customer.context.set_offline(False)
    page.clock.run_for(2500)

    expect(page.locator("#alerts")).to_be_empty()
    # It was meant to break, and nothing else did.
    others = [line for line in customer.complaints if not re.search("^htmx:|ERR_INTERNET_DISCONNECTED", line)]
    customer.complaints[:] = others
