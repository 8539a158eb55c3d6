"""WHK: only what Stripe signed just now is stored, once, byte for byte."""

import hashlib
import hmac
import json
import time
import uuid

import pytest


def signature(body: bytes, secret: str, *, at: float | None = None, scheme: str = "v1") -> str:
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},{scheme}={mac}"


@pytest.fixture
def event():
    return {
        "id": f"evt_{uuid.uuid4().hex}", "object": "event", "api_version": "2026-10-28.endive",
        "created": int(time.time()), "livemode": False, "pending_webhooks": 1, "type": "checkout.session.completed",
        "request": {"id": None, "idempotency_key": None},
        "data": {"object": {"id": "cs_test_of_nobody", "object": "checkout.session"}},
    }  # fmt: skip


@pytest.fixture
def send(client, settings):
    def post(body, signed=None, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = signature(raw, settings.stripe_webhook_secret) if signed is None else signed
        sent = {"Content-Type": "application/json", **({"Stripe-Signature": kept} if kept else {}), **headers}
        return client.open("POST", "/webhooks/stripe", data=raw, headers=sent)

    return post


@pytest.fixture
def stored(observer, event):
    def rows():
        return observer.sql("SELECT * FROM inbox WHERE event_id = :id", id=event["id"])

    return rows


def test_a_signed_event_is_stored_and_answered_at_once(send, event, stored):
    answer = send(event)

    assert (answer.status, answer.json) == (200, {"received": True, "event": event["id"]})
    assert [(row.state, row.payload["id"]) for row in stored()] == [("NEW", event["id"])]


def test_whk_07_the_same_event_again_is_answered_and_stored_once(send, event, stored):
    assert [send(event).status for _ in range(3)] == [200, 200, 200]
    assert len(stored()) == 1


@pytest.mark.parametrize("signed", ["", "t=,v1=", "nonsense", "t=1", "v1=00", "t=1,v1=00", "\u00e9"])
def test_whk_01_what_is_not_signed_is_refused(signed, send, event, stored):
    assert send(event, signed).status == 400
    assert stored() == []


def test_whk_01_two_signatures_are_one_too_many_if_neither_fits(client, event, settings, stored):
    raw = json.dumps(event).encode()
    headers = [("Stripe-Signature", "t=1,v1=00"), ("Stripe-Signature", signature(raw, "whsec_other"))]

    answer = client.raw.post("/webhooks/stripe", data=raw, headers=headers, base_url=client.base_url)

    assert answer.status_code == 400
    assert stored() == []


@pytest.mark.parametrize(
    "kwargs",
    [{"secret": "whsec_of_somebody_else"}, {"scheme": "v0"}, {"age": 301}, {"age": -301}],
    ids=str,
)
def test_whk_02_and_04_wrong_secret_scheme_or_time_are_refused(kwargs, send, event, stored, settings):
    raw = json.dumps(event).encode()
    kept = signature(
        raw,
        kwargs.get("secret", settings.stripe_webhook_secret),
        at=time.time() - kwargs.get("age", 0),
        scheme=kwargs.get("scheme", "v1"),
    )

    assert send(raw, kept).status == 400
    assert stored() == []


def test_whk_03_one_byte_more_or_other_spacing_is_another_body(send, event, settings, stored):
    raw = json.dumps(event).encode()
    kept = signature(raw, settings.stripe_webhook_secret)

    assert send(raw + b" ", kept).status == 400
    assert send(json.dumps(event, indent=1).encode(), kept).status == 400
    assert stored() == []


@pytest.mark.parametrize(
    "body", [b"not json", b"[]", b'"text"', b"null", b"{}", b"", b"\x00", b'{"id": 7}', b"[" * 3000]
)
def test_whk_06_signed_nonsense_is_refused_and_never_a_failure(body, send):
    answer = send(body)

    assert (answer.status, answer.json["error"]["code"]) == (400, "unreadable_event")
    assert "is signed" in answer.json["error"]["message"]


def test_whk_06_what_is_no_text_has_no_signature_that_fits(send):
    answer = send(b"\xff")

    assert (answer.status, answer.json["error"]["code"]) == (400, "bad_signature")


def test_an_event_of_the_other_mode_is_kept_as_ignored(send, event, stored):
    assert send(event | {"livemode": True}).status == 200
    assert [(row.state, row.note) for row in stored()] == [("IGNORED", "of the other mode")]


def test_an_event_of_another_account_is_kept_as_ignored(send, event, stored):
    assert send(event | {"account": "acct_somebody"}).status == 200
    assert [row.state for row in stored()] == ["IGNORED"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_whk_09_only_posts_are_taken(method, client):
    assert client.open(method, "/webhooks/stripe").status == 405


def test_whk_09_a_form_is_no_event(client):
    assert client.open("POST", "/webhooks/stripe", data={"id": "evt_1"}).status == 400


def test_an_event_about_nobodys_session_is_handled_and_ignored(send, event, stored, run_jobs, sandbox):
    send(event)

    run_jobs()

    assert [row.state for row in stored()] == ["IGNORED"]
