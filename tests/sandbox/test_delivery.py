"""Webhooks: signed, at least once, retried, and in every disorder a test may wish for."""

import hashlib
import hmac
import json
import time

import pytest
import stripe

SECRET = "whsec_test_of_the_sandbox"


def test_a_delivery_looks_like_stripes(session, pay, drain, hook):
    pay(session())
    drain()

    headers, body = hook.received[0]

    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    assert body.startswith(b'{\n  "id": "evt_')
    event = json.loads(body)
    assert (event["object"], event["api_version"], event["livemode"]) == ("event", "2026-10-28.endive", False)
    assert event["request"] == {"id": None, "idempotency_key": None}
    assert event["pending_webhooks"] == 1


def test_the_signature_is_an_hmac_with_the_whole_secret(session, pay, drain, hook):
    pay(session())
    drain()

    headers, body = hook.received[0]
    stamp, digest = (part.split("=")[1] for part in headers["Stripe-Signature"].split(","))

    assert abs(int(stamp) - time.time()) < 10
    assert digest == hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET).id.startswith("evt_")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", headers["Stripe-Signature"], SECRET)


@pytest.mark.parametrize("answer", [500, 400, 404, 302])
def test_any_answer_but_2xx_is_tried_again(session, control, drain, hook, client, answer):
    hook.statuses = [answer, answer]

    client.v1.checkout.sessions.expire(session().id)

    deliveries = drain()
    assert [attempt["http_status"] for attempt in deliveries[0]["attempts"]] == [answer, answer, 200]
    assert deliveries[0]["status"] == "delivered"
    assert len({event.id for event in hook.events()}) == 1


def test_each_attempt_is_signed_anew(session, client, control, drain, hook):
    control("stripe/settings", {"retry_schedule_seconds": [1.1]})
    hook.statuses = [500]

    client.v1.checkout.sessions.expire(session().id)

    drain()
    first, second = (headers["Stripe-Signature"] for headers, _ in hook.received)
    assert first != second


def test_a_delivery_fails_when_every_retry_is_used_up_and_can_be_sent_again(session, client, control, drain, hook):
    hook.statuses = [500] * 4

    client.v1.checkout.sessions.expire(session().id)

    assert drain()[0]["status"] == "failed"
    assert client.v1.events.list(params={"delivery_success": False}).data[0].pending_webhooks == 1
    assert control("stripe/deliveries/redeliver", {}) == {"queued": 1}
    assert drain()[0]["status"] == "delivered"
    assert client.v1.events.list(params={"delivery_success": False}).data == []


def test_nobody_listening_is_a_failure_like_any_other(session, client, control, drain, hook):
    control("stripe/webhook-endpoint", {"url": "http://127.0.0.1:9/hook", "secret": SECRET})
    client.v1.checkout.sessions.expire(session().id)

    failed = drain()[0]

    assert (failed["status"], failed["attempts"][0]["http_status"]) == ("failed", None)
    assert "refused" in failed["attempts"][0]["error"]
    control("stripe/webhook-endpoint", {"url": hook.url, "secret": SECRET})
    control("stripe/deliveries/redeliver", {})
    drain()
    assert hook.types() == ["checkout.session.expired"]


def test_an_answer_that_takes_too_long_is_a_failure(session, client, control, drain, hook):
    control("stripe/settings", {"delivery_timeout_seconds": 0.1, "retry_schedule_seconds": []})
    hook.on_receive = lambda: time.sleep(0.3)

    client.v1.checkout.sessions.expire(session().id)

    assert "timed out" in drain()[0]["attempts"][0]["error"].lower()


def test_every_event_can_be_duplicated(session, pay, control, drain, hook):
    control("faults", {"kind": "webhook_duplicate", "times": 3, "pattern": "checkout.session.*"})

    pay(session())

    drain()
    assert hook.types().count("checkout.session.completed") == 3
    assert hook.types().count("charge.succeeded") == 1
    assert len({event.id for event in hook.events()}) == 5


def test_events_can_be_shuffled(session, pay, control, drain, hook):
    control("faults", {"kind": "webhook_shuffle", "window_seconds": 0.1})

    orders = []
    for _ in range(6):
        hook.received.clear()
        pay(session())
        drain()
        orders.append(tuple(hook.types()))

    assert len(set(orders)) > 1
    assert {frozenset(order) for order in orders} == {frozenset(orders[0])}


def test_events_can_be_delayed(session, client, control, drain, hook):
    control("faults", {"kind": "webhook_delay", "seconds": 0.4})
    started = time.monotonic()

    client.v1.checkout.sessions.expire(session().id)

    assert hook.received == []
    drain()
    assert time.monotonic() - started >= 0.4
    assert len(hook.received) == 1


def test_events_can_be_lost_and_found(session, pay, control, drain, hook, client):
    control("faults", {"kind": "webhook_drop", "pattern": "checkout.session.completed", "remaining": 1})

    pay(session())

    drain()
    assert "checkout.session.completed" not in hook.types()
    lost = client.v1.events.list(params={"delivery_success": False}).data
    assert [event.type for event in lost] == ["checkout.session.completed"]
    assert control("stripe/deliveries/redeliver", {"event_ids": [lost[0].id]}) == {"queued": 1}
    drain()
    assert hook.types()[-1] == "checkout.session.completed"


def test_held_deliveries_are_sent_in_the_order_a_test_chooses(session, pay, control, drain, hook, client):
    control("stripe/hold", {})
    pay(session())
    control("stripe/fees/settle", {})
    newest_first = [event.id for event in client.v1.events.list().data]
    assert hook.received == []

    sent = control("stripe/deliveries/send", {"event_ids": newest_first})

    assert [attempt["http_status"] for attempt in sent["attempts"]] == [200] * 5
    assert [event.id for event in hook.events()] == newest_first
    assert {delivery["status"] for delivery in control("stripe/deliveries")["deliveries"]} == {"delivered"}


