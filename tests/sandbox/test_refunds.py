"""Refunds and disputes of the Stripe stand-in, through Stripe's own library."""

import pytest
import stripe

REFUND_EVENTS = ("refund.created", "charge.refunded", "refund.updated", "charge.refund.updated", "refund.failed")


@pytest.fixture
def paid(session, pay, drain):
    """Pay a new session and return its charge's and its intent's id."""

    def make(card="4242424242424242", **wanted):
        done = pay(session(**wanted), card=card)
        drain()
        return done["charge"], done["payment_intent"]

    return make


@pytest.fixture
def told(hook, drain):
    """Return the types of the events of refunds and disputes that came, in their order."""

    def read():
        drain()
        return [kind for kind in hook.types() if kind in REFUND_EVENTS or kind.startswith(("charge.dispute", "radar"))]

    return read


def line(client, transaction):
    row = client.v1.balance_transactions.retrieve(transaction)
    return (row.type, row.reporting_category, row.amount, row.fee, row.currency)


def test_a_refund_succeeds_at_once_and_its_bank_reference_follows(client, paid, control, told):
    charge, intent = paid()

    refund = client.v1.refunds.create(
        params={"payment_intent": intent, "amount": 500, "reason": "duplicate", "metadata": {"refund_id": "r1"}},
        options={"idempotency_key": "r1"},
    )
    again = client.v1.refunds.create(
        params={"payment_intent": intent, "amount": 500, "reason": "duplicate", "metadata": {"refund_id": "r1"}},
        options={"idempotency_key": "r1"},
    )

    assert again.id == refund.id
    assert (refund.status, refund.charge, refund.pending_reason) == ("succeeded", charge, None)
    assert line(client, refund.balance_transaction) == ("refund", "refund", -500, 0, "usd")
    assert told() == ["refund.created", "charge.refunded"]
    assert control("stripe/refunds/settle", {}) == {"ended": 1}
    assert told() == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert client.v1.refunds.retrieve(refund.id).destination_details.card.reference_status == "available"
    read = client.v1.charges.retrieve(charge, params={"expand": ["refunds"]})
    assert (read.amount_refunded, read.refunded, [row.id for row in read.refunds.data]) == (500, False, [refund.id])


