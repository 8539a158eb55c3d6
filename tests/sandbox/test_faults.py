"""Faults on the way to Stripe: what a client sees, and what really happened behind it."""

import time

import httpx
import pytest
import stripe


def sessions(client):
    return client.v1.checkout.sessions.list(params={"limit": 100}).data


def test_a_plain_error_does_nothing_and_is_kept_for_its_key(client_for, wanted, control, client):
    control("faults", {"kind": "error", "pattern": "/v1/checkout/sessions", "remaining": 1})

    with pytest.raises(stripe.APIError) as failed:
        client_for(retries=2).v1.checkout.sessions.create(params=wanted(), options={"idempotency_key": "k"})

    assert failed.value.http_status == 500
    assert failed.value.headers["Idempotent-Replayed"] == "true"
    assert sessions(client) == []


def test_an_error_of_a_machine_in_front_is_not_kept(client_for, wanted, control, client):
    control("faults", {"kind": "error", "status": 502, "html": True, "remaining": 1})

    made = client_for(retries=1).v1.checkout.sessions.create(params=wanted(), options={"idempotency_key": "k"})

    assert [item.id for item in sessions(client)] == [made.id]


def test_a_500_after_the_commit_leaves_the_session_made(client, wanted, control):
    control("faults", {"kind": "error_after_commit", "method": "POST", "remaining": 1})

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.checkout.sessions.create(params=wanted(), options={"idempotency_key": "k"})

    assert len(sessions(client)) == 1


def test_a_lost_answer_is_found_again_with_the_same_key(client_for, wanted, control, client):
    control("faults", {"kind": "drop_after_commit", "method": "POST", "remaining": 1})

    made = client_for(retries=1).v1.checkout.sessions.create(params=wanted(), options={"idempotency_key": "k"})

    assert made.last_response.headers["Idempotent-Replayed"] == "true"
    assert [item.id for item in sessions(client)] == [made.id]


def test_a_lost_answer_without_a_retry_is_a_connection_error(client, wanted, control):
    control("faults", {"kind": "drop_after_commit", "method": "POST", "remaining": 1})

    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(params=wanted())

    assert len(sessions(client)) == 1


def test_a_connection_dropped_before_the_commit_did_nothing(client, wanted, control):
    control("faults", {"kind": "drop", "method": "POST", "remaining": 1})

    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(params=wanted())

    assert sessions(client) == []


@pytest.mark.parametrize("kind", ["slow", "slow_after_commit"])
def test_a_slow_answer_runs_into_the_clients_time_out(wanted, control, client, sandbox, kind):
    control("faults", {"kind": kind, "seconds": 0.5, "method": "POST", "remaining": 1})
    hasty = stripe.StripeClient(
        "sk_test_hasty",
        base_addresses={"api": f"{sandbox.url}/stripe"},
        http_client=stripe.RequestsClient(timeout=(1, 0.2)),
    )

    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.checkout.sessions.create(params=wanted())

    deadline = time.monotonic() + 3
    while not sessions(client) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(sessions(client)) == 1


def test_the_rate_limit_answers_429_with_its_reason(client, control):
    control("faults", {"kind": "rate_limit", "reason": "endpoint-rate", "remaining": 1})

    with pytest.raises(stripe.RateLimitError) as limited:
        sessions(client)

    assert limited.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert limited.value.error.code == "rate_limit"
    assert sessions(client) == []


def test_a_limit_a_second_lets_so_many_through(client, control):
    control("stripe/settings", {"rate_limit_per_second": 3})

    answers = []
    for _ in range(5):
        try:
            sessions(client)
            answers.append(200)
        except stripe.RateLimitError:
            answers.append(429)

    assert answers == [200, 200, 200, 429, 429]


def test_a_fault_strikes_only_where_it_was_put(client, control, session):
    control("faults", {"kind": "error", "pattern": "/v1/events*", "method": "GET"})

    assert session().status == "open"
    with pytest.raises(stripe.APIError):
        client.v1.events.list()


def test_a_fault_ends_by_count_or_by_hand(client, control):
    control("faults", {"kind": "error", "remaining": 2})
    fault = control("faults", {"kind": "rate_limit"})

    for _ in range(2):
        with pytest.raises(stripe.StripeError):
            sessions(client)
    assert [one["id"] for one in control("faults")["faults"]] == [fault["id"]]

    control(f"faults/{fault['id']}", method="DELETE")
    assert sessions(client) == []
    control(f"faults/{fault['id']}", method="DELETE", status=404)
    control("faults", {"kind": "error"})
    assert control("faults", method="DELETE") == {"removed": 1}


@pytest.mark.parametrize(
    "description",
    [
        {"kind": "earthquake"},
        {"kind": "error", "vendor": "nobody"},
        {"kind": "error", "remaining": 0},
        {"kind": "error", "seconds": 3},
        {"kind": "webhook_drop", "vendor": "coingecko"},
        {"kind": "unauthorized", "vendor": "stripe"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(control, description):
    assert control("faults", description, status=422)["error"]
    assert control("faults")["faults"] == []


def test_a_webhook_signature_can_carry_another_time(control, session, client, drain, hook):
    control("clock", {"signature_offset_seconds": -600})

    client.v1.checkout.sessions.expire(session().id)

    drain()
    headers, body = hook.received[0]
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_test_of_the_sandbox")


def test_unread_answers_are_no_reason_to_stop(sandbox, http):
    with httpx.Client() as rude, rude.stream("GET", f"{sandbox.url}/_control/health"):
        pass

    assert http.get(f"{sandbox.url}/_control/health").json()["status"] == "ok"
