"""Cases 70, 71 and 75 to 78 of money that goes back in tokens or by hand, each by its number.

The merchant pays from a wallet of their own: docs/explanation/refunds-and-disputes.md, "A refund in tokens".
"""

from __future__ import annotations

import uuid

import pytest

from provvypay.domain.rates import RateTable
from provvypay.domain.roles import Role
from provvypay.domain.statuses import RateChoice
from provvypay.errors import Conflict, Forbidden, Invalid
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.models.refund import Refund
from provvypay.services import refunds, token_refunds
from provvypay.services.corrections import marks
from provvypay.services.refunds import AvailableChanged, NotRefundable, RefundWish
from tests.flows.conftest import Books
from tests.support.crypto_books import DUE, HBAR, held
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.hedera import CUSTOMER, Ledger, prices_are
from tests.support.sandbox import SandboxControl
from tests.support.token_refunds import ask, returnable, send, state


@pytest.fixture
def paid(ledger: Ledger, link: PaymentLink, quoted: int, books: Books) -> PaymentLink:
    """A link that was paid in HBAR."""
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()
    assert books.status == "PAID"
    return link


def test_case_70_partial_refunds_in_tokens_until_nothing_is_left(
    paid: PaymentLink, ledger: Ledger, books: Books, make: Make
) -> None:
    for amount in (50_00, 70_00, 50):
        refund = ask(paid, make, amount)
        assert (refund.state, refund.recipient, refund.asset) == ("SUBMITTED", CUSTOMER, "HBAR")
        send(ledger, refund)
        assert state(refund).state == "SUCCEEDED"
    with pytest.raises(NotRefundable):
        ask(paid, make, 1)

    assert books.balances == {"AUD": {"4000": -DUE, "4090": DUE}}
    assert ledger.in_the_books == {}, "the last tokens take all that is left"
    assert books.status == "PAID"


def test_case_71_of_ten_who_ask_at_once_only_so_many_are_heard_as_there_is_money(
    paid: PaymentLink, ledger: Ledger, observer: Observer, make: Make
) -> None:
    with pytest.raises(AvailableChanged):
        ask(paid, make, 10_00, seen=DUE - 1)

    make.merchant.actor  # noqa: B018 - the merchant is made once, by one thread
    outcomes = together(10, lambda _: ask(paid, make, 50_00, seen=DUE))

    assert sum(not isinstance(one, BaseException) for one in outcomes) == 1
    assert all(isinstance(one, AvailableChanged) for one in outcomes if isinstance(one, BaseException))
    assert returnable(paid).available_minor == DUE - 50_00


def test_case_71_a_refund_in_tokens_can_be_called_off_while_nothing_was_sent(
    paid: PaymentLink, ledger: Ledger, books: Books, make: Make
) -> None:
    waits = ask(paid, make, DUE, role=Role.OPERATOR)
    assert waits.state == "CREATED"
    with acting_as("web"):
        stranger = make.member(Role.OPERATOR).actor
    with acting_as("web"), transaction(paid.organization_id) as session:
        refund = refunds.approve(session, waits.id, actor=make.merchant.actor, now=now())
    assert refund.state == "SUBMITTED"
    with transaction(paid.organization_id) as session:
        with pytest.raises(Forbidden):
            token_refunds.call_off(session, refund.id, actor=stranger, may_approve=False, now=now())
        token_refunds.call_off(session, refund.id, actor=stranger, may_approve=True, now=now())
    with transaction(paid.organization_id) as session, pytest.raises(Conflict):
        token_refunds.call_off(session, refund.id, actor=stranger, may_approve=True, now=now())

    assert returnable(paid).available_minor == DUE
    send(ledger, refund)
    ledger.sweep()
    assert state(refund).state == "CANCELED", "what was called off stays so; that it was sent needs a person"
    assert books.exceptions == ["REFUND_MISMATCH"]
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}


def test_case_75_a_refund_of_a_marked_link_is_written_down_and_sent_to_nobody(
    link: PaymentLink, books: Books, make: Make, sandbox: SandboxControl
) -> None:
    owner = make.merchant.actor
    made = marks.Mark(uuid.uuid4(), link.id, "BANK_TRANSFER", now(), "2026-11", "seen on the statement", owner)
    with acting_as("web"), transaction(link.organization_id) as session:
        marks.mark_paid(session, link.organization_id, made, RateTable(), now=now())
    found = returnable(link)
    sent_before = len(sandbox.get("/stripe/books")["refunds"])

    def ask_for(amount: int, *, may_approve: bool = True) -> Refund:
        seen = returnable(link).available_minor
        with acting_as("web"), transaction(link.organization_id) as session:
            return refunds.request(
                session, link.organization_id, RefundWish(uuid7(), found.payment_id, amount, seen),
                actor=owner, may_approve=may_approve, now=now(),
            )  # fmt: skip

    assert ask_for(20_50).state == "SUCCEEDED"
    waits = ask_for(100_00, may_approve=False)
    assert waits.state == "CREATED"
    with pytest.raises(NotRefundable):
        ask_for(1)
    with acting_as("web"), transaction(link.organization_id) as session:
        assert refunds.approve(session, waits.id, actor=owner, now=now()).state == "SUCCEEDED"
    with (
        pytest.raises(marks.NotMarkable, match="given back"),
        acting_as("web"),
        transaction(link.organization_id) as session,
    ):
        marks.undo(session, link.organization_id, link.id, actor=owner, reason="x", now=now())

    assert books.balances == {"AUD": {"4000": -DUE, "4090": DUE}}
    assert books.events.count("refund.recorded") == 2
    assert len(sandbox.get("/stripe/books")["refunds"]) == sent_before


