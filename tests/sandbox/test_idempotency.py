"""Idempotency keys: one act for one key, however often it is asked for."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

FORM = {
    "mode": "payment",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "1099",
    "line_items[0][price_data][product_data][name]": "Bench",
    "success_url": "http://127.0.0.1:9/ok",
}


@pytest.fixture
def post(sandbox, http):
    """POST a session by hand and return the raw answer."""

    def send(key, path="checkout/sessions", **more):
        headers = {"Authorization": "Bearer sk_test_plain"} | ({"Idempotency-Key": key} if key else {})
        return http.post(
            f"{sandbox.url}/stripe/v1/{path}", data={**FORM, **more} if more != {"empty": True} else {}, headers=headers
        )

    return send


def test_a_replay_is_the_same_answer_byte_for_byte(post, client):
    first, second = post("pl:1:attempt:1"), post("pl:1:attempt:1")

    assert first.content == second.content
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Idempotency-Key"] == "pl:1:attempt:1"
    assert first.headers["Request-Id"] != second.headers["Request-Id"]
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_a_replay_shows_the_session_as_it_was(post, pay, client):
    first = post("k")
    session = client.v1.checkout.sessions.retrieve(first.json()["id"])
    pay(session)

    assert post("k").json()["status"] == "open"


def test_other_parameters_or_another_path_under_the_same_key_are_refused(post, client, session):
    post("k")
    other = session()

    changed = post("k", success_url="http://127.0.0.1:9/other")
    elsewhere = post("k", path=f"checkout/sessions/{other.id}/expire", empty=True)

    for refused in (changed, elsewhere):
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "idempotency_error"
        assert "Try using a key other than 'k'" in refused.json()["error"]["message"]


def test_the_sdk_sees_an_idempotency_error(client, wanted):
    client.v1.checkout.sessions.create(params=wanted(1099), options={"idempotency_key": "k"})

    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create(params=wanted(1100), options={"idempotency_key": "k"})


def test_a_second_request_while_the_first_still_runs_is_a_conflict(post, control):
    control("faults", {"kind": "slow", "seconds": 0.6, "remaining": 1})

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, "k")
        time.sleep(0.2)
        second = pool.submit(post, "k").result()

    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert first.result().status_code == 200
    assert post("k").content == first.result().content


def test_twenty_requests_at_once_make_one_session(post, client):
    barrier = threading.Barrier(20)

    def send(_):
        barrier.wait()
        return post("k")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_failed_validation_does_not_use_the_key_up(post):
    assert post("k", bogus="1").status_code == 400
    assert post("k").status_code == 200


def test_a_refusal_of_the_endpoint_itself_is_kept(post, session, client):
    made = session()
    client.v1.checkout.sessions.expire(made.id)

    first = post("k", path=f"checkout/sessions/{made.id}/expire", empty=True)
    second = post("k", path=f"checkout/sessions/{made.id}/expire", empty=True)

    assert (first.status_code, second.status_code) == (400, 400)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_key_is_forgotten_after_a_day(post, control):
    first = post("k")

    control("clock", {"advance_seconds": 86402})

    assert post("k").json()["id"] != first.json()["id"]


def test_without_a_key_every_request_acts(post, client):
    post(None)
    post(None)

    assert len(client.v1.checkout.sessions.list().data) == 2


def test_too_long_a_key_is_refused(post):
    assert post("k" * 256).status_code == 400
