"""CSR: what changes something needs a token of this very session, and reading changes nothing."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine

from provvypay.domain.roles import Role
from tests.web.access import ACCESS, NOBODY

# A session notes when it was last used, and the sandbox may still deliver what an earlier test made: no act of ours.
UNRELATED = ("user_sessions", "inbox")
UNSAFE = [route for route in ACCESS if route.startswith("POST") and not route.startswith("POST /webhooks/")]


@pytest.fixture
def paths(make, sandbox):
    link = make.link()
    values = {
        "<uuid:link_id>": str(link.id),
        "<short_code>": link.short_code,
        "<uuid:grant_id>": NOBODY,
        "<uuid:refund_id>": NOBODY,
    }

    def path(route: str) -> str:
        found = route.removeprefix("POST ")
        for name, value in values.items():
            found = found.replace(name, value)
        # an id of nothing for whatever else a route asks for
        return re.sub(r"<uuid:\w+>", NOBODY, found)

    return path


def unchanged(observer, before) -> bool:
    return observer.fingerprint(but=UNRELATED) == before


@pytest.mark.parametrize("kind", ["none", "wrong", "another session's", "expired"])
def test_csr_01_no_unsafe_route_acts_without_a_good_token(kind, signed_in, new_client, paths, observer):
    client = signed_in()
    stranger = new_client()
    with time_machine.travel(dt.datetime.now(dt.UTC) - dt.timedelta(days=2)):
        old = client.token()
    tokens = {"none": {}, "wrong": {"csrf_token": "x" * 90}, "expired": {"csrf_token": old}}
    tokens["another session's"] = {"csrf_token": stranger.token()}
    before = observer.fingerprint(but=UNRELATED)

    answers = {route: client.open("POST", paths(route), data=tokens[kind]).status for route in UNSAFE}

    assert answers == dict.fromkeys(UNSAFE, 400)
    assert unchanged(observer, before)


def test_csr_01_only_the_webhooks_need_no_token(product):
    exempt = product.extensions["csrf"]

    assert {blueprint.name for blueprint in exempt._exempt_blueprints} == {"webhooks"}
    assert exempt._exempt_views == set()


def test_csr_02_htmx_sends_the_token_in_a_header(signed_in):
    client = signed_in()
    path = client.url("notifications.mark_all_read")

    with_header = client.open("POST", path, target="notifications_list", headers={"X-CSRFToken": client.token()})
    with_cookie_only = client.open("POST", path, target="notifications_list")

    assert (with_header.status, with_cookie_only.status) == (200, 400)


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303), ("x", 403)]
)
def test_csr_03_another_sites_form_is_refused_even_with_a_good_token(site, status, signed_in):
    client = signed_in()

    answer = client.open(
        "POST",
        client.url("notifications.mark_all_read"),
        data={"csrf_token": client.token()},
        headers={"Sec-Fetch-Site": site},
    )

    assert answer.status == status


def test_csr_03_a_form_of_another_site_is_not_blamed_on_a_role(signed_in):
    client = signed_in()
    given = {"data": {"csrf_token": client.token()}, "headers": {"Sec-Fetch-Site": "cross-site"}}

    page = client.open("POST", client.url("notifications.mark_all_read"), **given)
    alert = client.open("POST", client.url("notifications.mark_all_read"), target="notifications_list", **given)

    for answer in (page, alert):
        assert answer.status == 403
        assert "This came from another site" in answer.text
        assert "role" not in answer.text


def test_csr_04_reading_changes_nothing(make, signed_in, observer, app):
    make.exception()
    link = make.link()
    client = signed_in(Role.OWNER)
    client.get("dashboard.show")
    values = {
        "link_id": link.id,
        "short_code": link.short_code,
        "code": "1200",
        "filename": "none",
        "grant_id": NOBODY,
        "exception_id": observer.sql("SELECT id FROM payment_exceptions")[0].id,
        "journal_id": observer.sql("SELECT id FROM journals")[0].id,
    }
    before = observer.fingerprint(but=("inbox",))

    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods:
            path = client.url(rule.endpoint, **{name: values.get(name, NOBODY) for name in rule.arguments})
            client.open("GET", path)
            client.open("HEAD", path)

    assert observer.fingerprint(but=("inbox",)) == before


def test_csr_05_the_sign_in_has_a_token_and_the_sign_out_is_no_link(client, signed_in):
    page = client.get("auth.login")

    assert page.form("login_form").values["csrf_token"]
    assert signed_in().open("GET", "/logout").status == 405
