"""A draft from the first words to the end, with a colleague in another tab and a customer at the door."""

import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from tests.journeys import steps
from tests.journeys.visitor import navigations_of

pytestmark = pytest.mark.browser


def test_a_draft_is_edited_opened_and_canceled_under_the_eyes_of_a_customer(make, member, visit):
    merchant, customer = member(), visit(phone=True)
    page = merchant.go("/links/new")
    steps.fill_link(page, amount="560.00", description="Door repair")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.locator("#link_live .badge").first).to_have_text("Draft")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Amount", exact=True).fill("580.00")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator(".page-head .amount")).to_have_text("AUD 580.00")
    page.get_by_role("button", name="Open the link").click()
    expect(page.locator("#link_live .badge").first).to_have_text("Open")
    expect(page.locator(".toasts")).to_contain_text("The link is open.")

    customer.go(page.locator("#open_pay_page").get_attribute("href"))
    expect(customer.page.locator("#pay_by_card")).to_be_enabled()
    led_to = navigations_of(customer.page)
    dialog = page.get_by_role("dialog", name="Cancel this link?")
    page.get_by_role("link", name="Cancel link").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#cancel")).to_be_focused()
    page.get_by_role("link", name="Cancel link").click()
    dialog.get_by_role("button", name="Keep it open").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Cancel link").click()
    dialog.get_by_role("button", name="Cancel the link").click()

    expect(page.locator("#link_live .badge").first).to_have_text("Canceled")
    expect(customer.page.get_by_role("heading", name="This payment link was canceled")).to_be_visible()
    expect(customer.page.locator("#pay_by_card")).to_have_count(0)
    assert led_to == []


def test_the_second_of_two_tabs_is_told_and_keeps_what_was_typed(make, member):
    draft = make.link(status=LinkStatus.DRAFT, amount_minor=560_00, description="Door repair")
    merchant = member()
    first, second = merchant.go(f"/links/{draft.id}/edit"), merchant.open(f"/links/{draft.id}/edit")
    first.get_by_label("Amount", exact=True).fill("600.00")
    first.get_by_role("button", name="Save the draft").click()
    expect(first.locator(".page-head .amount")).to_have_text("AUD 600.00")

    second.get_by_label("What is it for?").fill("Door repair, both hinges")
    with second.expect_response(lambda answer: answer.request.method == "POST") as answered:
        second.get_by_role("button", name="Save the draft").click()

    assert answered.value.status == 409
    expect(second.get_by_role("alert").first).to_contain_text("Somebody saved this draft in the meantime")
    expect(second.locator(".error-summary")).to_be_focused()
    expect(second.locator("#amount-error")).to_have_text("It is AUD 600.00 now.")
    expect(second.get_by_label("What is it for?")).to_have_value("Door repair, both hinges")
    expect(second.locator("#alerts")).to_be_empty()
    assert make.reload(draft).description == "Door repair"

    second.get_by_label("Amount", exact=True).fill("600.00")
    second.get_by_role("button", name="Save the draft").click()
    expect(second.locator(".page-head .amount")).to_have_text("AUD 600.00")
    assert make.reload(draft).description == "Door repair, both hinges"


def test_the_amount_of_a_draft_opened_elsewhere_can_no_longer_be_changed(make, member):
    draft = make.link(status=LinkStatus.DRAFT, amount_minor=560_00)
    merchant = member()
    editing, opening = merchant.go(f"/links/{draft.id}/edit"), merchant.open(f"/links/{draft.id}")
    opening.get_by_role("button", name="Open the link").click()
    expect(opening.locator("#link_live .badge").first).to_have_text("Open")

    editing.get_by_label("Amount", exact=True).fill("56.00")
    editing.get_by_role("button", name="Save the draft").click()

    expect(editing.locator("#alerts")).to_contain_text("This link was opened in the meantime")
    expect(editing.get_by_label("Amount", exact=True)).to_have_value("56.00")
    expect(editing.get_by_role("button", name="Save the draft")).to_be_enabled()
    assert make.reload(draft).amount_minor == 560_00


def test_the_preview_shows_what_will_be_read_not_what_is_typed(member):
    page = member().go("/links/new")
    amount, reference = page.locator("#preview_amount"), page.locator("#preview_reference")
    expect(amount).to_have_text("0.00")
    expect(reference).to_be_hidden()

    for typed, read in [
        ("1240", "1,240.00"), ("AUD 12.5", "12.50"), ("1.000", "–"), ("1,24", "–"), ("nine", "–"), ("", "0.00"),
    ]:  # fmt: skip
        page.get_by_label("Amount", exact=True).fill(typed)
        expect(amount).to_have_text(read)

    page.get_by_label("Amount", exact=True).fill("1240.50")
    page.get_by_label("Currency").select_option("JPY")
    expect(amount).to_have_text("–")
    page.get_by_label("Amount", exact=True).fill("0001240")
    expect(amount).to_have_text("1,240")
    page.get_by_label("Your reference").fill("Order 7")
    expect(reference).to_have_text("Order 7")
    page.get_by_label("Your reference").fill(" ")
    expect(reference).to_be_hidden()

    until = page.locator("#preview_expiry")
    for life in ("1 hour", "24 hours", "7 days", "30 days"):
        page.get_by_text(life, exact=True).click()
        expect(until).to_have_text(re.compile(r"^\d+ \w+ 20\d\d(,| at) \d\d:\d\d$"))
    page.get_by_text("No end", exact=True).click()
    expect(until).to_have_text("No end")
    page.get_by_text("On a day", exact=True).click()
    page.get_by_label("Last day and hour").fill("2027-12-24T18:00")
    expect(until).to_have_text("24 Dec 2027, 18:00")
