"""What stands before the Xero stand-in's books: tokens, scopes, limits, idempotency keys and faults."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sandbox.xero import AU, Xero, problems


@pytest.fixture
def xero(sandbox, http):
    return Xero(http, sandbox.url).connect()


def put(xero, number="PL-1", key=None, amount="115.00", **query):
    return xero.call("PUT", "Invoices", {"Invoices": [xero.invoice(number, amount)]}, key=key, **query)


def numbers(xero):
    return sorted(row["InvoiceNumber"] for row in xero.call("GET", "Invoices").json()["Invoices"])


def test_token_tenant_scope_path_and_form(xero, http, sandbox, control):
    missing = http.get(f"{sandbox.url}/xero/api.xro/2.0/Organisation")
    assert (missing.status_code, missing.json()["Detail"]) == (401, "AuthenticationUnsuccessful")
    assert set(missing.json()) == {"Type", "Title", "Status", "Detail", "Instance", "Extensions"}
    assert xero.call("GET", "Organisation", headers={"xero-tenant-id": ""}).status_code == 403
    unknown = xero.call("GET", "Nonsense")
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert xero.call("POST", "Organisation", {}).status_code == 501
    assert xero.call("GET", "Organisation", headers={"Accept": "application/xml"}).status_code == 406
    assert xero.call("GET", "oRGANISATION").status_code == 200
    refused = xero.call("PUT", "Invoices", None)
    assert (refused.status_code, refused.json()["Type"]) == (400, "PostDataInvalidException")

    xero.connect(scope="offline_access accounting.settings.read accounting.contacts.read")
    assert xero.call("GET", "Contacts").status_code == 200
    for method, path in (("PUT", "Contacts"), ("GET", "Invoices"), ("PUT", "Payments")):
        answer = xero.call(method, path, {} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["Detail"]) == (401, "AuthorizationUnsuccessful")
    control("xero/tokens/expire", {})
    assert xero.call("GET", "Contacts").json()["Detail"].startswith("TokenExpired")
    assert control("xero/tokens/revoke", {})["revoked"] == 2
    assert xero.refresh().json() == {"error": "invalid_grant"}


def test_a_minute_and_a_day_are_counted_by_organisation(xero, control):
    control("xero/settings", {"minute_limit": 3, "day_limit": 5, "app_minute_limit": 100})
    answers = [put(xero, key="k") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429], "replays count"
    assert [answer.headers["X-MinLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    last = answers[-1]
    assert (last.headers["X-Rate-Limit-Problem"], last.text) == ("minute", "")
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    control("clock", {"advance_seconds": int(last.headers["Retry-After"])})
    assert xero.call("GET", "Organisation").status_code == 200
    day = xero.call("GET", "Organisation")
    assert (day.status_code, day.headers["X-Rate-Limit-Problem"]) == (429, "day")
    assert int(day.headers["Retry-After"]) > 60 or day.headers["X-DayLimit-Remaining"] == "0"
    seen = control("xero/calls")["tenants"][AU]
    assert (seen["calls"], seen["fullest_minute"], seen["refused"]) == (6, 4, {"minute": 1, "day": 1})
    assert len(control("xero/requests")["requests"]) == 6
    assert [row["replayed"] for row in control("xero/requests")["requests"][:3]] == [False, True, True]
    assert control("xero/requests", method="DELETE")["forgotten"] == 6
    assert control("xero/calls")["tenants"][AU]["calls"] == 0


def test_five_at_once_and_not_six(xero, control):
    control("xero/settings", {"slow_milliseconds": 300})
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: xero.call("GET", "Organisation"), range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 1
    assert refused[0].headers["X-Rate-Limit-Problem"] == "concurrent"
    assert "Retry-After" not in refused[0].headers
    assert control("xero/calls")["tenants"][AU]["most_at_once"] == 6


def test_a_key_answers_the_same_for_six_minutes(xero, control):
    first, again = put(xero, key="k1"), put(xero, key="k1")
    assert (first.text, numbers(xero)) == (again.text, ["PL-1"])
    other = put(xero, "PL-2", key="k1")
    assert (other.status_code, other.text) == (400, "Idempotency Key: k1 is used with a different request.")
    assert put(xero, key="k" * 129).status_code == 400
    # a refusal is kept as well, though what caused it has been mended
    control(f"xero/tenants/{AU}/accounts/200", {"Status": "ARCHIVED"})
    assert put(xero, "PL-3", key="k3").status_code == 400
    control(f"xero/tenants/{AU}/accounts/200", {"Status": "ACTIVE"})
    assert put(xero, "PL-3", key="k3").status_code == 400
    control("clock", {"advance_seconds": 361})
    assert put(xero, "PL-3", key="k3").status_code == 200
    assert problems(put(xero, key="k1")) == ["Invoice # must be unique."], "the key is forgotten, the number is not"
    assert xero.call("GET", "Organisation", key="k1").status_code == 200


def test_two_at_once_with_one_key_are_one(xero, control):
    control("faults", {"vendor": "xero", "kind": "slow_after_commit", "seconds": 0.3, "method": "PUT"})
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: put(xero, key="k1"), range(2))
    assert first.text == second.text
    assert numbers(xero) == ["PL-1"]


def test_an_answer_is_lost_after_it_was_done(xero, control):
    here = {"vendor": "xero", "method": "PUT", "pattern": f"{AU}/api.xro/2.0/Invoices", "remaining": 1}
    control("faults", {**here, "kind": "drop_after_commit"})
    with pytest.raises(httpx.TransportError):
        put(xero, key="k1")
    assert numbers(xero) == ["PL-1"]
    assert put(xero, key="k1").json()["Invoices"][0]["InvoiceNumber"] == "PL-1"

    control("faults", {**here, "kind": "error_after_commit"})
    assert put(xero, "PL-2", key="k2").status_code == 500
    assert put(xero, "PL-2", key="k2").status_code == 500, "a 500 is kept under its key"
    assert numbers(xero) == ["PL-1", "PL-2"]
    control("faults", {**here, "kind": "error_after_commit", "status": 503})
    assert put(xero, "PL-3", key="k3").text == "The Xero API is temporarily unavailable"
    assert put(xero, "PL-3", key="k3").status_code == 200, "what a machine in front says is not kept"
    control("faults", {**here, "kind": "error"})
    assert put(xero, "PL-4").status_code == 500
    control("faults", {**here, "kind": "drop"})
    with pytest.raises(httpx.TransportError):
        put(xero, "PL-4")
    assert numbers(xero) == ["PL-1", "PL-2", "PL-3"]
    statuses = [row["status"] for row in control("xero/requests")["requests"] if row["method"] == "PUT"]
    assert statuses == ["lost", 200, 500, 500, 503, 200, 500, "dropped"]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"kind": "token_expired"}, 401, "TokenExpired"),
        ({"kind": "tenant_refused"}, 403, "AuthenticationUnsuccessful"),
        ({"kind": "offline"}, 503, "The Organisation is offline"),
        ({"kind": "validation", "message": "No."}, 400, '"Message": "No."'),
        ({"kind": "error", "status": 403, "html": True}, 403, "<html>"),
        ({"kind": "rate_limit", "reason": "day", "retry_after": 73451}, 429, ""),
        ({"kind": "rate_limit", "reason": "appminute"}, 429, ""),
    ],
)
def test_faults_by_hand(xero, control, fault, status, words):
    control("faults", {"vendor": "xero", "remaining": 1, **fault})
    answer = put(xero)
    assert answer.status_code == status
    assert words in answer.text
    if status == 429:
        assert answer.headers["X-Rate-Limit-Problem"] == fault["reason"]
        assert int(answer.headers["Retry-After"]) == fault.get("retry_after", int(answer.headers["Retry-After"]))
    assert put(xero).status_code == 200


def test_the_token_endpoint_has_faults_of_its_own(xero, control):
    def fault(kind, **more):
        control("faults", {"vendor": "xero", "kind": kind, "pattern": "/connect/token", "remaining": 1, **more})

    fault("drop_after_commit")
    with pytest.raises(httpx.TransportError):
        xero.refresh()
    assert xero.refresh().status_code == 200, "the grace forgives a lost answer"
    fault("error", status=503)
    assert xero.refresh().status_code == 503
    fault("oauth_error")
    assert xero.refresh().json() == {"error": "invalid_grant"}
    fault("slow", seconds=0.2)
    started = time.monotonic()
    assert xero.refresh().status_code == 200
    assert time.monotonic() - started > 0.2


def test_an_organisation_that_is_offline_and_a_snapshot(xero, control, sandbox, tmp_path, http):
    from provvypay.sandbox.server import running

    control(f"xero/tenants/{AU}", {"offline": True})
    assert xero.call("GET", "Organisation").text == "The Organisation is offline"
    state = tmp_path / "state.json"
    with running(state_file=state) as first:
        kept = Xero(http, first.url).connect()
        made = kept.sold()
        kept.done("PUT", "Payments", kept.paid(made, "15.00"))
    with running(state_file=state) as second:
        kept.url = second.url
        assert kept.done("GET", "Invoices/PL-1")["AmountDue"] == 100
        assert kept.refresh().status_code == 200
        http.post(f"{second.url}/_control/reset").raise_for_status()
        assert kept.call("GET", "Organisation").status_code == 401
    assert threading.active_count() < 50
