"""Deciding about held money in the pages: journals first, once, told to who came second, with a second person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import transfer_claims
from tests.support.client import HtmlClient, Page
from tests.support.corrections import limited
from tests.support.crypto import apply, arrives, quoted, rated, receiving, stored
from tests.support.database import Observer, acting_as
from tests.support.factories import Make
from tests.support.hostile import MARKUP, planted

SignIn = Callable[..., HtmlClient]


@pytest.fixture
def late(make: Make) -> PaymentLink:
    """An expired link of AUD 120.50 whose money came too late."""
    link = make.link(status=LinkStatus.EXPIRED)
    make.settled(link)
    return link


def newest(observer: Observer, make: Make) -> Any:
    return observer.sql(
        "SELECT id, kind, state, version FROM payment_exceptions WHERE organization_id = :id ORDER BY id DESC LIMIT 1",
        id=make.merchant.organization_id,
    )[0].id


def question(client: HtmlClient, exception_id: Any, action: str, **more: Any) -> Page:
    return client.get("exceptions.decision", exception_id=exception_id, action=action, **more)


def words(page: Page) -> str:
    return " ".join(page.text.split())


def accounts(observer: Observer, link: PaymentLink) -> dict[str, int]:
    rows = observer.sql(
        "SELECT account_code, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) AS sum"
        " FROM ledger_entries WHERE organization_id = :id GROUP BY account_code",
        id=link.organization_id,
    )
    return {row.account_code: int(row.sum) for row in rows if row.sum}


def test_late_money_is_accepted_after_its_journals_were_shown(
    late: PaymentLink, make: Make, signed_in: SignIn, observer: Observer, client: HtmlClient
) -> None:
    member, exception_id = signed_in(Role.ACCOUNTANT), newest(observer, make)
    page = member.get("exceptions.show", exception_id=exception_id)
    assert page.element("decide_accepted").get("href", "").endswith("?action=ACCEPTED")
    assert "Send it back" in page.text

    asked = question(member, exception_id, "ACCEPTED")
    assert "1200 Accounts Receivable AUD 120.50" in words(asked)
    assert "2100 Customer Credits AUD 120.50" in words(asked)
    form = asked.form("decision_form")
    answers = [form.submit(reason="agreed by phone"), form.submit(reason="agreed by phone")]  # pressed twice

    assert [answer.status for answer in answers] == [303, 303]
    assert make.reload(late).status == LinkStatus.PAID
    assert accounts(observer, late) == {"1050": 120_50, "4000": -120_50}
    after = member.get("exceptions.show", exception_id=exception_id)
    assert "agreed by phone" in after.text
    assert "Resolved" in after.text
    assert "decide_accepted" not in after.source
    assert "Receipt" in client.get("pay.receipt", short_code=late.short_code).text


def test_who_comes_second_is_told_and_shown_what_is(
    late: PaymentLink, make: Make, signed_in: SignIn, observer: Observer
) -> None:
    exception_id = newest(observer, make)
    first, second = signed_in(Role.OWNER), signed_in(Role.ACCOUNTANT)
    theirs = question(second, exception_id, "KEPT").form("decision_form")
    question(first, exception_id, "ACCEPTED").form("decision_form").submit(reason="paid late")

    late_answer = theirs.submit()

    assert late_answer.status == 409
    assert "Somebody else has decided about this in the meantime." in late_answer.text
    assert "Accepted" in late_answer.text
    assert len(observer.sql("SELECT 1 FROM payment_resolutions WHERE exception_id = :id", id=exception_id)) == 1


def test_a_second_payment_is_used_for_another_link_that_is_searched_for(
    make: Make, signed_in: SignIn, observer: Observer
) -> None:
    make.exception(ExceptionKind.DOUBLE)
    other = make.link(amount_minor=100_00, description="Winter tyres", status=LinkStatus.EXPIRED)
    make.link(amount_minor=100_00, description="Winter coat", currency="USD")
    member, exception_id = signed_in(), newest(observer, make)

    assert "No open link fits" in question(member, exception_id, "APPLIED").text
    found = question(member, exception_id, "APPLIED", q="winter")
    assert "Winter tyres" in found.text
    assert "Winter coat" not in found.text
    asked = question(member, exception_id, "APPLIED", link_id=other.id)
    assert "AUD 20.50 stay the customer’s credit" in words(asked)
    asked.form("decision_form").submit(reason="as agreed")

    assert make.reload(other).status == LinkStatus.PAID
    page = member.get("exceptions.show", exception_id=exception_id)
    assert "AUD 100.00 for Winter tyres" in words(page)
    assert page.element("decide_applied") is not None


def test_money_in_suspense_is_matched_with_the_link_it_fits_and_settles_it(
    make: Make, signed_in: SignIn, observer: Observer
) -> None:
    account, link = receiving(make.merchant), make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    due = quoted(account, link)
    arrives(account, None, due)
    member, exception_id = signed_in(), newest(observer, make)

    choice = question(member, exception_id, "MATCHED")
    assert "token and amount fit its open price" in choice.text
    href = choice.element(f"link_{link.short_code}").get("href", "")
    asked = member.open("GET", href)
    for said in ("Reversal", "Money held for a customer", "Sale", "2190 Suspense", "4000 Revenue AUD 100.00"):
        assert said in words(asked)
    asked.form("decision_form").submit(reason="as agreed")

    assert make.reload(link).status == LinkStatus.PAID
    assert accounts(observer, link) == {"1052": 100_00, "4000": -100_00}


def test_a_transaction_reported_on_a_pay_page_names_its_link_where_the_amount_fits_several(
    make: Make, signed_in: SignIn, observer: Observer
) -> None:
    account, link, twin = receiving(make.merchant), make.link(amount_minor=100_00), make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    due = quoted(account, link)
    quoted(account, twin)
    money = stored(account, None, due)
    apply(money)
    member, exception_id = signed_in(), newest(observer, make)
    assert "Reported" not in question(member, exception_id, "MATCHED").text

    with acting_as("worker"), transaction(link.organization_id) as session:
        claim = transfer_claims.add(
            session, link.organization_id, link.id, network=money.network, transaction_id=money.transaction_id,
            source="CUSTOMER", now=now(),
        )  # fmt: skip
        transfer_claims.decide(session, claim, "ATTACHED", now=now(), transfer_id=money.id)

    choice = question(member, exception_id, "MATCHED").element(f"link_{link.short_code}")
    assert choice is not None
    shown = words(member.get("exceptions.show", exception_id=exception_id))
    assert f"{link.short_code} Its pay page reported the transaction; a person confirms." in shown
    assert "Reported" in question(member, exception_id, "MATCHED").text


def test_a_little_that_is_missing_is_let_be_missing_and_the_rest_can_be_asked_for(
    make: Make, signed_in: SignIn, observer: Observer
) -> None:
    account, link = receiving(make.merchant), make.link(amount_minor=100_00)
    arrives(account, link, quoted(account, link) * 992 // 1000)
    member, exception_id = signed_in(), newest(observer, make)

    page = member.get("exceptions.show", exception_id=exception_id)
    assert page.element("ask_for_the_rest").get("href", "").startswith("mailto:?subject=")
    asked = question(member, exception_id, "ACCEPTED")
    assert "AUD 0.81 are missing" in words(asked)
    assert "decision_form" not in asked.source
    asked = member.get(
        "exceptions.decision", exception_id=exception_id, **asked.form("write_off_form").values, write_off="1"
    )
    assert "6120 Small Differences AUD 0.81" in words(asked)
    asked.form("decision_form").submit(reason="as agreed")

    assert make.reload(link).status == LinkStatus.PAID


@pytest.mark.parametrize("action", ["IGNORED", "nonsense", ""])
def test_what_needs_a_reason_or_is_no_decision_changes_nothing(
    make: Make, signed_in: SignIn, observer: Observer, action: str
) -> None:
    account, link = receiving(make.merchant), make.link()
    quoted(account, link)
    arrives(account, link, 5, None)
    exception_id = newest(observer, make)

    member = signed_in()
    page = member.post("exceptions.decide", {"action": action, "version": "1"}, exception_id=exception_id)

    assert page.status == 422
    assert observer.sql("SELECT 1 FROM payment_resolutions WHERE exception_id = :id", id=exception_id) == []


def test_above_the_limit_another_member_says_yes_and_nobody_their_own(
    late: PaymentLink, make: Make, signed_in: SignIn, observer: Observer
) -> None:
    limited(late.organization_id, 100_00)
    exception_id = newest(observer, make)
    accountant, owner = signed_in(Role.ACCOUNTANT), signed_in(Role.OWNER)
    asked = question(accountant, exception_id, "ACCEPTED")
    assert "another member who may correct is asked first" in words(asked)
    assert list(asked.form("decision_form").submit().errors()) == ["reason"]
    form = asked.form("decision_form")
    assert [form.submit(reason="as agreed").status, form.submit(reason="as agreed").status] == [303, 303]

    assert make.reload(late).status == LinkStatus.EXPIRED
    (row,) = observer.sql("SELECT id FROM correction_requests WHERE exception_id = :id", id=exception_id)
    assert "asks you to approve it" in owner.get("dashboard.show").text
    assert "Approve a correction of AUD 120.50?" in owner.get("notifications.index").text
    assert "Waiting for a second person" in owner.get("exceptions.index").text
    again = question(owner, exception_id, "ACCEPTED").form("decision_form").submit(reason="me too")
    assert again.status == 409
    own = accountant.get("corrections.show", request_id=row.id)
    assert "approval_form" not in own.source
    assert accountant.post("corrections.approve", {"version": "1"}, request_id=row.id).status == 403

    theirs = owner.get("corrections.show", request_id=row.id)
    assert "4000 Revenue AUD 120.50" in words(theirs)
    assert theirs.form("approval_form").submit().status == 303

    assert make.reload(late).status == LinkStatus.PAID
    (decided,) = observer.sql(
        "SELECT actor_id, approved_by FROM payment_resolutions WHERE exception_id = :id", id=exception_id
    )
    assert decided.approved_by == make.merchant.owner.id != decided.actor_id
    assert "Your correction of AUD 120.50 was approved" in accountant.get("notifications.index").text
    assert theirs.form("approval_form").submit().status == 409


def test_a_request_is_declined_or_taken_back_and_one_that_is_no_longer_possible_says_so(
    late: PaymentLink, make: Make, signed_in: SignIn, observer: Observer
) -> None:
    limited(late.organization_id, 100_00)
    exception_id = newest(observer, make)
    accountant, owner = signed_in(Role.ACCOUNTANT), signed_in(Role.OWNER)

    def ask() -> Any:
        question(accountant, exception_id, "ACCEPTED").form("decision_form").submit(reason="as agreed")
        return observer.sql(
            "SELECT id FROM correction_requests WHERE exception_id = :id AND state = 'WAITING'", id=exception_id
        )[0].id

    first = ask()
    assert owner.get("corrections.show", request_id=first).form("rejection_form").submit().status == 303
    second = ask()
    assert owner.post("corrections.withdraw", request_id=second).status == 403
    assert accountant.get("corrections.show", request_id=second).form("withdrawal_form").submit().status == 303
    third = ask()
    page = owner.get("corrections.show", request_id=third)
    question(owner, exception_id, "KEPT").form("decision_form").submit()

    answer = page.form("approval_form").submit()

    assert answer.status == 409
    assert make.reload(late).status == LinkStatus.EXPIRED
    states = observer.sql(
        "SELECT state FROM correction_requests WHERE exception_id = :id ORDER BY created_at", id=exception_id
    )
    assert [row.state for row in states] == ["REJECTED", "WITHDRAWN", "WAITING"]


def test_comments_stay_text_and_an_exception_is_handed_over(
    late: PaymentLink, make: Make, signed_in: SignIn, observer: Observer
) -> None:
    member, exception_id = signed_in(Role.ACCOUNTANT), newest(observer, make)
    form = member.get("exceptions.show", exception_id=exception_id).form("comment_form")
    assert list(form.submit(body="  ").errors()) == ["body"]
    for _ in range(2):
        form.submit(body=MARKUP[0])
    accountant = observer.sql(
        "SELECT user_id FROM memberships WHERE organization_id = :id AND role = 'ACCOUNTANT'", id=late.organization_id
    )[0].user_id
    member.get("exceptions.show", exception_id=exception_id).form("assignment_form").submit(to=str(accountant))

    page = member.get("exceptions.show", exception_id=exception_id)

    assert planted(page.root) == []
    assert page.text.count(MARKUP[0]) == 1
    assert "Accountant Vale works on it" in page.text
    mine, nobodys = member.get("exceptions.index", whose="me"), member.get("exceptions.index", whose="nobody")
    assert late.description in mine.text
    assert "Nothing fits" in nobodys.text
    stranger = make.user()
    refused = member.post("exceptions.assign", {"to": str(stranger.id)}, exception_id=exception_id)
    assert refused.status == 422


def test_the_inbox_is_filtered_and_searched(make: Make, signed_in: SignIn, observer: Observer) -> None:
    double, late = make.exception(ExceptionKind.DOUBLE), make.exception(ExceptionKind.LATE)
    reference = observer.sql(
        "SELECT p.provider_reference FROM payments p JOIN payment_exceptions x ON x.payment_id = p.id"
        " WHERE x.link_id = :id",
        id=late.id,
    )[0].provider_reference
    member = signed_in()

    def listed(**asked: str) -> set[str]:
        page = member.get("exceptions.index", **asked)
        return {link.short_code for link in (double, late) if link.short_code in page.source}

    both = {double.short_code, late.short_code}
    assert listed() == listed(currency="AUD") == listed(state="all") == listed(kind="nonsense") == both
    assert listed(kind="LATE") == listed(q=late.short_code.lower()) == listed(q=reference) == {late.short_code}
    assert listed(state="resolved") == listed(currency="USD") == listed(age="1") == set()
    assert listed(q="0.0.1@2.3") == set()
    counted = member.fragment("exceptions_count", "exceptions.count")
    assert "2" in counted.text


def test_money_with_a_hostile_memo_is_shown_as_text(make: Make, signed_in: SignIn, observer: Observer) -> None:
    account = receiving(make.merchant)
    rated("USDC", "AUD", "1.50")
    arrives(account, None, 10_000_000, memo='"><img src=x onerror=alert(1)>')
    member, exception_id = signed_in(), newest(observer, make)

    for page in (
        member.get("exceptions.show", exception_id=exception_id),
        question(member, exception_id, "OWN_TRANSFER"),
        question(member, exception_id, "MATCHED", q="<script>"),
    ):
        assert page.status == 200
        assert planted(page.root) == []
