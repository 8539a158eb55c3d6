"""Balance transactions: late, immutable, sometimes in another currency."""

import pytest

from provvypay.sandbox.stripe.fees import fee_minor


@pytest.fixture
def transaction_of(client):
    def read(charge_id):
        expanded = {"expand": ["balance_transaction"]}
        return client.v1.charges.retrieve(charge_id, params=expanded).balance_transaction

    return read


@pytest.mark.parametrize(
    ("amount", "fee"), [(1099, 62), (50, 31), (1000, 59), (500, 45), (10000, 320), (124000, 3626), (0, 30)]
)
def test_the_fee_is_2_9_per_cent_and_30_rounded_half_up(amount, fee):
    assert fee_minor(amount) == fee


def test_the_fee_arrives_after_the_payment(session, pay, control, drain, hook, transaction_of, client):
    control("stripe/settings", {"fee_delay_seconds": 3600})
    charge = pay(session())["charge"]

    assert transaction_of(charge) is None
    assert control("stripe/books")["fees_pending"] == 1
    control("clock", {"advance_seconds": 3601})

    transaction = transaction_of(charge)
    assert (transaction.amount, transaction.fee, transaction.net, transaction.currency) == (1099, 62, 1037, "usd")
    assert (transaction.status, transaction.type, transaction.exchange_rate) == ("pending", "charge", None)
    assert transaction.fee_details[0].amount == 62
    drain()
    updated = hook.events()[-1]
    assert (updated.type, updated.data.object.balance_transaction) == ("charge.updated", transaction.id)
    assert updated.data.previous_attributes.to_dict() == {"balance_transaction": None}
    assert client.v1.events.list(params={"type": "charge.succeeded"}).data[0].data.object.balance_transaction is None


def test_late_fees_can_be_brought_forward(session, pay, control, transaction_of):
    control("stripe/settings", {"fee_delay_seconds": 3600})
    charge = pay(session())["charge"]

    assert control("stripe/fees/settle", {}) == {"arrived": 1}
    assert transaction_of(charge).fee == 62


def test_charges_can_stay_without_a_fee_for_a_while(session, pay, control, drain, transaction_of):
    control("faults", {"kind": "no_fee", "seconds": 600, "remaining": 1})
    late, prompt = pay(session())["charge"], pay(session())["charge"]

    control("clock", {"advance_seconds": 10})

    assert transaction_of(late) is None
    assert transaction_of(prompt).fee == 62
    control("clock", {"advance_seconds": 600})
    assert transaction_of(late).fee == 62


def test_a_charge_can_settle_in_another_currency(session, pay, control, drain, transaction_of):
    control("stripe/settings", {"settlement_currencies": ["aud"], "exchange_rates": {"usd": "1.50601"}})
    foreign, own = pay(session(1099, "usd"))["charge"], pay(session(1099, "aud"))["charge"]
    drain()

    converted = transaction_of(foreign)
    assert (converted.amount, converted.currency, converted.fee) == (1655, "aud", 78)
    assert converted.exchange_rate == pytest.approx(1.50601)
    assert transaction_of(own).exchange_rate is None
    assert control("stripe/books")["settled"] == {"aud": {"count": 2, "amount": 2754, "fee": 140, "net": 2614}}


def test_yen_settle_into_cents(session, pay, control, drain, transaction_of):
    control("stripe/settings", {"settlement_currencies": ["aud"], "exchange_rates": {"jpy": "0.0098"}})
    charge = pay(session(5000, "jpy"))["charge"]
    drain()

    assert transaction_of(charge).amount == 4900


def test_money_is_pending_and_becomes_available(session, pay, control, drain, transaction_of):
    usual, quick = pay(session())["charge"], pay(session(), card="4000000000000077")["charge"]
    drain()

    assert transaction_of(usual).status == "pending"
    assert transaction_of(quick).status == "available"
    control("clock", {"advance_seconds": 3 * 86400})
    assert transaction_of(usual).status == "available"


def test_balance_transactions_are_listed_by_source_and_type(client, session, pay, drain):
    charges = [pay(session())["charge"] for _ in range(2)]
    drain()

    listed = client.v1.balance_transactions.list(params={"source": charges[0], "expand": ["data.source"]})

    assert [row.source.id for row in listed.data] == charges[:1]
    assert len(client.v1.balance_transactions.list(params={"type": "charge"}).data) == 2
    assert client.v1.balance_transactions.list(params={"currency": "eur"}).data == []
    assert client.v1.balance_transactions.retrieve(listed.data[0].id).net == 1037


def test_the_books_agree_with_the_balance_transactions(client, session, pay, control, drain):
    for amount in (1099, 50, 124000):
        pay(session(amount))
    pay(session(), card="4000000000000002")
    drain()

    books = control("stripe/books")
    rows = client.v1.balance_transactions.list(params={"limit": 100}).data

    assert books["settled"]["usd"]["net"] == sum(row.net for row in rows)
    assert books["charged"]["usd"] == {"count": 3, "amount": 125149}
    assert [line["status"] for line in books["charges"]] == ["succeeded"] * 3 + ["failed"]
