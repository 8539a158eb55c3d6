"""Refunds in the merchant's pages: asked with their journal, sent once, approved by those who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.flows.stripe_payment import start_checkout
from provvypay.models.payment_link import PaymentLink
from tests.support.client import HtmlClient
from tests.support.database import Observer, acting_as
from tests.support.factories import Make
from tests.support.html import text_of
from tests.support.sandbox import SandboxControl

SignIn = Callable[..., HtmlClient]


@pytest.fixture
def paid(make: Make, sandbox: SandboxControl, run_jobs: Callable[[], int]) -> PaymentLink:
    """A link of AUD 120.50 that was paid by card."""
    link = make.link(amount_minor=120_50, currency="AUD")
    sandbox.pay(start_checkout(link.short_code))
    arrive(sandbox, run_jobs)
    return link


def arrive(sandbox: SandboxControl, run_jobs: Callable[[], int]) -> None:
    sandbox.drain()
    with acting_as("worker"):
        run_jobs()


def refunds_of(observer: Observer, link: PaymentLink) -> list[tuple[str, int]]:
    rows = observer.sql("SELECT state, amount_minor FROM refunds WHERE link_id = :id ORDER BY created_at", id=link.id)
    return [(str(state), int(amount)) for state, amount in rows]


def test_a_part_is_refunded_after_its_journal_was_shown(
    paid: PaymentLink, signed_in: SignIn, observer: Observer, client: HtmlClient
) -> None:
    member = signed_in()
    assert member.get("links.show", link_id=paid.id).element("refund").get("href", "").endswith("/refunds")
    form = member.get("refunds.index", link_id=paid.id).form("refund_form")

    question = form.submit(how_much="part", amount="20.50", note="One wheel came back")

    assert question.status == 200
    assert refunds_of(observer, paid) == []
    journal = " ".join(question.text.split())
    assert "4090 Refunds AUD 20.50" in journal
    assert "1050 Stripe Clearing AUD 20.50" in journal
    assert "After it AUD 100.00 can still be refunded." in journal
    confirmation = question.form("refund_confirmation")
    answers = [confirmation.submit(), confirmation.submit()]  # the button is pressed twice
    assert [answer.status for answer in answers] == [303, 303]
    assert refunds_of(observer, paid) == [("SUCCEEDED", 20_50)]
    page = member.get("refunds.index", link_id=paid.id)
    assert "AUD 20.50 is refunded." in page.text
    assert "One wheel came back" in page.text
    assert "AUD 100.00" in text_of(page.element("refund_form"))
    overview = member.fragment("link_live", "links.show", link_id=paid.id)
    assert "Partly refunded" in overview.text
    assert "Refund booked" in overview.text
    assert "Partly refunded" in member.get("links.index").text
    receipt = client.get("pay.receipt", short_code=paid.short_code)
    assert "Refunded AUD 20.50" in " ".join(receipt.text.split())


def test_who_saw_another_amount_is_shown_the_new_one_and_nothing_is_sent(
    paid: PaymentLink, signed_in: SignIn, observer: Observer
) -> None:
    member = signed_in()
    form = member.get("refunds.index", link_id=paid.id).form("refund_form")
    question = form.submit(how_much="all")
    other = member.get("refunds.index", link_id=paid.id).form("refund_form").submit(how_much="part", amount="100")
    assert other.form("refund_confirmation").submit().status == 303

    late = question.form("refund_confirmation").submit()

    assert late.status == 409
    assert "AUD 20.50 can be refunded now. Nothing was refunded." in late.text
    assert late.form("refund_form").values["seen"] == "2050"
    assert refunds_of(observer, paid) == [("SUCCEEDED", 100_00)]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"how_much": "part", "amount": "120.51"}, "amount"),
        ({"how_much": "part", "amount": "0"}, "amount"),
        ({"how_much": "part", "amount": "1.000"}, "amount"),
        ({"how_much": "part", "amount": ""}, "amount"),
        ({"how_much": "half"}, "how_much"),
        ({"how_much": "all", "reason": "whim"}, "reason"),
    ],
)
def test_what_cannot_be_refunded_is_said_beside_its_field(
    paid: PaymentLink, signed_in: SignIn, observer: Observer, typed: dict[str, Any], field: str
) -> None:
    page = signed_in().get("refunds.index", link_id=paid.id).form("refund_form").submit(**typed, confirmed="yes")

    assert page.status == 422
    assert list(page.errors()) == [field]
    assert refunds_of(observer, paid) == []


def test_an_operator_asks_and_an_accountant_approves(
    paid: PaymentLink, signed_in: SignIn, observer: Observer, make: Make
) -> None:
    operator, accountant = signed_in(Role.OPERATOR), signed_in(Role.ACCOUNTANT)
    question = operator.get("refunds.index", link_id=paid.id).form("refund_form").submit(how_much="part", amount="5")

    question.form("refund_confirmation").submit()

    assert refunds_of(observer, paid) == [("CREATED", 5_00)]
    assert "Approve and refund" not in operator.get("refunds.index", link_id=paid.id).text
    assert "Approve a refund of AUD 5.00?" in accountant.get("notifications.index").text
    assert "Somebody asked to refund it." in accountant.get("dashboard.show").text
    page = accountant.get("refunds.index", link_id=paid.id)
    approval = next(str(form.get("action")) for form in page.all("form") if "approval" in str(form.get("action")))
    assert operator.open("POST", approval, data={"csrf_token": operator.token()}).status == 403
    assert page.form(approval).submit().status == 303
    assert refunds_of(observer, paid) == [("SUCCEEDED", 5_00)]
    assert page.form(approval).submit().status == 409


def test_above_the_limit_somebody_else_says_yes(
    paid: PaymentLink, signed_in: SignIn, observer: Observer, make: Make
) -> None:
    observer.sql(
        "UPDATE merchant_settings SET approval_limit_minor = 2000 WHERE organization_id = :id", id=paid.organization_id
    )
    owner = signed_in()
    form = owner.get("refunds.index", link_id=paid.id).form("refund_form")
    form.submit(how_much="part", amount="20").form("refund_confirmation").submit()
    assert refunds_of(observer, paid) == [("SUCCEEDED", 20_00)]

    question = owner.get("refunds.index", link_id=paid.id).form("refund_form").submit(how_much="part", amount="20.01")
    assert "Ask for approval" in question.text
    question.form("refund_confirmation").submit()

    own = owner.get("refunds.index", link_id=paid.id)
    assert "Approve and refund" not in own.text
    assert refunds_of(observer, paid)[1] == ("CREATED", 20_01)
    page = signed_in(Role.ADMIN).get("refunds.index", link_id=paid.id)
    approval = next(str(form.get("action")) for form in page.all("form") if "approval" in str(form.get("action")))
    assert owner.open("POST", approval, data={"csrf_token": owner.token()}).status == 403
    page.form(approval).submit()
    assert refunds_of(observer, paid)[1] == ("SUCCEEDED", 20_01)


def test_a_refund_that_waits_can_be_taken_back_by_who_asked(
    paid: PaymentLink, signed_in: SignIn, observer: Observer
) -> None:
    operator = signed_in(Role.OPERATOR)
    question = operator.get("refunds.index", link_id=paid.id).form("refund_form").submit(how_much="all")
    question.form("refund_confirmation").submit()
    page = operator.get("refunds.index", link_id=paid.id)
    assert "Nothing is left to refund" in page.text

    withdrawal = next(str(form.get("action")) for form in page.all("form") if "withdrawal" in str(form.get("action")))
    assert page.form(withdrawal).submit().status == 303

    assert refunds_of(observer, paid) == [("CANCELED", 120_50)]
    assert operator.get("refunds.index", link_id=paid.id).form("refund_form").values["seen"] == "12050"


def test_a_viewer_sees_what_went_back_and_no_form(paid: PaymentLink, signed_in: SignIn) -> None:
    page = signed_in(Role.VIEWER).get("refunds.index", link_id=paid.id)

    assert page.status == 200
    assert "Your role does not allow asking for one." in page.text
    assert "refund" not in {str(link.get("id")) for link in page.all("a")}


def test_a_dispute_is_shown_and_stops_refunds(
    paid: PaymentLink, signed_in: SignIn, sandbox: SandboxControl, run_jobs: Callable[[], int], observer: Observer
) -> None:
    intent = observer.sql("SELECT provider_reference FROM payments WHERE link_id = :id", id=paid.id)[0][0]
    form = signed_in().get("refunds.index", link_id=paid.id).form("refund_form")
    sandbox.post(f"/stripe/charges/{intent}/disputes", reason="product_not_received")
    arrive(sandbox, run_jobs)
    member = signed_in()

    link = member.get("links.show", link_id=paid.id)
    assert "Disputed" in link.text
    assert "The customer says they did not receive it." in link.text
    assert "refund" not in {str(one.get("id")) for one in link.all("a")}
    assert "This payment is disputed" in member.get("refunds.index", link_id=paid.id).text
    assert "is disputed" in member.get("notifications.index").text
    assert "wants an answer by" in member.get("dashboard.show").text
    assert form.submit(how_much="all", confirmed="yes").status == 409
    assert refunds_of(observer, paid) == []


def test_a_refund_stripe_does_not_answer_stays_on_its_way(
    paid: PaymentLink, signed_in: SignIn, sandbox: SandboxControl, observer: Observer
) -> None:
    sandbox.fault(vendor="stripe", kind="error", status=503, pattern="/v1/refunds", method="POST")
    form = signed_in().get("refunds.index", link_id=paid.id).form("refund_form")

    form.submit(how_much="all").form("refund_confirmation").submit()

    page = signed_in().get("refunds.index", link_id=paid.id)
    assert refunds_of(observer, paid) == [("SUBMITTED", 120_50)]
    assert "The refund of AUD 120.50 is on its way." in page.text or "On its way" in page.text
    assert "Stripe has not answered yet" in page.text


def test_a_link_nobody_paid_has_nothing_to_refund(make: Make, signed_in: SignIn) -> None:
    link = make.link()

    page = signed_in().get("refunds.index", link_id=link.id)

    assert "Nothing was paid" in page.text
    assert "refund" not in {str(one.get("id")) for one in signed_in().get("links.show", link_id=link.id).all("a")}