def test_case_76_a_refund_of_a_surplus_uses_the_credit_and_leaves_revenue_alone(
    ledger: Ledger, link: PaymentLink, quoted: int, books: Books, make: Make, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted + HBAR // 10, memo=link.short_code)
    ledger.watch()
    assert held(observer, link) == [("OVER", 12_05, "2100")]
    with pytest.raises(Invalid):
        ask(link, make, 12_04, choice=RateChoice.SURPLUS_ONLY)

    refund = ask(link, make, 12_05, choice=RateChoice.SURPLUS_ONLY)
    assert refund.asset_amount == HBAR // 10
    send(ledger, refund)

    assert held(observer, link) == []
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}
    assert ledger.in_the_books == {"HBAR": HBAR}
    assert returnable(link).available_minor == DUE


@pytest.mark.parametrize(
    "other", [{"units": 7}, {"to": "0.0.2002"}, {"asset": "USDC"}], ids=lambda one: next(iter(one))
)
def test_case_77_tokens_sent_otherwise_than_agreed_need_a_person_and_stand_in_no_book(
    other: dict[str, object], paid: PaymentLink, ledger: Ledger, books: Books, make: Make
) -> None:
    refund = ask(paid, make, 50_00)
    ledger.pay("USDC", refund.asset_amount or 0)

    send(ledger, refund, **other)
    ledger.sweep()

    assert state(refund).state == "SUBMITTED"
    assert books.exceptions == ["REFUND_MISMATCH"]
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}
    assert [row.direction for row in ledger.transfers] == ["IN", "IN", "OUT"]

    send(ledger, refund)
    assert state(refund).state == "SUCCEEDED"
    send(ledger, refund)
    ledger.sweep()
    assert books.exceptions == ["REFUND_MISMATCH"] * 2, "it was sent twice"
    assert books.balances["AUD"]["4090"] == 50_00


def test_case_77_an_unknown_outgoing_transfer_is_stored_and_nothing_else(
    paid: PaymentLink, ledger: Ledger, books: Books, make: Make
) -> None:
    refund = ask(paid, make, 50_00)

    for memo in ("R-22222222", "rent", paid.short_code, None):
        ledger.pay("HBAR", refund.asset_amount or 0, memo=memo, to=CUSTOMER, payer=ledger.account)
    ledger.watch()

    assert [row.direction for row in ledger.transfers] == ["IN", *["OUT"] * 4]
    assert (state(refund).state, books.exceptions) == ("SUBMITTED", [])
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}


def test_case_78_tokens_leave_at_what_they_cost_and_the_rest_is_a_gain_or_a_loss(
    paid: PaymentLink, ledger: Ledger, books: Books, make: Make, sandbox: SandboxControl, observer: Observer
) -> None:
    prices_are(sandbox, observer, HBAR="0.5")
    dear = ask(paid, make, 50_00, choice=RateChoice.RATE_NOW)
    assert (dear.asset_amount, dear.rate_choice, str(dear.rate)[:3]) == (100 * 10**8, "RATE_NOW", "0.5")
    sent = send(ledger, dear)

    assert books.balances == {"AUD": {"1051": DUE - 25_00, "4000": -DUE, "4090": 50_00, "7000": -25_00}}
    assert ledger.in_the_books == {"HBAR": HBAR - 100 * 10**8}
    closed = state(dear)
    assert closed.occurred_at is not None
    assert f"{closed.occurred_at.timestamp():.6f}" == str(sent["consensus_timestamp"])[:17]
    assert "refund.sent" in books.events

    prices_are(sandbox, observer, HBAR="0.1")
    cheap = ask(paid, make, 30_00, choice=RateChoice.RATE_NOW)
    assert cheap.asset_amount == 300 * 10**8
    send(ledger, cheap)
    # 300 of the 382 HBAR that are left, which stand at 95.50
    assert books.balances["AUD"] == {"1051": 20_50, "4000": -DUE, "4090": 80_00, "7000": -25_00 + 45_00}

    more = ask(paid, make, 40_00, choice=RateChoice.RATE_NOW)
    send(ledger, more)
    # 400 HBAR, of which the books hold 82: the others stood nowhere, and go at the agreed value
    assert books.balances["AUD"]["1051"] == -31_80
    assert ledger.in_the_books == {"HBAR": 82 * 10**8 - 400 * 10**8}
