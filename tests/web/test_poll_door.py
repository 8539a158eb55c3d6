"""The door in front of the application: it answers only what it is for, and with every header the application has."""

from __future__ import annotations

import time

import pytest

from provvypay.flows import live
from provvypay.web.poll_door import pace, seen

HTMX = {"HX-Request": "true", "HX-Target": "payment_status"}


@pytest.fixture
def link(make):
    return make.link()


@pytest.fixture
def path(link):
    return f"/p/{link.short_code}?seen={seen(live.new_face_token(link.short_code), 2)}&since={int(time.time())}"


def status(client, path, **changed):
    headers = {name: value for name, value in (HTMX | changed).items() if value is not None}
    return client.open("GET", path, headers=headers).status


def test_a_poll_with_nothing_new_is_answered_at_the_door(client, path):
    answer = client.open("GET", path, headers=HTMX)

    assert (answer.status, answer.response.data) == (204, b"")


def test_the_door_sends_the_same_headers_as_the_application(client, path, link):
    door = client.open("GET", path, headers=HTMX).headers
    inside = client.open("GET", f"/p/{link.short_code}/qr.svg").headers

    own = {"Content-Type", "Content-Length", "Content-Disposition", "X-Request-Id", "Set-Cookie"}
    for name, value in inside.items():
        if name not in own:
            assert name == "Vary" or door[name] == value, name
    assert door["Vary"] == "HX-Request, HX-Target"
    assert len(door["X-Request-Id"]) == 32
    assert "Set-Cookie" not in door


@pytest.mark.parametrize(
    "changed",
    [
        {"HX-Target": "content"},
        {"HX-Target": None},
        {"HX-Request": None},
        {"HX-Boosted": "true"},
        {"HX-History-Restore-Request": "true"},
    ],
)
def test_what_is_no_poll_passes_on(client, path, changed):
    assert client.open("GET", path, headers={k: v for k, v in (HTMX | changed).items() if v}, target=None).status == 200


def test_another_method_passes_on(client, path):
    assert client.open("POST", path, headers=HTMX).status in {400, 405}
    assert client.open("DELETE", path, headers=HTMX).status == 405


@pytest.mark.parametrize("host", ["http://evil.example", "http://127.0.0.1.evil.example", "http://evil.example:80"])
def test_another_hosts_poll_is_refused_inside(client, path, host):
    assert client.open("GET", path, headers=HTMX, base_url=host).status == 400


@pytest.mark.parametrize("change", [("seen=", "seen=x"), ("since=", "since=x"), (".2&", ".10&"), ("&since=", "&sinc=")])
def test_another_token_or_pace_passes_on(client, path, change):
    assert client.open("GET", path.replace(*change), target="payment_status").status == 200


def test_after_two_minutes_the_pace_is_slower_once(client, link):
    token = live.new_face_token(link.short_code)
    since = int(time.time()) - 130

    assert status(client, f"/p/{link.short_code}?seen={seen(token, 10)}&since={since}") == 204
    assert (
        client.open("GET", f"/p/{link.short_code}?seen={seen(token, 2)}&since={since}", target="payment_status").status
        == 200
    )


@pytest.mark.parametrize(("waited", "seconds"), [(0, 2), (119, 2), (120, 10), (86_400, 10), (-5, 2)])
def test_who_waits_longer_is_asked_less_often(waited, seconds):
    assert pace(1_000_000 - waited, 1_000_000) == seconds
