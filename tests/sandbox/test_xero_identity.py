"""Xero's consent page, codes, tokens and connections, as vendors' clients see them."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.xero import AU, CLIENT, REDIRECT, US, Xero

SCOPE = "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read"
PAGE = {"response_type": "code", "client_id": CLIENT[0], "redirect_uri": REDIRECT, "scope": SCOPE, "state": "s1"}


@pytest.fixture
def xero(sandbox, http):
    return Xero(http, sandbox.url)


@pytest.fixture
def consent(http, sandbox):
    """Ask for the consent page, or answer it; return the response."""
    address = f"{sandbox.url}/xero/identity/connect/authorize"

    def ask(answer="", tenant=AU, **asked):
        form = {**PAGE, **asked}
        if not answer:
            return http.get(address, params=form)
        return http.post(address, data={**form, "answer": answer, "tenant": tenant, "user": "ada@example.com"})

    return ask


def came_back(answer):
    assert answer.status_code == 303, answer.text
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == REDIRECT
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def test_the_page_names_what_is_asked_and_leads_back_with_a_code(consent, xero):
    page = consent()
    assert page.status_code == 200
    assert "Harbour Street Joinery (AU)" in page.text
    assert "View and manage your payments" in page.text
    assert page.headers["Content-Security-Policy"].endswith("form-action 'self' http://localhost:8000")

    back = came_back(consent("allow"))
    assert back["state"] == "s1"
    tokens = xero.token(grant_type="authorization_code", code=back["code"], redirect_uri=REDIRECT).json()

    assert (tokens["expires_in"], tokens["token_type"], tokens["scope"]) == (1800, "Bearer", SCOPE)
    part = tokens["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert {"authentication_event_id", "xero_userid", "scope", "exp"} <= set(claims)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    event = {"authEventId": claims["authentication_event_id"]}
    listed = xero.http.get(f"{xero.url}/xero/Connections", params=event, headers=bearer).json()
    assert [(row["tenantId"], row["tenantType"]) for row in listed] == [(AU, "ORGANISATION")]
    assert xero.http.get(f"{xero.url}/xero/connections", params={"authEventId": "x"}, headers=bearer).json() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another"},
        {"redirect_uri": "http://127.0.0.1:8000/xero/callback"},
        {"redirect_uri": "http://example.com/xero/callback"},
        {"response_type": "token"},
    ],
)
def test_nobody_is_sent_anywhere_for_a_wrong_app_or_address(consent, wrong):
    assert consent(**wrong).status_code == consent("allow", **wrong).status_code == 400


def test_refusals_go_back_with_the_state(consent, control):
    assert came_back(consent(scope="accounting.transactions")) == {"error": "invalid_scope", "state": "s1"}
    assert came_back(consent("cancel")) == {"error": "access_denied", "state": "s1"}
    assert consent("allow", tenant="nobody").status_code == 422
    control("xero/settings", {"broad_scopes": True})
    assert consent(scope="accounting.transactions").status_code == 200
    control("xero/settings", {"redirect_uris": ["https://pay.example.com/xero/callback"]})
    assert consent().status_code == 400


def test_a_code_is_good_once_for_five_minutes_and_its_own_address(consent, xero, control):
    def exchange(code, redirect=REDIRECT, **more):
        answer = xero.token(grant_type="authorization_code", code=code, redirect_uri=redirect, **more)
        return answer.status_code, answer.json().get("error")

    code = came_back(consent("allow"))["code"]
    assert exchange(code)[0] == 200
    assert exchange(code) == (400, "invalid_grant")
    assert exchange(came_back(consent("allow"))["code"], "https://elsewhere.example/") == (400, "invalid_grant")
    late = came_back(consent("allow"))["code"]
    control("clock", {"advance_seconds": 301})
    assert exchange(late) == (400, "invalid_grant")

    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert exchange(came_back(consent("allow", **pkce))["code"]) == (400, "invalid_grant")
    assert exchange(came_back(consent("allow", **pkce))["code"], code_verifier="v" * 43)[0] == 200
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": REDIRECT, "client_id": CLIENT[0]}
    bad = xero.http.post(f"{xero.url}/xero/connect/token", data={**form, "client_secret": "wrong"})
    good = xero.http.post(f"{xero.url}/xero/connect/token", data={**form, "client_secret": CLIENT[1]})
    assert (bad.json(), good.json()) == ({"error": "invalid_client"}, {"error": "invalid_grant"})


def test_a_refresh_token_is_replaced_and_the_old_one_has_a_grace(xero, control):
    first = xero.connect().tokens["refresh_token"]
    second = xero.refresh(first).json()["refresh_token"]
    control("clock", {"advance_seconds": 1790})
    sibling = xero.refresh(first).json()["refresh_token"]
    assert len({first, second, sibling}) == 3

    third = xero.refresh(sibling)
    assert third.status_code == 200
    # the chain that was dropped is dead, and the generation before the last one too
    for token in (second, first, "never-issued"):
        answer = xero.refresh(token)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
    control("clock", {"advance_seconds": 1801})
    assert xero.refresh(sibling).status_code == 400
    assert xero.refresh(third.json()["refresh_token"]).status_code == 200
    assert control("xero/calls")["tokens"]["refresh_token"] == 4


def test_tokens_end_by_time_by_revocation_and_for_want_of_use(xero, control):
    xero.connect()
    control("clock", {"advance_seconds": 1801})
    answer = xero.call("GET", "Organisation")
    assert (answer.status_code, answer.json()["Title"]) == (401, "Unauthorized")
    assert answer.json()["Detail"].startswith("TokenExpired: token expired at ")
    xero.tokens = xero.refresh().json()
    assert xero.call("GET", "Organisation").status_code == 200

    control("clock", {"advance_seconds": 60 * 86_400 + 1})
    assert xero.refresh().json() == {"error": "invalid_grant"}
    xero.connect()
    form = {"token": xero.tokens["refresh_token"]}
    revoked = xero.http.post(f"{xero.url}/xero/connect/revocation", data=form, auth=CLIENT)
    assert (revoked.status_code, revoked.text) == (200, "")
    assert xero.refresh().status_code == 400
    assert xero.call("GET", "Organisation").json()["Detail"] == "AuthenticationUnsuccessful"


def test_a_connection_ends_by_its_own_id_and_from_within_xero(xero, control):
    xero.connect(tenant_ids=[AU, US])
    bearer = {"Authorization": f"Bearer {xero.tokens['access_token']}"}
    address = f"{xero.url}/xero/connections"
    rows = {row["tenantId"]: row["id"] for row in xero.http.get(address, headers=bearer).json()}
    assert set(rows) == {AU, US}

    assert xero.http.delete(f"{address}/{AU}", headers=bearer).status_code == 404
    assert xero.http.delete(f"{address}/{rows[AU]}", headers=bearer).status_code == 204
    assert xero.http.delete(f"{address}/{rows[AU]}", headers=bearer).status_code == 404
    answer = xero.call("GET", "Organisation")
    assert (answer.status_code, answer.json()["Detail"]) == (403, "AuthenticationUnsuccessful")
    xero.tenant = US
    assert xero.call("GET", "Organisation").status_code == 200
    assert control(f"xero/tenants/{US}/disconnect", {}) == {"disconnected": 1}
    assert xero.refresh().status_code == 200
    assert xero.call("GET", "Organisation").status_code == 403
    assert xero.http.get(address).status_code == 401
