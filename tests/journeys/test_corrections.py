"""Money that needs a person, decided in a browser; and money that came another way. The books are clean after each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.statuses import LinkStatus
from tests.support.crypto import arrives, quoted, rated, receiving

pytestmark = pytest.mark.browser


def test_a_late_payment_is_accepted_while_its_customer_looks(make, member, visit):
    link = make.link(status=LinkStatus.EXPIRED)
    make.settled(link)
    customer = visit(phone=True)
    customer.go(f"/p/{link.short_code}")
    page = member().go("/exceptions")
    expect(page.locator("#exceptions_count")).to_contain_text("1")

    page.get_by_role("link", name=link.description).click()
    page.get_by_role("link", name=re.compile("^Accept it and mark the link as paid")).click()
    expect(page.locator(".journal.preview")).to_have_count(2)
    page.get_by_label("Why").fill("agreed by phone")
    page.get_by_role("button", name="Accept and mark as paid").click()

    expect(page.locator("#link_live .badge").first).to_have_text("Paid")
    expect(page.locator("#link_live")).to_contain_text("agreed by phone")
    customer.go(f"/p/{link.short_code}")
    expect(customer.page.locator(".stamp")).to_be_visible()


def test_money_in_suspense_is_matched_with_the_link_it_fits(make, member):
    account, link = receiving(make.merchant), make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    arrives(account, None, quoted(account, link))
    page = member(phone=True).go("/exceptions")

    page.get_by_role("link", name="Money without a link").click()
    page.get_by_role("link", name=re.compile("^It is for one of your links")).click()
    page.locator(f"#link_{link.short_code}").click()
    expect(page.locator(".journal.preview")).to_have_count(4)
    page.get_by_label("Why").fill("the only open quote like it")
    page.get_by_role("button", name="Match it with this link").click()

    expect(page.locator("#link_live .badge").first).to_have_text("Paid")


def test_a_link_is_marked_as_paid_and_that_undone_without_scripts(make, member):
    link = make.link(amount_minor=240_00)
    page = member(scripts=False).go(f"/links/{link.id}")

    page.get_by_role("link", name="Mark as paid").click()
    page.get_by_label("Reference").fill("INV-2032")
    page.get_by_label("Why").fill("seen on the statement")
    page.get_by_role("button", name="Mark as paid").click()
    expect(page.locator("#link_live .badge").nth(1)).to_have_text("Marked by hand")

    page.get_by_role("link", name="Undo the mark").click()
    expect(page.locator(".journal.preview")).to_have_count(2)
    page.get_by_label("Why").fill("another customer’s money")
    page.get_by_role("button", name="Undo the mark").click()
    expect(page.locator("#link_live .badge").first).to_have_text("Open")
