"""Notifications: each member's own, read when they say so."""

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from tests.support import html


def test_nothing_yet_says_what_will_come(signed_in):
    assert "We write here when a link is paid" in signed_in().get("notifications.index").text


def test_a_paid_link_and_money_that_waits_are_told_with_their_addresses(make, signed_in):
    client = signed_in()
    make.exception()

    page = client.get("notifications.index")
    rows = [html.text_of(one) for one in page.element("notifications_list").iter("li")]
    links = [one.get("href") for one in page.element("notifications_list").iter("a")]

    assert rows[0].startswith("AUD 120.50 needs you")
    assert "The link was paid already." in rows[0]
    assert rows[1].startswith("AUD 120.50 received")
    assert [client.open("GET", one).status for one in links] == [200, 200]


def test_reading_is_each_members_own(make, signed_in):
    owner, viewer = signed_in(Role.OWNER), signed_in(Role.VIEWER)
    make.link(status=LinkStatus.PAID)

    answer = owner.get("notifications.index").form("/notifications/readings").submit()

    assert (answer.status, answer.location) == (303, "/notifications")
    assert "Notifications 1 new" not in owner.get("notifications.index").text
    assert "Notifications 1 new" in viewer.get("notifications.index").text


def test_htmx_gets_the_list_back_as_it_is_now(make, signed_in):
    client = signed_in()
    make.link(status=LinkStatus.PAID)

    page = client.open(
        "POST", "/notifications/readings", target="notifications_list", headers={"X-CSRFToken": client.token()}
    )

    assert page.status == 200
    assert "New" not in html.text_of(page.root)
    assert page.all("form") == []


def test_who_joined_later_was_not_told(make, signed_in):
    make.link(status=LinkStatus.PAID)

    assert "We write here" in signed_in(Role.ACCOUNTANT).get("notifications.index").text
