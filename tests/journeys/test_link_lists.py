"""A list of links under somebody's hands: searched while typing, sorted, chosen, canceled together, taken along."""

import csv
import io
import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from tests.journeys.axe import violations

pytestmark = pytest.mark.browser


def test_links_are_searched_sorted_chosen_and_canceled_together(make, member):
    for number in range(3):
        make.link(description=f"Oak bench {number}", amount_minor=100_00 * (number + 1))
    make.link(description="Elm stool")
    make.link(status=LinkStatus.PAID, description="Oak table")
    merchant = member()
    page = merchant.go("/links")

    page.get_by_label("Search for words").fill("oak")
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page).to_have_url(re.compile(r"q=oak"))
    page.get_by_label("Order").select_option("Largest amount first")
    expect(page.locator("tbody .main").first).to_have_text("Oak bench 2")
    page.reload()
    expect(page.get_by_label("Search for words")).to_have_value("oak")
    expect(page.locator("tbody .main").first).to_have_text("Oak bench 2")

    bar = page.get_by_role("group", name="For the chosen links")
    expect(bar).to_be_hidden()
    page.get_by_label("Choose Oak bench 1").check()
    expect(bar).to_contain_text("1 chosen")
    expect(page.get_by_label("Choose all")).to_have_js_property("indeterminate", True)
    page.get_by_label("Choose all").check()
    expect(bar).to_contain_text("3 chosen")
    page.get_by_label("Choose Oak bench 2").uncheck()
    assert violations(page) == []
    bar.get_by_role("button", name="Cancel them").click()
    page.get_by_role("button", name="Cancel 2 links").click()
    expect(page.get_by_text("2 links are canceled")).to_be_visible()

    page.get_by_role("link", name="Back to the list").first.click()
    expect(page.locator("tbody .badge[data-status=CANCELED]")).to_have_count(2)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text(encoding="utf-8-sig"), newline="")))
    assert [row["description"] for row in rows] == ["Oak bench 2", "Oak bench 1", "Oak table", "Oak bench 0"]
    assert taken.value.suggested_filename.startswith("links Vale Bicycles 20")
