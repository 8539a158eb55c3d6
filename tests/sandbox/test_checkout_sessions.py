"""Checkout Sessions, through Stripe's own SDK."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe


def test_a_new_session_is_open_and_its_page_is_the_sandboxs(session, sandbox):
    made = session(1099, "usd")

    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    assert (made.amount_total, made.currency, made.client_reference_id) == (1099, "usd", "AB2C")
    assert made.url == f"{sandbox.url}/stripe/checkout/{made.id}"
    assert made.id.startswith("cs_test_")
    assert made.metadata.to_dict() == {"payment_link_id": "pl_1"}
    assert made.last_response.headers["Request-Id"].startswith("req_")
    assert made.last_response.headers["Stripe-Version"] == "2026-10-28.endive"


def test_a_session_lives_24_hours_unless_told_otherwise(session):
    in_an_hour = int(time.time()) + 3600

    assert session().expires_at - int(time.time()) == pytest.approx(86400, abs=5)
    assert session(expires_at=in_an_hour).expires_at == in_an_hour


def test_everything_can_be_expanded_to_the_balance_transaction(client, session, pay, drain):
    made = session()
    pay(made)
    drain()

    read = client.v1.checkout.sessions.retrieve(
        made.id, params={"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    )

    assert read.payment_intent.latest_charge.balance_transaction.fee == 62
    assert read.payment_intent.latest_charge.balance_transaction.net == 1037
    assert [item.description for item in read.line_items.data] == ["Oak bench, 1.8 m: deposit"]
    assert "decimal" in type(read.line_items.data[0].price.unit_amount_decimal).__module__


def test_lists_expand_below_data(client, session, pay):
    pay(session())

    listed = client.v1.checkout.sessions.list(params={"expand": ["data.payment_intent.latest_charge"]})

    assert listed.data[0].payment_intent.latest_charge.status == "succeeded"


@pytest.mark.parametrize(
    "path", ["payment_intent.latest_charge.balance_transaction.source.x", "metadata", "payment_intent.amount"]
)
def test_what_cannot_be_expanded_is_refused_before_anything_is_made(client, wanted, path):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(params=wanted(expand=[path]))

    assert refused.value.param == "expand"
    assert client.v1.checkout.sessions.list().data == []


def test_an_open_session_can_be_expired_once(client, session, hook, drain):
    made = session()

    ended = client.v1.checkout.sessions.expire(made.id)

    assert (ended.status, ended.payment_status, ended.url) == ("expired", "unpaid", None)
    with pytest.raises(stripe.InvalidRequestError, match=r'status in \["open"\].* has a status of `expired`'):
        client.v1.checkout.sessions.expire(made.id)
    drain()
    assert hook.types() == ["checkout.session.expired"]
    assert hook.events()[0].request.id == ended.last_response.headers["Request-Id"]


def test_a_paid_session_cannot_be_expired(client, session, pay):
    made = session()
    pay(made)

    with pytest.raises(stripe.InvalidRequestError, match="has a status of `complete`"):
        client.v1.checkout.sessions.expire(made.id)


def test_a_session_expires_by_itself_when_its_time_is_over(client, session, control, hook, drain):
    made = session()

    control("clock", {"advance_seconds": 86401})

    assert client.v1.checkout.sessions.retrieve(made.id).status == "expired"
    drain()
    assert hook.types() == ["checkout.session.expired"]


def test_an_expiry_cancels_the_intent_of_a_payer_who_tried(client, session, pay, hook, drain):
    made = session()
    pay(made, card="4000000000000002")

    ended = client.v1.checkout.sessions.expire(made.id)

    drain()
    assert hook.types()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]
    assert client.v1.payment_intents.retrieve(ended.payment_intent).status == "canceled"


def test_sessions_are_listed_newest_first_with_filters_and_cursors(client, session, pay):
    made = [session(1000 + number) for number in range(5)]
    pay(made[2])
    intent = client.v1.checkout.sessions.retrieve(made[2].id).payment_intent

    def ids(**params):
        return [item.id for item in client.v1.checkout.sessions.list(params=params).data]

    newest_first = [item.id for item in reversed(made)]
    assert ids() == newest_first
    assert ids(limit=2) == newest_first[:2]
    assert ids(limit=2, starting_after=newest_first[1]) == newest_first[2:4]
    assert ids(limit=2, ending_before=newest_first[3]) == newest_first[1:3]
    assert ids(status="complete") == [made[2].id]
    assert ids(payment_intent=intent) == [made[2].id]
    assert ids(created={"gt": int(time.time()) + 60}) == []
    paged = client.v1.checkout.sessions.list(params={"limit": 2}).auto_paging_iter()
    assert [item.id for item in paged] == newest_first


def test_a_cursor_that_names_nothing_is_refused(client, session):
    session()

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.list(params={"starting_after": "cs_test_nothing"})

    assert (refused.value.http_status, refused.value.param) == (400, "starting_after")


def test_line_items_have_their_own_list(client, session):
    made = session()

    items = client.v1.checkout.sessions.line_items.list(made.id)

    assert [(item.amount_total, item.quantity) for item in items.data] == [(1099, 1)]


def test_an_expiry_and_a_payment_at_once_resolve_to_exactly_one(client_for, session, sandbox, control, http):
    made = [session() for _ in range(8)]

    def expire(one):
        try:
            return client_for().v1.checkout.sessions.expire(one.id).status
        except stripe.InvalidRequestError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        ended = [pool.submit(expire, one) for one in made]
        paid = [pool.submit(_outcome, sandbox, one, http) for one in made]
        results = [(one.result(), other.result()) for one, other in zip(ended, paid, strict=True)]

    assert set(results) <= {("expired", "closed"), ("refused", "succeeded")}
    books = control("stripe/books")
    assert len(books["charges"]) == sum(outcome == "succeeded" for _, outcome in results)


def _outcome(sandbox, one, http):
    return http.post(f"{sandbox.url}/_control/stripe/sessions/{one.id}/pay").json()["outcome"]


def test_an_unknown_session_is_missing(client):
    with pytest.raises(stripe.InvalidRequestError, match="No such checkout\\.session: cs_test_nope") as refused:
        client.v1.checkout.sessions.retrieve("cs_test_nope")

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
