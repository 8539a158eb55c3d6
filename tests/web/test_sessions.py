"""SES: a session is a row that can end; what the cookie says counts for nothing without it."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
import time_machine
from flask.sessions import SecureCookieSessionInterface

from provvypay.domain.roles import Role
from provvypay.kit.ids import secret_token
from provvypay.services.sign_in import ABSOLUTE, IDLE, MOST_SESSIONS
from provvypay.web.extensions import Cookies
from tests.support.factories import NOISE

COOKIE = "__Host-provvypay"


def enter(client, person):
    return client.get("auth.login").form("login_form").submit(email=person.email, password=person.password)


def is_in(client) -> bool:
    return client.get("dashboard.show").status == 200


def test_ses_02_signing_in_makes_a_new_session_whatever_the_browser_held(make, client, observer):
    person = make.merchant.owner
    held = make.session_token(person, make.merchant)
    client.hold(held)
    form_token = client.token()

    # The page of the sign-in sends members on, so the form is sent without it.
    client.post("auth.log_in", {"email": person.email, "password": person.password})

    with client.raw.session_transaction(base_url=client.base_url) as session:
        assert session["_user_id"] != held
        assert "csrf_token" not in session
    ended = observer.sql(
        "SELECT revoked_at FROM user_sessions WHERE token_hash = :hash", hash=hashlib.sha256(held.encode()).digest()
    )
    assert ended[0].revoked_at is not None
    assert client.open("POST", "/notifications/readings", data={"csrf_token": form_token}).status == 400


def test_ses_02_a_session_token_an_attacker_planted_is_not_taken_over(make, client):
    client.hold(secret_token())

    enter(client, make.merchant.owner)

    assert is_in(client)


def test_ses_03_a_copied_cookie_is_worth_nothing_after_signing_out(make, client, new_client):
    enter(client, make.merchant.owner)
    copied = client.cookies()[COOKIE]
    thief = new_client()
    thief.raw.set_cookie(COOKIE, copied, domain="127.0.0.1")
    assert is_in(thief)

    client.post("auth.logout")
    answer = thief.get("dashboard.show")

    assert (answer.status, answer.location) == (303, "/login?next=/dashboard")


def test_ses_04_a_session_that_was_not_used_for_half_an_hour_has_ended(make, signed_in):
    client = signed_in()

    with time_machine.travel(dt.datetime.now(dt.UTC) + IDLE - dt.timedelta(minutes=1), tick=False):
        assert is_in(client)
    with time_machine.travel(dt.datetime.now(dt.UTC) + 2 * IDLE, tick=False):
        assert not is_in(client)


def test_ses_04_a_page_that_asks_by_itself_keeps_no_session_alive(make, signed_in):
    client = signed_in()
    begun = dt.datetime.now(dt.UTC)
    poll = {"HX-Request": "true", "HX-Target": "dashboard_live", "HX-Trigger": "dashboard_live"}
    by_hand = {**poll, "HX-Trigger": "links_search"}

    def ask(minutes, headers):
        with time_machine.travel(begun + dt.timedelta(minutes=minutes), tick=False):
            return client.raw.get("/dashboard", base_url=client.base_url, headers=headers).status_code

    assert [ask(10, by_hand), ask(25, poll), ask(39, poll), ask(41, poll)] == [200, 200, 200, 401]


def test_ses_04_a_session_ends_after_half_a_day_however_busy(make, signed_in, observer):
    client = signed_in()
    row = observer.sql(
        "SELECT expires_at - created_at AS life FROM user_sessions WHERE user_id = :id", id=make.merchant.owner.id
    )
    assert abs(row[0].life - ABSOLUTE) < dt.timedelta(seconds=5)

    observer.sql(
        "UPDATE user_sessions SET expires_at = clock_timestamp() - interval '1 second' WHERE user_id = :id",
        id=make.merchant.owner.id,
    )

    assert not is_in(client)


def test_ses_04_a_fragment_of_an_ended_session_sends_the_page_to_the_sign_in(client):
    answer = client.open("GET", "/dashboard", target="dashboard_live")

    assert (answer.status, answer.source) == (401, "")
    assert answer.headers["HX-Redirect"] == "/login?next=/dashboard"


@pytest.mark.parametrize("address", ["http://[", "", "https://evil.example/x", "javascript:alert(1)", "/\\evil"])
def test_ses_04_what_a_browser_says_of_its_page_leads_nowhere_else(address, client):
    answer = client.open(
        "GET", "/dashboard", headers={"HX-Request": "true", "HX-Target": "dashboard_live", "HX-Current-URL": address}
    )

    assert answer.status == 401
    assert answer.headers["HX-Redirect"].startswith("/login")
    assert "evil.example" not in answer.headers["HX-Redirect"]


def test_ses_05_a_disabled_person_is_out_at_the_next_request(make, signed_in, observer):
    client = signed_in()
    observer.sql("UPDATE users SET disabled_at = clock_timestamp() WHERE id = :id", id=make.merchant.owner.id)

    assert not is_in(client)


def test_ses_05_a_role_that_was_lowered_counts_at_the_next_request(make, signed_in, observer):
    client = signed_in(Role.ADMIN)
    assert client.post("settings.change_organization").status == 422

    observer.sql(
        "UPDATE memberships SET role = 'VIEWER' WHERE organization_id = :id AND role = 'ADMIN'",
        id=make.merchant.organization_id,
    )

    assert client.post("settings.change_organization").status == 403


def test_ses_05_who_left_an_organization_sees_nothing_of_it_and_goes_on_in_another(make, new_client, observer):
    person = make.member(Role.VIEWER)
    client = new_client().hold(make.session_token(person, make.merchant))
    own = make.organization(name="Their own shop", owner=person)
    observer.sql(
        "DELETE FROM memberships WHERE organization_id = :id AND user_id = :user",
        id=make.merchant.organization_id,
        user=person.id,
    )

    moved = client.get("links.index")

    assert (moved.status, moved.location) == (303, "/dashboard")
    assert own.name in client.get("dashboard.show").source


def test_ses_05_who_belongs_nowhere_any_more_is_told_so(make, new_client, observer):
    person = make.member(Role.VIEWER)
    client = new_client().hold(make.session_token(person, make.merchant))
    observer.sql("DELETE FROM memberships WHERE user_id = :user", user=person.id)

    page = client.get("dashboard.show")

    assert page.status == 403
    assert "You belong to no organization any more." in page.text


def test_ses_07_tokens_are_long_unique_and_stored_as_hashes_only(make, observer):
    tokens = {secret_token() for _ in range(10_000)}
    token = make.session_token(make.merchant.owner)

    assert len(tokens) == 10_000
    assert min(len(one) for one in tokens) >= 43
    stored = observer.sql("SELECT * FROM user_sessions WHERE user_id = :id", id=make.merchant.owner.id)[0]
    assert bytes(stored.token_hash) == hashlib.sha256(token.encode()).digest()
    assert token not in str(stored)


def test_ses_08_signing_out_clears_what_the_browser_kept(signed_in):
    answer = signed_in().post("auth.logout")

    assert answer.location == "/"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


def test_ses_09_the_fifty_first_session_ends_the_oldest(make, new_client):
    person = make.merchant.owner
    first = new_client().hold(make.session_token(person, make.merchant))
    assert is_in(first)

    for _ in range(MOST_SESSIONS):
        newest = make.session_token(person, make.merchant)

    assert not is_in(first)
    assert is_in(new_client().hold(newest))


def test_the_switch_leads_only_into_organizations_one_belongs_to(make, signed_in, noise, observer):
    client = signed_in()
    own = make.organization(name="Second shop", owner=make.merchant.owner)

    foreign = client.post("auth.switch_organization", {"organization_id": str(noise.organization_id)})
    nonsense = client.post("auth.switch_organization", {"organization_id": "\x00"})
    assert (foreign.status, nonsense.status) == (404, 404)
    assert NOISE not in client.get("dashboard.show").source

    switch = client.get("dashboard.show").form("/organization")
    assert [one.get("value") for one in switch.element.iter("button")] == [str(own.organization_id)]
    assert switch.submit(organization_id=str(own.organization_id)).location == "/dashboard"
    assert client.get("dashboard.show").title.startswith("Dashboard · Second shop")


def test_our_cookie_is_flask_s_byte_for_byte(app):
    ours, theirs = (kind().get_signing_serializer(app) for kind in (Cookies, SecureCookieSessionInterface))
    said = {"csrf_token": "x" * 40, "n": 1}

    assert ours.dumps(said) == theirs.dumps(said)
    assert theirs.loads(ours.dumps(said)) == ours.loads(theirs.dumps(said)) == said
