"""I-15 and I-53: hostile refunds and disputes, and the journals and lines that go with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.guards.ground import ROLES, SIGNING_IN, Ground, Write, journal, new, one, pair


def refund(write: Write, payment: str, amount: int, **given: object) -> str:
    """Write a refund that is on its way; return its id."""
    refund_id = new()
    values = {"state": "SUBMITTED", "external": False, "provider": "STRIPE", "their_id": None, "exception": None}
    write(
        "INSERT INTO refunds (id, organization_id, payment_id, link_id, provider, provider_refund_id, amount_minor,"
        " currency, exception_id, state, is_external, requested_by, approved_by, approved_at, next_check_at)"
        " SELECT %(id)s, %(org)s, p.id, p.link_id, %(provider)s, %(their_id)s, %(amount)s, 'AUD', %(exception)s,"
        " %(state)s, %(external)s, w.who, w.who, CASE WHEN w.who IS NOT NULL THEN now() END, now() FROM payments p,"
        " (SELECT CASE WHEN NOT %(external)s THEN %(owner)s::uuid END AS who) AS w WHERE p.id = %(payment)s",
        **(values | given),
        id=refund_id,
        payment=payment,
        amount=amount,
    )
    return refund_id


def line(write: Write, kind: str, amount: int, *, refund_id: str | None = None, dispute_id: str | None = None) -> str:
    """Write one of Stripe's lines; return its id."""
    line_id = new()
    table, back = ("refunds", refund_id) if refund_id else ("disputes", dispute_id)
    write(
        "INSERT INTO balance_transactions (id, organization_id, payment_id, refund_id, dispute_id, provider_id, type,"
        " amount_minor, fee_minor, net_minor, currency, available_on, occurred_at) SELECT %(id)s::uuid, %(org)s,"
        " payment_id, %(refund_id)s, %(dispute_id)s, %(id)s::text, %(kind)s, %(amount)s, 0, %(amount)s, 'AUD', now(),"
        f" now() FROM {table} WHERE id = %(back)s",
        id=line_id,
        kind=kind,
        amount=amount,
        refund_id=refund_id,
        dispute_id=dispute_id,
        back=back,
    )
    return line_id


def link_of(ground: Ground, table: str, row_id: str) -> str:
    with ground.acting("web") as write:
        return one(write(f"SELECT link_id FROM {table} WHERE id = %(id)s", id=row_id))


@pytest.mark.parametrize("role", ROLES)
def test_i15_more_than_was_received_is_refused(role: str, ground: Ground):
    # 100.00 came, and 18.00 go back already
    with ground.refuses(role, "23514", "would") as write:
        refund(write, ground.ids["payment_returned"], 82_01)


def test_i15_what_a_dispute_took_cannot_go_back_again(ground: Ground):
    with ground.acting("web") as write:
        lost = one(write("SELECT payment_id FROM disputes WHERE id = %(dispute_lost)s"))
    with ground.refuses("web", "23514", "would") as write:
        refund(write, lost, 1)


def test_i15_of_two_at_once_the_second_is_judged_with_the_first(ground: Ground):
    payment = ground.ids["payment_paid"]

    @contextlib.contextmanager
    def first() -> Iterator[None]:
        with ground.acting("web") as write:
            refund(write, payment, 60_00)
            yield

    ground.loses("web", "23514", lambda write: refund(write, payment, 60_00), first())

    with ground.acting("worker") as write:
        write(
            "UPDATE refunds SET state = 'FAILED', failure_code = 'x', next_check_at = NULL"
            " WHERE payment_id = %(payment_paid)s AND state = 'SUBMITTED'"
        )


