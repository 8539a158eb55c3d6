"""What happens when a customer pays: every test card, in the order in which Stripe tells of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

SUCCESS = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.updated",
]
DECLINE = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.fixture
def intent_of(client):
    def read(session):
        expanded = {"expand": ["payment_intent.latest_charge"]}
        return client.v1.checkout.sessions.retrieve(session.id, params=expanded).payment_intent

    return read


@pytest.mark.parametrize(
    ("card", "brand"),
    [
        ("4242 4242 4242 4242", "visa"),
        ("5555 5555 5555 4444", "mastercard"),
        ("3782 822463 10005", "amex"),
        ("4000 0000 0000 0259", "visa"),
    ],
)
def test_a_good_card_pays(session, pay, drain, hook, client, intent_of, card, brand):
    made = session()

    result = pay(made, card=card)

    assert result["outcome"] == "succeeded"
    assert result["return_url"] == f"http://127.0.0.1:9/p/AB2C/return?session_id={made.id}"
    drain()
    assert hook.types() == SUCCESS
    after = client.v1.checkout.sessions.retrieve(made.id)
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    assert (after.customer_details.email, after.customer_details.name) == ("payer@example.com", "Jenny Rosen")
    intent = intent_of(made)
    assert (intent.status, intent.amount_received) == ("succeeded", 1099)
    assert intent.metadata.to_dict() == intent.latest_charge.metadata.to_dict() == {"payment_link_id": "pl_1"}
    assert intent.latest_charge.payment_method_details.card.brand == brand
    assert intent.latest_charge.payment_method_details.card.last4 == card[-4:]


@pytest.mark.parametrize(
    ("card", "code", "decline_code", "told"),
    [
        ("4000000000000002", "card_declined", "generic_decline", "Your card was declined."),
        ("4000000000009995", "card_declined", "insufficient_funds", "Your card has insufficient funds."),
        ("4000000000009987", "card_declined", "lost_card", "Your card was declined."),
        ("4000000000009979", "card_declined", "stolen_card", "Your card was declined."),
        ("4000000000000069", "expired_card", None, "Your card has expired."),
        ("4000000000000127", "incorrect_cvc", None, "Your card's security code is incorrect."),
        ("4000000000000119", "processing_error", None, "An error occurred while processing your card."),
        ("4000000000000341", "card_declined", "generic_decline", "Your card was declined."),
        ("4100000000000019", "card_declined", "fraudulent", "Your card was declined."),
        ("4111111111111111", "card_declined", "test_mode_live_card", "used a non test card"),
    ],
)
def test_a_declined_card_leaves_the_session_open(
    session, pay, drain, hook, client, intent_of, card, code, decline_code, told
):
    made = session()

    result = pay(made, card=card)

    assert result["outcome"] == "declined"
    assert told in result["message"]
    drain()
    assert hook.types() == DECLINE
    assert client.v1.checkout.sessions.retrieve(made.id).status == "open"
    intent = intent_of(made)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == code
    assert getattr(intent.last_payment_error, "decline_code", None) == decline_code
    assert intent.latest_charge.status == "failed"
    blocked = card == "4100000000000019"
    assert intent.latest_charge.outcome.type == ("blocked" if blocked else "issuer_declined")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"card": "4242424242424241"}, "card"),
        ({"card": "4242"}, "card"),
        ({"expiry": "12/20"}, "expiry"),
        ({"expiry": "13/34"}, "expiry"),
        ({"cvc": "12"}, "cvc"),
        ({"card": "378282246310005", "cvc": "123"}, "cvc"),
        ({"email": "nobody"}, "email"),
        ({"name": " "}, "name"),
    ],
)
def test_what_is_typed_wrong_never_becomes_an_object(session, pay, client, typed, field):
    made = session()

    result = pay(made, status=422, **typed)

    assert (result["outcome"], list(result["problems"])) == ("rejected", [field])
    assert client.v1.events.list().data == []
    assert client.v1.checkout.sessions.retrieve(made.id).payment_intent is None


def test_one_intent_can_fail_several_times_and_then_succeed(session, pay, drain, hook, control, client):
    made = session()

    for card in ("4000000000000002", "4000000000009995", "4242424242424242"):
        pay(made, card=card)

    drain()
    assert hook.types() == DECLINE + DECLINE[1:] + SUCCESS[1:]
    charges = control("stripe/books")["charges"]
    assert [line["status"] for line in charges] == ["failed", "failed", "succeeded"]
    assert len({line["payment_intent"] for line in charges}) == 1
    assert len(client.v1.payment_intents.list().data) == 1


def test_three_d_secure_comes_first_and_then_pays(session, pay, drain, hook, control, intent_of):
    made = session()

    assert pay(made, card="4000002500003155", three_d_secure="leave")["outcome"] == "requires_action"
    assert intent_of(made).status == "requires_action"
    assert control(f"stripe/sessions/{made.id}/authentication", {"complete": True})["outcome"] == "succeeded"

    drain()
    assert hook.types() == ["payment_intent.created", "payment_intent.requires_action", *SUCCESS[1:]]
    assert intent_of(made).latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"


def test_three_d_secure_that_fails_charges_nothing(session, pay, drain, hook, intent_of, client):
    made = session()

    result = pay(made, card="4000002760003184", three_d_secure="fail")

    assert result["outcome"] == "declined"
    assert "unable to authenticate" in result["message"]
    drain()
    assert hook.types() == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
    ]
    intent = intent_of(made)
    assert (intent.last_payment_error.code, intent.latest_charge) == ("payment_intent_authentication_failure", None)
    assert client.v1.checkout.sessions.retrieve(made.id).status == "open"


@pytest.mark.parametrize(
    ("card", "decline_code"), [("4000008260003178", "insufficient_funds"), ("4000008400001629", "generic_decline")]
)
def test_three_d_secure_can_pass_and_the_charge_still_fail(session, pay, drain, hook, intent_of, card, decline_code):
    made = session()

    assert pay(made, card=card)["outcome"] == "declined"

    drain()
    assert hook.types() == ["payment_intent.created", "payment_intent.requires_action", *DECLINE[1:]]
    assert intent_of(made).last_payment_error.decline_code == decline_code


def test_another_card_replaces_an_unfinished_three_d_secure_step(session, pay, control):
    made = session()
    pay(made, card="4000002500003155", three_d_secure="leave")

    assert pay(made, card="4242424242424242")["outcome"] == "succeeded"

    control(f"stripe/sessions/{made.id}/authentication", {"complete": True}, status=409)
    assert len(control("stripe/books")["charges"]) == 1


def test_ten_submits_at_once_pay_once(session, sandbox, control, http):
    made = session()
    barrier = threading.Barrier(10)

    def submit(_):
        barrier.wait()
        return http.post(f"{sandbox.url}/_control/stripe/sessions/{made.id}/pay").json()["outcome"]

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(submit, range(10)))

    assert outcomes == ["closed"] * 9 + ["succeeded"]
    assert control("stripe/books")["charged"] == {"usd": {"count": 1, "amount": 1099}}


@pytest.fixture
def debit(session, pay):
    """A session with a bank debit under way."""

    def start(account="000123456789"):
        made = session(allowed_payment_method_types=["card", "us_bank_account"])
        return made, pay(made, account_number=account)

    return start


def test_a_bank_debit_completes_unpaid_and_is_paid_later(debit, drain, hook, control, client, intent_of):
    made, result = debit()

    assert result["outcome"] == "processing"
    drain()
    assert hook.types() == [
        "payment_intent.created",
        "payment_intent.processing",
        "charge.pending",
        "checkout.session.completed",
    ]
    waiting = client.v1.checkout.sessions.retrieve(made.id)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")

    control(f"stripe/sessions/{made.id}/settle-async", {"succeed": True})

    drain()
    assert hook.types()[4:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "charge.updated",
    ]
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    assert intent_of(made).amount_received == 1099
    control(f"stripe/sessions/{made.id}/settle-async", {}, status=409)


@pytest.mark.parametrize(
    ("account", "code"), [("000111111113", "account_closed"), ("000222222227", "insufficient_funds")]
)
def test_a_bank_debit_can_bounce_by_itself(debit, drain, hook, control, client, intent_of, account, code):
    control("stripe/settings", {"async_settle_after_seconds": 3600})
    made, _ = debit(account)

    control("clock", {"advance_seconds": 3601})

    drain()
    assert hook.types()[4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    after = client.v1.checkout.sessions.retrieve(made.id)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    assert intent_of(made).last_payment_error.code == code


def test_a_session_for_cards_takes_no_bank_debit(session, pay):
    assert "takes only card" in pay(session(), status=422, account_number="000123456789")["error"]
