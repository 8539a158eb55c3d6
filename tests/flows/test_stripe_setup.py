"""Whether the key and the account belong together: the clock asks, readiness tells, and no process waits for Stripe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

from provvypay.jobs import clock, scheduled
from provvypay.kit import settings as kit_settings
from provvypay.kit.settings import Settings
from tests.support.database import Observer
from tests.support.sandbox import SandboxControl

Look = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def a_clock_that_starts(settings: Settings, observer: Observer) -> Iterator[None]:
    clock.prepare(settings)
    yield
    kit_settings.use(settings)
    observer.sql("UPDATE schedules SET last_error = ''")


@pytest.fixture
def live_account() -> Iterator[str]:
    """An account that answers in live mode, whatever the key says; the sandbox plays a test account only."""
    endpoint = {"url": "https://elsewhere.example/hook", "api_version": None, "status": "enabled", "livemode": True}
    body = json.dumps(
        {"object": "list", "data": [endpoint], "has_more": False, "url": "/v1/webhook_endpoints"}
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def look(client) -> Look:
    """Run the clock's job with changed settings and ask for readiness."""

    def run(**changed: object) -> tuple[int, str]:
        kit_settings.use(replace(kit_settings.settings(), **changed))
        scheduled.run("stripe.account")
        answer = client.open("GET", "/health/ready")
        return answer.status, answer.json["checks"]["stripe"]

    return run


def test_key_and_account_agree(look: Look) -> None:
    assert look() == (200, "ok")


def test_a_key_of_the_other_mode_takes_the_web_out_of_service_until_it_is_mended(
    look: Look, live_account: str, settings: Settings
) -> None:
    with capture_logs() as logs:
        assert look(stripe_api_base=live_account) == (503, "down")

    assert "alert.stripe_of_the_other_mode" in {line["event"] for line in logs}
    assert look(stripe_api_base=settings.stripe_api_base) == (200, "ok")


def test_without_stripe_the_web_serves_all_the_same(look: Look, sandbox: SandboxControl) -> None:
    sandbox.fault(vendor="stripe", kind="error", status=500)

    assert look() == (200, "degraded")


def test_without_cards_stripe_is_nobody_s_business(look: Look, sandbox: SandboxControl) -> None:
    sandbox.fault(vendor="stripe", kind="error", status=500)

    assert look(enable_card_payments=False) == (200, "ok")


def test_a_clock_that_starts_looks_at_once(settings: Settings, observer: Observer) -> None:
    observer.sql("UPDATE schedules SET next_run_at = clock_timestamp() + interval '1 hour'")

    clock.prepare(settings)

    rows = observer.sql("SELECT name FROM schedules WHERE next_run_at <= clock_timestamp()")
    assert {row.name for row in rows} == set(scheduled.AT_THE_START)