def test_i15_what_stripe_reports_is_kept_even_if_it_is_too_much(ground: Ground):
    with ground.acting("worker") as write:
        kept = refund(write, ground.ids["payment_paid"], 500_00, external=True, their_id=new())
        write(
            "UPDATE refunds SET state = 'FAILED', failure_code = 'x', next_check_at = NULL WHERE id = %(id)s", id=kept
        )

    with ground.acting("web") as write:
        assert one(write("SELECT amount_minor FROM refunds WHERE id = %(id)s", id=kept)) == "50000"


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize(
    ("name", "state"),
    [("refund", "PENDING"), ("refund", "SUBMITTED"), ("refund_bounced", "SUCCEEDED"), ("refund_waiting", "SUCCEEDED")],
)
def test_i53_a_refund_never_goes_back(role: str, name: str, state: str, ground: Ground):
    with ground.refuses(role, "55000", "not to become") as write:
        write(
            "UPDATE refunds SET state = %(state)s, approved_by = coalesce(approved_by, %(owner)s),"
            " approved_at = coalesce(approved_at, now()), next_check_at = now(),"
            " provider_refund_id = coalesce(provider_refund_id, 're_x') WHERE id = %(id)s",
            id=ground.ids[name],
            state=state,
        )


@pytest.mark.parametrize(
    ("name", "state"), [("dispute", "WARNING_CLOSED"), ("dispute_lost", "WON"), ("dispute_warning", "LOST")]
)
def test_i53_a_dispute_never_goes_back(name: str, state: str, ground: Ground):
    with ground.refuses("worker", "55000", "not to become") as write:
        write(
            "UPDATE disputes SET state = %(state)s, is_inquiry = %(state)s LIKE 'WARNING%%' WHERE id = %(id)s",
            id=ground.ids[name],
            state=state,
        )


@pytest.mark.parametrize(
    "column", ["amount_minor = 1", "requested_by = NULL", "is_external = true", "payment_id = link_id"]
)
def test_i53_what_a_refund_is_never_changes(column: str, ground: Ground):
    with ground.refuses("owner", "55000") as write:
        write(f"UPDATE refunds SET {column} WHERE id = %(refund)s")


@pytest.mark.parametrize("accounts", [("4000", "1050"), ("4090", "1000"), ("2100", "1050")])
def test_i53_a_refund_is_booked_from_its_accounts_alone(accounts: tuple[str, str], ground: Ground):
    with ground.refuses("worker", "23514", "not what its source says") as write:
        back = ground.ids["refund_pending"]
        line(write, "refund", -5_00, refund_id=back)
        journal(write, "REFUND", ("REFUND", back), pair(*accounts, 5_00), link=link_of(ground, "refunds", back))


def test_i53_a_refund_is_not_booked_without_stripes_line(ground: Ground):
    back = ground.ids["refund_pending"]
    with ground.refuses("worker", "23514", "not what its source says") as write:
        journal(write, "REFUND", ("REFUND", back), pair("4090", "1050", 5_00), link=link_of(ground, "refunds", back))
    with ground.refuses("worker", "23514", "wants the journal REFUND") as write:
        line(write, "refund", -5_00, refund_id=back)


def test_i53_a_refund_cannot_fail_while_its_journal_stands(ground: Ground):
    with ground.refuses("worker", "23514", "its journal stands") as write:
        write("UPDATE refunds SET state = 'FAILED', failure_code = 'x' WHERE id = %(refund)s")


def test_i53_a_lost_dispute_is_booked_as_lost(ground: Ground):
    with ground.refuses("worker", "23514", "the loss is not booked") as write:
        write("UPDATE disputes SET state = 'LOST' WHERE id = %(dispute)s")
    dispute = ground.ids["dispute"]
    with ground.refuses("worker", "23514", "not what its source says") as write:
        journal(
            write, "DISPUTE_LOST", ("DISPUTE", dispute), pair("6110", "1210", 100_00),
            link=link_of(ground, "disputes", dispute),
        )  # fmt: skip


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i13_an_exception_about_a_return_needs_one(role: str, ground: Ground):
    with ground.refuses(role, "23514", "about no such refund") as write:
        write(
            "INSERT INTO payment_exceptions (id, organization_id, refund_id, link_id, kind)"
            " SELECT gen_random_uuid(), organization_id, id, link_id, 'FAILED_REFUND' FROM refunds"
            " WHERE id = %(refund)s"
        )
