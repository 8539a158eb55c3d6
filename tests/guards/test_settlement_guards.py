"""I-07 to I-13: hostile settlements, payments and exceptions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from provvypay.domain.payments import IncomingPayment
from provvypay.domain.rates import RateTable
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from provvypay.services import settlement as services
from provvypay.services.ledger.chart import STRIPE_CLEARING
from tests.guards.ground import (
    ROLES,
    SIGNING_IN,
    Ground,
    Write,
    journal,
    new,
    one,
    pair,
    part,
    payment,
    settle,
    settlement,
    step,
)

# ---------------------------------------------------------------- I-12 PAID is complete


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        (("payment",), "is carried by payments over 0"),
        (("part",), ""),
        (("step",), "is not PAID"),
        (("sale",), "lacks its sale or its payment journal"),
        (("receipt",), "lacks its sale or its payment journal"),
        (("sale", "receipt"), "lacks its sale or its payment journal"),
    ],
    ids=lambda value: " and ".join(value) if isinstance(value, tuple) else "",
)
def test_i12_a_settlement_that_lacks_something_is_refused(role: str, left_out: tuple, why: str, ground: Ground):
    with ground.refuses(role, "23514", why) as write:
        settle(write, ground.ids["link_open"], *left_out)


@pytest.mark.parametrize("role", ROLES)
def test_i12_paid_without_a_settlement_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23514", "is PAID and has no live settlement") as write:
        step(write, ground.ids["link_open"], "OPEN", "PAID", "link.paid")


@pytest.mark.parametrize("blindfold", ["other_organization", "nobody", "empty"])
def test_i12_naming_another_organization_before_the_commit_blinds_nobody(blindfold: str, ground: Ground):
    name = {"nobody": new(), "empty": ""}.get(blindfold) or ground.ids.get(blindfold, "")

    with ground.refuses("web", "23514", "is PAID and has no live settlement") as write:
        step(write, ground.ids["link_open"], "OPEN", "PAID", "link.paid")
        write("SELECT set_config('app.org_id', %(name)s, true)", name=name)


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i12_marking_as_paid_by_hand_needs_its_settlement_too(role: str, ground: Ground):
    with ground.refuses(role, "23514", "has no live settlement") as write:
        step(
            write, ground.ids["link_canceled"], "CANCELED", "PAID", "link.marked_paid",
            actor_type="USER", actor_id=ground.ids["owner"], reason="I say so",
        )  # fmt: skip


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i12_leaving_paid_with_the_settlement_alive_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23514", "is OPEN and has a live settlement") as write:
        step(
            write, ground.ids["link_paid"], "PAID", "OPEN", "link.mark_undone",
            actor_type="USER", actor_id=ground.ids["owner"], reason="oh",
        )  # fmt: skip


def test_i12_a_settlement_over_another_amount_is_refused(ground: Ground):
    with ground.refuses("worker", "23514", "is not of the link's amount") as write:
        settle(write, ground.ids["link_open"], amount=99_99)


def test_i12_a_settlement_in_another_currency_is_refused(ground: Ground):
    with ground.refuses("worker", "23503") as write:
        settlement(write, ground.ids["link_open"], currency="USD")


# ---------------------------------------------------------------- I-08 one settlement


@pytest.mark.parametrize("role", ROLES)
def test_i08_a_second_settlement_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23505", "uq_settlements_one_live") as write:
        settlement(write, ground.ids["link_paid"])


def test_i08_of_two_settlements_at_once_one_is_refused(ground: Ground):
    link = ground.world.link(ground.world.ours)

    ground.loses("worker", "23505", lambda write: settle(write, str(link.id)), arriving(ground, link))


@contextlib.contextmanager
def arriving(ground: Ground, link: PaymentLink) -> Iterator[None]:
    """Settle a link as the product does, and commit when the block ends."""
    arrived = IncomingPayment(
        link.organization_id,
        link.id,
        "STRIPE",
        f"pi_{link.id}",
        link.amount_minor,
        link.currency,
        now(),
        STRIPE_CLEARING,
    )
    with ground.world.act(ground.world.ours, role="provvypay_worker") as session:
        services.settle(session, arrived, RateTable(), now=now())
        yield


# ---------------------------------------------------------------- I-13 parts


@pytest.mark.parametrize(("payment_minor", "part_minor"), [(100_00, 100_01), (99_99, 100_00), (50_00, 100_00)])
def test_i13_a_part_larger_than_its_payment_is_refused(payment_minor: int, part_minor: int, ground: Ground):
    with ground.refuses("worker", "23514") as write:
        settlement_id, _ = settle(write, ground.ids["link_open"], "payment")
        part(write, settlement_id, payment(write, ground.ids["link_open"], payment_minor), part_minor)


def test_i13_parts_that_do_not_add_up_are_refused(ground: Ground):
    with ground.refuses("worker", "23514") as write:
        settlement_id, _ = settle(write, ground.ids["link_open"], "part")
        part(write, settlement_id, payment(write, ground.ids["link_open"], 60_00), 60_00)


def test_i13_a_later_part_for_a_settlement_that_is_whole_is_refused(ground: Ground):
    with ground.refuses("worker", "23514") as write:
        settlement_id = one(write("SELECT id FROM settlements WHERE link_id = %(link_paid)s"))
        part(write, settlement_id, payment(write, ground.ids["link_paid"], 1), 1)


def test_i13_held_money_does_not_settle_as_well(ground: Ground):
    with ground.refuses("worker", "23514", "is not there for settlement") as write:
        settlement_id, _ = settle(write, ground.ids["link_open"], "payment")
        part(write, settlement_id, ground.ids["payment_double"])


def test_i13_money_for_another_link_does_not_settle_this_one(ground: Ground):
    with ground.refuses("worker", "23514") as write:
        settlement_id, _ = settle(write, ground.ids["link_open"], "payment")
        part(write, settlement_id, ground.ids["payment_paid"])


# ---------------------------------------------------------------- I-07, I-09 payments


@pytest.mark.parametrize("role", ROLES)
def test_i07_money_that_neither_settles_nor_is_an_exception_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23514", "it would be invisible") as write:
        payment_id = payment(write, ground.ids["link_open"], outcome="EXCEPTION")
        journal(write, "CREDIT", ("PAYMENT", payment_id), pair("1050", "2100", 100_00), link=ground.ids["link_open"])


@pytest.mark.parametrize("role", ROLES)
def test_i07_an_exception_without_its_journal_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23514", "has no journal over its value") as write:
        hold(write, payment(write, ground.ids["link_open"], outcome="EXCEPTION"), ground.ids["link_open"])


@pytest.mark.parametrize(
    "lines", [pair("1050", "2100", 99_99), pair("1050", "4000", 100_00), pair("1200", "2100", 100_00)]
)
def test_i07_an_exception_booked_otherwise_is_refused(lines: list, ground: Ground):
    with ground.refuses("worker", "23514", "is not what its source says") as write:
        payment_id = payment(write, ground.ids["link_open"], outcome="EXCEPTION")
        hold(write, payment_id, ground.ids["link_open"])
        journal(write, "CREDIT", ("PAYMENT", payment_id), lines, link=ground.ids["link_open"])


@pytest.mark.parametrize("role", ROLES)
def test_i07_a_payment_that_settled_nothing_is_refused(role: str, ground: Ground):
    with ground.refuses(role, "23514", "settled nothing") as write:
        payment(write, ground.ids["link_open"])


def test_i07_a_payment_that_settled_with_a_part_of_itself_is_refused(ground: Ground):
    with ground.refuses("worker", "23514") as write:
        settlement_id, _ = settle(write, ground.ids["link_open"], "payment")
        part(write, settlement_id, payment(write, ground.ids["link_open"], 150_00))


def test_i07_an_exception_over_money_that_settled_is_refused(ground: Ground):
    with ground.refuses("web", "23514", "is not held") as write:
        hold(write, ground.ids["payment_paid"], ground.ids["link_paid"])


def test_i07_an_exception_for_another_link_than_the_money_named_is_refused(ground: Ground):
    with ground.refuses("worker", "23514", "is not held") as write:
        payment_id = payment(write, ground.ids["link_open"], outcome="EXCEPTION")
        hold(write, payment_id, ground.ids["link_paid"])
        journal(write, "CREDIT", ("PAYMENT", payment_id), pair("1050", "2100", 100_00), link=ground.ids["link_open"])


@pytest.mark.parametrize("organization", ["organization", "other_organization"])
def test_i09_a_payment_is_stored_once_whichever_organization_asks(organization: str, ground: Ground):
    with ground.acting("postgres") as write:
        known = one(write("SELECT provider_reference FROM payments WHERE id = %(payment_paid)s"))

    with ground.refuses(
        "web", "23505", "uq_payments_provider_provider_reference", organization=ground.ids[organization]
    ) as write:
        payment(write, None, reference=known, org=ground.ids[organization])


def test_i09_a_payment_without_a_reference_is_refused(ground: Ground):
    with ground.refuses("web", "23514", "ck_payments_reference") as write:
        payment(write, ground.ids["link_open"], reference="")


@pytest.mark.parametrize("amount", [0, -1, 100_000_000_000])
def test_i05_a_payment_of_no_amount_is_refused(amount: int, ground: Ground):
    with ground.refuses("web", "23514", "ck_payments_value_minor") as write:
        payment(write, ground.ids["link_open"], amount)


def test_i13_a_payment_by_the_attempt_of_another_link_is_refused(ground: Ground):
    with ground.refuses("worker", "23514") as write:
        attempt = one(write("SELECT id FROM payment_attempts WHERE link_id = %(link_being_paid)s"))
        settlement_id, _ = settle(write, ground.ids["link_open"], "payment")
        part(write, settlement_id, payment(write, ground.ids["link_open"], attempt=attempt))


def hold(write: Write, payment_id: str, link: str) -> None:
    """Write an exception over a payment."""
    write(
        "INSERT INTO payment_exceptions"
        " (id, organization_id, payment_id, link_id, kind, amount_minor, currency, held_in)"
        " SELECT %(id)s, organization_id, id, %(link)s, 'DOUBLE', value_minor, currency, '2100' FROM payments"
        " WHERE id = %(payment)s",
        id=new(),
        payment=payment_id,
        link=link,
    )


# ---------------------------------------------------------------- I-07 what the processor kept


@pytest.mark.parametrize(("currency", "wants"), [("AUD", "{FEE}"), ("USD", "{CONVERSION_IN,CONVERSION_OUT,FEE}")])
def test_i07_a_balance_transaction_that_is_not_booked_is_refused(currency: str, wants: str, ground: Ground):
    with ground.refuses("worker", "23514", f"wants journals {wants}") as write:
        balance(write, ground.ids["payment_double"], currency=currency)


def test_i07_a_balance_transaction_of_money_that_did_not_come_by_card_is_refused(ground: Ground):
    with ground.refuses("worker", "23514", "wants journals") as write:
        balance(write, one(write("SELECT id FROM payments WHERE provider = 'HEDERA'")), fee=0)


def test_i07_a_balance_transaction_that_does_not_add_up_is_refused(ground: Ground):
    with ground.refuses("worker", "23514", "ck_balance_transactions_net_minor") as write:
        balance(write, ground.ids["payment_double"], net=1)


def test_i07_a_charge_has_one_line_and_an_adjustment_only_a_fee(ground: Ground):
    with ground.refuses("worker", "23505", "uq_balance_transactions_charge") as write:
        balance(write, ground.ids["payment_paid"], fee=0)
    for fee, net in ((5, 95), (0, 100)):
        with ground.refuses("worker", "23514", "ck_balance_transactions_fee_minor") as write:
            balance(write, ground.ids["payment_paid"], kind="adjustment", fee=fee, net=net)
    with ground.refuses("worker", "23514", "wants journals {FEE}") as write:
        balance(write, ground.ids["payment_converted"], kind="adjustment", amount=0, fee=-5, currency="USD")


def balance(
    write: Write,
    payment_id: str,
    *,
    kind: str = "charge",
    amount: int = 100,
    currency: str = "AUD",
    fee: int = 5,
    net: int | None = None,
) -> None:
    """Write Stripe's line of a charge over 1.00."""
    write(
        "INSERT INTO balance_transactions (id, organization_id, payment_id, provider_id, type, amount_minor, fee_minor,"
        " net_minor, currency, available_on, occurred_at)"
        " VALUES (%(id)s, %(org)s, %(payment)s, 'txn_x', %(kind)s, %(amount)s, %(fee)s, %(net)s, %(currency)s,"
        " now(), now())",
        id=new(),
        payment=payment_id,
        kind=kind,
        amount=amount,
        fee=fee,
        net=amount - fee if net is None else net,
        currency=currency,
    )