def test_released_deliveries_come_in_the_order_in_which_things_happened(session, pay, control, drain, hook):
    control("stripe/hold", {})
    pay(session())

    assert control("stripe/release", {})["queued"] == 4

    drain()
    assert hook.types()[:4] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_one_event_can_be_delivered_many_times_at_once(session, pay, control, drain, hook, client):
    pay(session())
    drain()
    event = client.v1.events.list(params={"type": "checkout.session.completed"}).data[0]
    hook.received.clear()
    together = []
    most = []
    hook.on_receive = lambda: (together.append(1), most.append(len(together)), time.sleep(0.2), together.pop())

    sent = control(f"stripe/events/{event.id}/deliver", {"times": 10, "concurrent": True})

    assert [attempt["http_status"] for attempt in sent["attempts"]] == [200] * 10
    assert {received.id for received in hook.events()} == {event.id}
    assert max(most) > 5


@pytest.mark.parametrize("kind", ["wrong_secret", "stale", "missing"])
def test_an_event_can_be_sent_with_a_signature_that_must_be_refused(session, client, control, drain, hook, kind):
    client.v1.checkout.sessions.expire(session().id)
    event = drain()[0]["event"]
    hook.received.clear()

    control(f"stripe/events/{event}/deliver", {"signature": kind})

    headers, body = hook.received[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers.get("Stripe-Signature", ""), SECRET)


def test_an_event_of_an_unknown_thing_can_be_made_by_hand(control, drain, hook, client):
    made = control(
        "stripe/events", {"type": "invoice.paid", "object": {"id": "in_1", "object": "invoice"}, "livemode": True}
    )

    drain()
    event = hook.events()[0]
    assert (event.id, event.type, event.livemode, event.data.object.id) == (made["id"], "invoice.paid", True, "in_1")
    assert client.v1.events.retrieve(made["id"]).type == "invoice.paid"


def test_events_never_change_and_can_be_listed(session, pay, drain, client, hook):
    made = session()
    pay(made, card="4000000000000002")
    pay(made)
    drain()

    delivered = {event.id: event.data.to_dict() for event in hook.events()}
    listed = client.v1.events.list(params={"limit": 100}).data

    assert [event.id for event in reversed(listed)] == [event.id for event in hook.events()]
    assert {event.id: event.data.to_dict() for event in listed} == delivered
    assert {event.pending_webhooks for event in listed} == {0}
    created = client.v1.events.list(params={"type": "payment_intent.created"}).data[0]
    assert created.data.object.status == "requires_payment_method"


def test_events_are_filtered_by_type_and_time(session, pay, client):
    pay(session())

    def types(**params):
        return sorted(event.type for event in client.v1.events.list(params=params).data)

    assert types(type="charge.*") == ["charge.succeeded"]
    assert types(types=["charge.succeeded", "payment_intent.created"]) == ["charge.succeeded", "payment_intent.created"]
    assert types(created={"gte": int(time.time()) + 100}) == []
    assert len(types(created={"gte": int(time.time()) - 100})) == 4


def test_an_endpoint_made_by_the_api_gets_what_it_asked_for(client, session, pay, drain, hook):
    endpoint = client.v1.webhook_endpoints.create(
        params={
            "url": hook.url + "/second",
            "enabled_events": ["checkout.session.completed"],
            "api_version": "2026-10-28.endive",
        }
    )

    pay(session())

    drain()
    assert endpoint.secret.startswith("whsec_")
    listed = client.v1.webhook_endpoints.list().data
    assert len(listed) == 2
    assert all("secret" not in row for row in listed)
    signed = [body for headers, body in hook.received if _verifies(body, headers["Stripe-Signature"], endpoint.secret)]
    assert [json.loads(body)["type"] for body in signed] == ["checkout.session.completed"]
    assert client.v1.webhook_endpoints.retrieve(endpoint.id).url == endpoint.url


def _verifies(body, signature, secret):
    try:
        stripe.Webhook.construct_event(body, signature, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_webhooks_go_to_this_machine_only(client, control):
    with pytest.raises(stripe.InvalidRequestError, match="only addresses of this machine"):
        client.v1.webhook_endpoints.create(params={"url": "https://example.com/", "enabled_events": ["*"]})

    control("stripe/webhook-endpoint", {"url": "http://10.0.0.1/hook", "secret": "x"}, status=422)


def test_a_drain_that_cannot_end_says_so(session, client, control, hook):
    hook.statuses = [500] * 10
    control("stripe/settings", {"retry_schedule_seconds": [60]})
    client.v1.checkout.sessions.expire(session().id)

    assert control("stripe/deliveries/drain", {"timeout_seconds": 0.3})["idle"] is False
    assert control("stripe/deliveries/drain", {"timeout_seconds": 5, "retries": False})["idle"] is True


def test_the_card_page_waits_for_the_webhooks_answer(session, sandbox, hook, control, http):
    made = session()
    answered = []
    hook.on_receive = lambda: (time.sleep(0.1), answered.append(time.monotonic()))
    form = {"email": "a@example.com", "card": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "A"}

    page = http.post(made.url, data=form)

    assert page.status_code == 303
    assert len(answered) >= 4  # the fourth is checkout.session.completed
    control("stripe/settings", {"redirect_wait_seconds": 0.2, "delivery_timeout_seconds": 5})
    hook.on_receive = lambda: time.sleep(1)
    started = time.monotonic()
    again = http.post(session().url, data=form)
    assert again.status_code == 303
    assert time.monotonic() - started < 1
