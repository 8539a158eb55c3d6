"""An accountant closes a period; money that still arrives for it moves nothing that was handed in."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.kit.clock import now

pytestmark = pytest.mark.browser


def test_a_closed_period_stays_as_it_was_while_late_money_is_booked_after_it(make, member):
    early, late = make.link(amount_minor=70_00, reference="INV-1"), make.link(amount_minor=30_00, reference="INV-2")
    make.settled(early, make.incoming_payment(early, occurred_at=now() - dt.timedelta(days=9)))
    through = (now() - dt.timedelta(days=4)).date().isoformat()
    accountant = member(Role.ACCOUNTANT)

    page = accountant.go("/ledger/closing")
    page.get_by_label("Closed through").fill(through)
    page.get_by_role("button", name="Look at what changes").click()
    expect(page.get_by_text("Balanced")).to_be_visible()
    page.get_by_label("Note").fill("BAS")
    page.get_by_role("button", name="Close through").click()
    expect(page.get_by_text("The books are closed through")).to_be_visible()
    make.settled(late, make.incoming_payment(late, occurred_at=now() - dt.timedelta(days=9)))

    assert make.reload(late).status == LinkStatus.PAID
    page = accountant.go(f"/ledger/trial-balance?at={through}")
    expect(page.get_by_text("Closed: these figures stay")).to_be_visible()
    expect(page.get_by_role("row", name="Total, AUD")).to_contain_text("70.00")
    page.get_by_role("row", name="4000").get_by_role("link").last.click()
    expect(page.get_by_text("INV-1")).to_be_visible()
    expect(page.get_by_text("INV-2")).to_be_hidden()
    page = accountant.go("/ledger/accounts/4000")
    page.get_by_role("row", name="INV-2").get_by_role("link").first.click()
    expect(page.get_by_text("so it is booked at the first open instant")).to_be_visible()
