"""LOG-03: what people get when something is wrong says what to do, and nothing about how we are built."""

import re

import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from provvypay.errors import Conflict, Gone, Throttled, Unavailable
from tests.support import html

TELLING = re.compile(
    r"Traceback|File \"|sqlalchemy|psycopg|SELECT|provvypay/|\.py\b|Werkzeug|gunicorn|Python/", re.IGNORECASE
)


@pytest.fixture
def broken(product, monkeypatch):
    """Let the page of the terms fail; there is no page of ours that fails on purpose."""

    def fail_with(error: Exception) -> str:
        def view() -> None:
            raise error

        monkeypatch.setitem(product.view_functions, "public.terms", view)
        return "/terms"

    return fail_with


def test_a_failure_of_ours_shows_an_id_and_no_more(client, broken):
    path = broken(RuntimeError("SELECT secret FROM /srv/provvypay/models.py"))

    with capture_logs() as logs:
        page = client.open("GET", path)

    assert page.status == 500
    assert not TELLING.search(page.source)
    assert page.headers["X-Request-Id"] in page.text
    failed = next(line for line in logs if line["event"] == "request.failed")
    assert isinstance(failed["exc_info"], RuntimeError)


def test_a_failure_inside_a_page_is_an_alert_and_leaves_the_page_alone(client, broken):
    page = client.open("GET", broken(RuntimeError("x")), target="anything")

    assert page.status == 500
    assert page.root.get("class") == "banner"
    assert page.headers["X-Request-Id"] in page.text


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Conflict("row 7"), 409, "This was changed in the meantime"),
        (Gone("row 7", public_message="It has ended."), 410, "It has ended."),
        (Unavailable("stripe 500"), 503, "We cannot reach a service we need"),
        (Throttled(7), 429, "Too many tries"),
    ],
)
def test_an_expected_error_says_its_sentence_with_its_status(client, broken, error, status, says):
    page = client.open("GET", broken(error))
    inside = client.open("GET", broken(error), target="anything")

    assert (page.status, inside.status) == (status, status)
    assert says in page.text
    assert "row 7" not in page.source
    assert html.text_of(inside.root)


def test_a_throttled_answer_says_when_to_come_again(client, broken):
    assert client.open("GET", broken(Throttled(7))).headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused")),
        PoolTimeout("QueuePool limit"),
    ],
)
def test_a_database_that_is_away_is_no_fault_of_the_request(client, broken, error):
    page = client.open("GET", broken(error))

    assert page.status == 503
    assert not TELLING.search(page.source)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/login", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/links/not-an-id", 404),
        ("GET", "/%c0%ae%c0%ae/", 404),
        ("GET", "/%252e%252e%252fetc/passwd", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/.git/HEAD", 404),
        ("GET", "/openapi", 404),
        ("GET", "/console", 404),
        ("GET", "/p/%ed%a0%80", 404),
    ],
)
def test_cfg_01_what_is_not_there_is_not_there(client, method, path, status):
    page = client.open(method, path)

    assert page.status == status
    assert not TELLING.search(page.source)


def test_a_refused_method_names_those_that_work(client):
    assert set(client.open("PUT", "/logout").headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_machines_get_json(client):
    page = client.open("POST", "/webhooks/stripe", data=b"{}")
    away = client.open("POST", "/webhooks/nobody", data=b"{}")

    assert page.json == {"error": {"code": "bad_signature", "message": "This request is not signed as it must be."}}
    assert away.json == {"error": {"code": "not_found", "message": "There is nothing at this address."}}


@pytest.mark.parametrize(
    ("method", "given", "status"),
    [
        ("POST", {"data": b" " * 2_000_000}, 413),
        ("GET", {}, 405),
        ("POST", {"data": b"{}", "headers": {"Content-Encoding": "gzip"}}, 415),
    ],
)
def test_machines_are_always_told_in_words(client, method, given, status):
    answer = client.open(method, "/webhooks/stripe", **given)

    assert answer.status == status
    assert answer.json["error"]["message"].endswith(".")
    assert len(answer.json["error"]["message"]) > 10


@pytest.mark.parametrize("place", ["provvypay.web.guards.sign_in.who", "provvypay.web.guards.allows"])
def test_log_04_a_guard_that_fails_lets_nobody_in(place, signed_in, monkeypatch):
    client = signed_in()

    def fail(*_given, **_named):
        raise RuntimeError("a guard is broken")

    monkeypatch.setattr(place, fail)
    page = client.get("ledger.index")

    assert page.status == 500
    assert "Receivable" not in page.source
