"""The dashboard: figures by currency, what needs a person, what happened, and the way to the first payment."""

import datetime as dt

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.kit.clock import now
from tests.support import html
from tests.support.tokens import takes_tokens


def figures(page) -> dict[str, tuple[str, str]]:
    """Return label → (amount or count, hint)."""
    found = {}
    for figure in page.all("div", class_="figure"):
        parts = [html.text_of(part) for part in figure]
        found[parts[0]] = (parts[1], parts[2])
    return found


def test_a_new_organization_is_led_to_its_first_payment(signed_in):
    page = signed_in().get("dashboard.show")

    assert "Your first payment 1 of 6 done" in page.text
    assert figures(page) == {
        "Outstanding": ("AUD 0.00", "0 open links"),
        "Received in 30 days": ("AUD 0.00", "0 payments"),
        "Fees in 30 days": ("AUD 0.00", "0 payments"),
        "Exceptions": ("0", "none open"),
    }


def test_each_step_towards_the_first_payment_is_ticked_off(make, signed_in, observer):
    client = signed_in()
    assert "1 of 6 done" in client.get("dashboard.show").text

    client.get("settings.organization").form("organization_form").submit(support_email="help@vale.example")
    assert "2 of 6 done" in client.get("dashboard.show").text

    make.link(status=LinkStatus.DRAFT)
    assert "3 of 6 done" in client.get("dashboard.show").text

    link = make.link()
    assert "4 of 6 done" in client.get("dashboard.show").text

    takes_tokens(observer, make.merchant)
    assert "5 of 6 done" in client.get("dashboard.show").text

    make.settled(link)
    assert "Your first payment" not in client.get("dashboard.show").text


def test_figures_never_add_currencies(make, signed_in):
    make.link(amount_minor=100_00)
    make.link(amount_minor=50_00, currency="EUR")
    make.link(status=LinkStatus.PAID, amount_minor=70_00)
    make.link(status=LinkStatus.PAID, amount_minor=3000, currency="JPY")

    found = figures(signed_in().get("dashboard.show"))

    assert found["Outstanding"] == ("AUD 100.00", "1 open link · and EUR 50.00")
    assert found["Received in 30 days"] == ("AUD 70.00", "1 payment · and JPY 3,000")


def test_what_arrived_long_ago_is_no_longer_counted(make, signed_in):
    link = make.link()
    make.settled(link, make.incoming_payment(link, occurred_at=now() - dt.timedelta(days=31)))

    assert figures(signed_in().get("dashboard.show"))["Received in 30 days"] == ("AUD 0.00", "0 payments")


@pytest.mark.parametrize(
    ("kind", "badge", "sentence"),
    [
        (ExceptionKind.DOUBLE, "Paid twice", "The link was paid already."),
        (ExceptionKind.LATE, "Late", "It arrived after the link had ended."),
        (ExceptionKind.MISMATCH, "Amount differs", "The amount is not the link’s."),
    ],
)
def test_money_that_could_not_settle_needs_a_person(kind, badge, sentence, make, signed_in):
    make.exception(kind)

    page = signed_in().get("dashboard.show")

    assert figures(page)["Exceptions"] == ("1", "waiting for you")
    assert sentence in page.text
    assert badge in page.text


def test_what_happened_stands_there_newest_first(make, signed_in):
    make.link(status=LinkStatus.EXPIRED, description="Old bicycle")
    make.link(status=LinkStatus.PAID, description="Blue bicycle")
    make.link(status=LinkStatus.CANCELED, description="Green bicycle")
    make.link(status=LinkStatus.DRAFT, description="Secret bicycle")

    page = signed_in().get("dashboard.show")
    section = next(one for one in page.all("section") if one.get("aria-labelledby") == "activity")
    lines = [html.text_of(one) for one in section.iter("li")]

    assert lines[0].startswith("Link canceled Green bicycle · AUD 120.50")
    assert any(line.startswith("Paid Blue bicycle") for line in lines)
    assert any(line.startswith("Link expired Old bicycle") for line in lines)
    assert not any("Secret" in line for line in lines)


def test_a_viewer_is_not_offered_to_make_links(signed_in):
    page = signed_in(Role.VIEWER).get("dashboard.show")

    assert "/links/new" not in [one.get("href") for one in page.all("header")[0].iter("a")]
    assert "New payment link" not in page.text


def test_the_navigation_counts_what_waits(make, signed_in):
    make.exception()

    page = signed_in().get("dashboard.show")
    nav = page.element("navigation")

    # the sale and the second payment each told the owner
    assert "Exceptions 1 open" in html.text_of(nav)
    assert "Notifications 2 new" in html.text_of(nav)


def test_texts_of_a_merchant_are_texts(make, signed_in):
    make.link(description='<img src=x onerror=alert(1)>"><div hx-post="/settings">')
    make.exception()

    page = signed_in().get("dashboard.show")

    assert "<img src=x onerror=alert(1)>" in page.text
