"""Links marked as paid by hand in the merchant's pages, and that undone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.kit.clock import now
from tests.support.client import HtmlClient
from tests.support.corrections import limited
from tests.support.database import Observer
from tests.support.factories import Make

SignIn = Callable[..., HtmlClient]
TYPED = {"method": "BANK_TRANSFER", "reference": "INV-2032", "reason": "seen on the statement"}


def test_case_85_a_link_is_marked_as_paid_and_that_is_said_everywhere(
    make: Make, signed_in: SignIn, observer: Observer, client: HtmlClient
) -> None:
    link = make.link(amount_minor=240_00)
    member = signed_in(Role.ACCOUNTANT)
    assert member.get("links.show", link_id=link.id).element("mark") is not None
    page = member.get("corrections.mark", link_id=link.id)
    assert "1000 Bank AUD 240.00" in " ".join(page.text.split())
    form = page.form("mark_form")

    answers = [form.submit(**TYPED), form.submit(**TYPED)]  # the button is pressed twice

    assert [answer.status for answer in answers] == [303, 303]
    assert make.reload(link).status == LinkStatus.PAID
    assert len(observer.sql("SELECT 1 FROM payments WHERE link_id = :id", id=link.id)) == 1
    for shown in (member.get("links.show", link_id=link.id), member.get("links.index")):
        assert "Marked by hand" in shown.text
    assert "seen on the statement" in member.get("links.show", link_id=link.id).text
    assert "Receipt" in client.get("pay.receipt", short_code=link.short_code).text

    undone = member.get("corrections.undo", link_id=link.id).form("undo_form")
    assert list(undone.submit(reason="").errors()) == ["reason"]
    assert undone.submit(reason="the wrong customer").status == 303

    assert make.reload(link).status == LinkStatus.OPEN
    assert undone.submit(reason="the wrong customer").status == 409
    assert "Marked by hand" not in member.get("links.index").text
    assert "Mark as paid taken back" in member.get("links.show", link_id=link.id).text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"method": "GOLD"}, "method"),
        ({"reference": ""}, "reference"),
        ({"reason": ""}, "reason"),
        ({"paid_on": "2026-02-30"}, "paid_on"),
        ({"paid_on": (now() + dt.timedelta(days=2)).date().isoformat()}, "paid_on"),
        ({"paid_on": "1999-12-31"}, "paid_on"),
    ],
)
def test_what_is_missing_of_a_mark_is_said_beside_its_field(
    make: Make, signed_in: SignIn, typed: dict[str, Any], field: str
) -> None:
    link = make.link()

    page = signed_in().get("corrections.mark", link_id=link.id).form("mark_form").submit(**{**TYPED, **typed})

    assert page.status == 422
    assert list(page.errors()) == [field]
    assert make.reload(link).status == LinkStatus.OPEN


def test_a_link_that_was_paid_meanwhile_is_not_marked(make: Make, signed_in: SignIn) -> None:
    link = make.link()
    form = signed_in().get("corrections.mark", link_id=link.id).form("mark_form")
    make.settled(link)

    answer = form.submit(**TYPED)

    assert answer.status == 409
    assert "This link is paid: it cannot be marked as paid." in answer.text


def test_marks_and_their_undoing_wait_for_a_second_person_above_the_limit(
    make: Make, signed_in: SignIn, observer: Observer
) -> None:
    link = make.link(amount_minor=240_00)
    limited(link.organization_id, 0)
    accountant, owner = signed_in(Role.ACCOUNTANT), signed_in(Role.OWNER)
    paid_on = (now() - dt.timedelta(days=9)).date().isoformat()

    accountant.get("corrections.mark", link_id=link.id).form("mark_form").submit(**TYPED, paid_on=paid_on)
    assert make.reload(link).status == LinkStatus.OPEN
    page = owner.get("links.show", link_id=link.id)
    assert "waits for a second person" in page.text
    approval = owner.open("GET", page.element("correction").get("href", "")).form("approval_form")
    assert approval.submit().status == 303
    assert make.reload(link).status == LinkStatus.PAID

    owner.get("corrections.undo", link_id=link.id).form("undo_form").submit(reason="bounced")
    page = accountant.get("links.show", link_id=link.id)
    accountant.open("GET", page.element("correction").get("href", "")).form("approval_form").submit()

    assert make.reload(link).status == LinkStatus.OPEN
    actions = observer.sql(
        "SELECT action FROM audit_logs WHERE organization_id = :id AND action ~ 'correction|mark' ORDER BY id",
        id=link.organization_id,
    )
    assert [row.action for row in actions] == [
        "correction.requested", "link.marked_paid", "correction.approved",
        "correction.requested", "link.mark_undone", "correction.approved",
    ]  # fmt: skip


def test_case_89_a_member_removed_mid_session_marks_nothing(make: Make, new_client: Any, observer: Observer) -> None:
    link, person = make.link(), make.member(Role.ACCOUNTANT)
    client = new_client().hold(make.session_token(person, make.merchant))
    form = client.get("corrections.mark", link_id=link.id).form("mark_form")
    observer.sql("DELETE FROM memberships WHERE user_id = :user", user=person.id)

    answer = form.submit(**TYPED)

    assert answer.status == 403
    assert make.reload(link).status == LinkStatus.OPEN


def test_the_limit_is_set_on_the_organizations_page(make: Make, signed_in: SignIn, observer: Observer) -> None:
    owner = signed_in()
    form = owner.get("settings.organization").form("organization_form")

    assert list(form.submit(approval_limit="many").errors()) == ["approval_limit"]
    assert form.submit(approval_limit="1,000.00").status == 303

    shown = owner.get("settings.organization").form("organization_form")
    assert shown.values["approval_limit"] == "1000.00"
    shown.submit(approval_limit="")
    rows = observer.sql(
        "SELECT approval_limit_minor FROM merchant_settings WHERE organization_id = :id",
        id=make.merchant.organization_id,
    )
    assert rows[0].approval_limit_minor is None