# ---------------------------------------------------------------- voiding


@pytest.mark.parametrize(("role", "sqlstate", "why"), [("worker", "42501", ""), ("web", "23514", "is no mark by hand")])
def test_i08_neither_web_nor_worker_voids_what_a_provider_reported(role: str, sqlstate: str, why: str, ground: Ground):
    with ground.refuses(role, sqlstate, why) as write:
        write("UPDATE settlements SET voided_at = now() WHERE link_id = %(link_paid)s")


def test_i12_the_owner_cannot_void_a_settlement_alone(ground: Ground):
    with ground.refuses("owner", "23514", "is PAID and has no live settlement") as write:
        write("UPDATE settlements SET voided_at = now() WHERE link_id = %(link_by_hand)s")


def test_i12_the_owner_cannot_void_a_settlement_and_leave_its_journals(ground: Ground):
    with ground.refuses("owner", "23514", "has a sale or payment journal that is not reversed") as write:
        write("UPDATE settlements SET voided_at = now() WHERE link_id = %(link_by_hand)s")
        step(
            write, ground.ids["link_by_hand"], "PAID", "OPEN", "link.mark_undone",
            actor_type="USER", actor_id=ground.ids["owner"], reason="oh",
        )  # fmt: skip


def test_i12_the_owner_cannot_bring_a_voided_settlement_back(ground: Ground):
    with ground.refuses("owner", "55000", "is voided already") as write:
        write("UPDATE settlements SET voided_at = NULL WHERE link_id = %(link_marked)s")
