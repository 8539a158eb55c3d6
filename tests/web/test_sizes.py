"""SIZ: what is too much is refused quickly, and before anything reads it."""

from __future__ import annotations

import gzip
import io
import time

import pytest

from provvypay.models.payment import PaymentAttempt


def test_siz_01_a_form_of_five_megabytes_is_refused(client):
    assert client.open("POST", "/login", data={"email": "a" * 5_000_000}).status == 413


def test_siz_01_a_webhook_may_be_a_megabyte_and_no_more(client):
    kind = {"Content-Type": "application/json", "Stripe-Signature": "t=1,v1=00"}

    assert client.open("POST", "/webhooks/stripe", data=b" " * 1_000_000, headers=kind).status == 400
    assert client.open("POST", "/webhooks/stripe", data=b" " * 2_000_000, headers=kind).status == 413


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("&".join(f"f{n}=1" for n in range(10_000)), id="ten thousand fields"),
        pytest.param("&" * 200_000, id="nothing but separators"),
        pytest.param("csrf_token=" + "%41" * 60_000, id="a long token"),
    ],
)
def test_siz_02_odd_forms_are_refused_within_a_second(body, client):
    started = time.monotonic()
    page = client.open("POST", "/login", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert page.status in {400, 413}
    assert time.monotonic() - started < 1


def test_siz_02_deep_json_where_none_is_expected_is_refused(client):
    body = "[" * 5000 + "]" * 5000

    assert client.open("POST", "/login", data=body, headers={"Content-Type": "application/json"}).status == 400


@pytest.mark.parametrize("path", ["/login", "/webhooks/stripe"])
def test_siz_03_a_packed_body_is_not_unpacked(path, client):
    bomb = gzip.compress(b"a=" + b"0" * 200_000)

    page = client.open("POST", path, data=bomb, headers={"Content-Encoding": "gzip"})

    assert page.status == 415


def test_siz_01_the_way_to_the_card_page_takes_no_more_than_a_form(client, make, sandbox, rows):
    link = make.link()

    answer = client.open("POST", f"/p/{link.short_code}/card", data={"csrf_token": client.token(), "x": "a" * 300_000})

    assert answer.status == 413
    assert rows(PaymentAttempt) == (0,)


@pytest.mark.parametrize("path", ["/login", "/webhooks/stripe", "/p/BBBBBBBB/card"])
def test_siz_02_a_body_that_does_not_say_its_length_is_refused(path, client):
    answer = client.open(
        "POST",
        path,
        input_stream=io.BytesIO(b"a=1"),
        headers={"Transfer-Encoding": "chunked", "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status == 411


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "FOO"])
@pytest.mark.parametrize("path", ["/p/BBBBBBBB", "/p/BBBBBBBB/card", "/p/BBBBBBBB/receipt", "/webhooks/stripe"])
def test_hdr_02_methods_that_no_page_has_are_refused(method, path, client):
    answer = client.open(method, path, headers={"X-HTTP-Method-Override": "POST"})

    assert answer.status == 405
    assert answer.headers["Allow"]