def test_refunds_never_exceed_their_charge(client, paid):
    charge, intent = paid()
    first = client.v1.refunds.create(params={"charge": charge, "amount": 600})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount on charge") as too_much:
        client.v1.refunds.create(params={"payment_intent": intent, "amount": 500})
    rest = client.v1.refunds.create(params={"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError, match="has already been refunded") as nothing_left:
        client.v1.refunds.create(params={"payment_intent": intent, "amount": 1})

    assert (too_much.value.param, nothing_left.value.code) == ("amount", "charge_already_refunded")
    assert rest.amount == 499
    assert client.v1.charges.retrieve(charge).refunded
    assert [row.id for row in client.v1.refunds.list(params={"payment_intent": intent})] == [rest.id, first.id]


def test_a_pending_refund_has_no_balance_transaction_until_it_succeeds(client, paid, control, told):
    _, intent = paid(card="4000000000007726")

    refund = client.v1.refunds.create(params={"payment_intent": intent})

    assert (refund.status, refund.pending_reason, refund.balance_transaction) == ("pending", "processing", None)
    control("stripe/refunds/settle", {})
    done = client.v1.refunds.retrieve(refund.id)
    assert (done.status, done.pending_reason) == ("succeeded", None)
    assert line(client, done.balance_transaction)[2] == -1099
    assert told()[:3] == ["refund.created", "charge.refunded", "refund.updated"]


def test_a_refund_bounces_after_it_succeeded(client, paid, control, told):
    charge, intent = paid(card="4000000000005126")
    refund = client.v1.refunds.create(params={"payment_intent": intent, "amount": 400})

    control("clock", {"advance_seconds": 10})

    failed = client.v1.refunds.retrieve(refund.id)
    assert (refund.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert line(client, failed.failure_balance_transaction) == ("refund_failure", "refund_failure", 400, 0, "usd")
    assert client.v1.charges.retrieve(charge).amount_refunded == 0
    assert told() == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
    ]


def test_a_refund_that_waits_for_money_is_canceled(client, paid, control):
    charge, intent = paid()
    control("faults", {"kind": "refund_pending", "reason": "insufficient_funds", "remaining": 1})
    refund = client.v1.refunds.create(params={"payment_intent": intent})
    assert (refund.status, refund.pending_reason) == ("pending", "insufficient_funds")
    assert client.v1.charges.retrieve(charge).refunded

    canceled = control(f"stripe/refunds/{refund.id}/end", {"status": "canceled"})

    assert (canceled["status"], canceled["balance_transaction"]) == ("canceled", None)
    assert canceled["failure_balance_transaction"] is None
    assert client.v1.charges.retrieve(charge).amount_refunded == 0
    control(f"stripe/refunds/{refund.id}/end", {"status": "succeeded"}, status=409)


def test_a_refund_in_the_dashboard_carries_nothing_of_ours(client, paid, control, told, hook):
    _, intent = paid()

    made = control(f"stripe/charges/{intent}/refunds", {"amount": 200}, status=201)

    assert (made["metadata"], made["amount"], made["status"]) == ({}, 200, "succeeded")
    assert told() == ["refund.created", "charge.refunded"]
    assert hook.events()[-1].request.id is None
    control(f"stripe/charges/{intent}/refunds", {"amount": 900}, status=409)
    assert [row["amount"] for row in control("stripe/books")["refunds"]] == [200]


def test_a_dispute_takes_what_refunds_have_left_and_a_fee(client, paid, control, told):
    charge, intent = paid()
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 99})

    made = control(f"stripe/charges/{charge}/disputes", {"reason": "fraudulent"}, status=201)

    dispute = client.v1.disputes.retrieve(made["id"])
    assert (dispute.amount, dispute.status, dispute.is_charge_refundable) == (1000, "needs_response", False)
    assert [(row.amount, row.fee, row.net) for row in dispute.balance_transactions] == [(-1000, 1500, -2500)]
    assert told()[2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": intent})
    assert refused.value.code == "charge_disputed"
    control(f"stripe/disputes/{dispute.id}/step", {"step": "respond"})
    control(f"stripe/disputes/{dispute.id}/step", {"step": "lost"})
    lost = client.v1.disputes.list(params={"payment_intent": intent}).data[0]
    assert (lost.status, len(lost.balance_transactions)) == ("lost", 1)
    assert told()[4:] == ["charge.dispute.updated", "charge.dispute.closed"]


@pytest.mark.parametrize(("returned", "net"), [(False, 1099), (True, 2599)])
def test_a_won_dispute_brings_the_money_back(client, paid, control, told, returned, net):
    charge, intent = paid()
    control("stripe/settings", {"dispute_fee_returned": returned})
    made = control(f"stripe/charges/{charge}/disputes", {}, status=201)

    control(f"stripe/disputes/{made['id']}/step", {"step": "won"})

    won = client.v1.disputes.retrieve(made["id"])
    assert (won.status, won.balance_transactions[1].net) == ("won", net)
    assert won.balance_transactions[1].reporting_category == "dispute_reversal"
    assert told()[2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert client.v1.refunds.create(params={"payment_intent": intent}).status == "succeeded"


def test_an_inquiry_moves_no_money_until_it_becomes_a_dispute(client, paid, control, told):
    charge, _ = paid()
    made = control(f"stripe/charges/{charge}/disputes", {"inquiry": True}, status=201)
    assert (made["status"], made["balance_transactions"]) == ("warning_needs_response", [])
    control(f"stripe/disputes/{made['id']}/step", {"step": "won"}, status=409)

    control(f"stripe/disputes/{made['id']}/step", {"step": "escalate"})

    dispute = client.v1.disputes.retrieve(made["id"])
    assert (dispute.status, len(dispute.balance_transactions)) == ("needs_response", 1)
    assert told() == ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.funds_withdrawn"]


@pytest.mark.parametrize(
    ("card", "status", "kinds"),
    [
        ("4000000000000259", "needs_response", ["charge.dispute.created", "charge.dispute.funds_withdrawn"]),
        ("4000000000001976", "warning_needs_response", ["charge.dispute.created"]),
        ("4000000000005423", None, ["radar.early_fraud_warning.created"]),
    ],
)
def test_cards_for_disputes_are_disputed_a_little_later(paid, control, told, card, status, kinds):
    control("stripe/settings", {"dispute_delay_seconds": 3600})
    paid(card=card)
    assert told() == []

    assert control("stripe/disputes/settle", {}) == {"opened": 1}

    assert told() == kinds
    assert [row["status"] for row in control("stripe/disputes")["disputes"]] == ([status] if status else [])


def test_what_stripe_converted_goes_back_at_the_rate_of_the_day(client, paid, control):
    control("stripe/settings", {"settlement_currencies": ["aud"], "exchange_rates": {"usd": "1.5"}})
    charge, intent = paid()
    control("stripe/settings", {"exchange_rates": {"usd": "1.6"}})

    refund = client.v1.refunds.create(params={"payment_intent": intent, "amount": 99})
    made = control(f"stripe/charges/{charge}/disputes", {}, status=201)

    assert (refund.amount, refund.currency) == (99, "usd")
    assert line(client, refund.balance_transaction) == ("refund", "refund", -158, 0, "aud")
    assert [(row["amount"], row["currency"]) for row in made["balance_transactions"]] == [(-1600, "aud")]
    books = control("stripe/books")
    assert books["settled"]["aud"]["amount"] == 1649 - 158 - 1600
    assert books["disputes"][0]["moved"] == -1600
