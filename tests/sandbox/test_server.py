"""The sandbox as a process: starts, remembers, lets nobody in from outside, stops."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from provvypay.sandbox.app import create_sandbox
from provvypay.sandbox.server import running, serve

ROOT = Path(__file__).parents[2]


@pytest.fixture
def process():
    """Start the sandbox as the command line does, and end it by its own id."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "provvypay.sandbox", *arguments]
        child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()
        child.stderr.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(url, http):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            return http.get(f"{url}/_control/health").json()["status"] == "ok"
        except httpx.TransportError:
            time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_and_stops_on_a_signal_and_leaves_its_snapshot(process, http, tmp_path, how):
    port, state = free_port(), tmp_path / "deep" / "sandbox.json"
    child = process("--port", str(port), "--state", str(state))
    assert healthy(f"http://127.0.0.1:{port}", http)

    http.post(f"http://127.0.0.1:{port}/_control/clock", json={"advance_seconds": 7})
    child.send_signal(how)

    assert child.wait(timeout=5) == 0
    assert json.loads(state.read_text())["clock"]["offset_seconds"] == 7
    assert child.stderr.read().startswith(f"Sandbox at http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "listens on this machine only"),
        (["--webhook-url", "http://example.com/", "--webhook-secret", "x"], "only addresses of this machine"),
        (["--port", "TAKEN"], "cannot be used"),
        (["--state", "BROKEN"], "is not a sandbox state file"),
    ],
)
def test_it_says_in_a_sentence_why_it_cannot_start(process, tmp_path, arguments, words):
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        names = {"TAKEN": str(taken.getsockname()[1]), "BROKEN": str(broken)}
        given = [names.get(word, word) for word in arguments]
        child = process(*(["--port", str(free_port())] if "--port" not in given else []), *given)

        assert child.wait(timeout=10) == 1

    last = child.stderr.read().strip().splitlines()[-1]
    assert last.startswith("The sandbox cannot start:")
    assert words in last


def test_a_restart_finds_everything_again(http, tmp_path, hook):
    state = tmp_path / "sandbox.json"
    form = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/",
        "line_items[0][price_data][currency]": "aud",
        "line_items[0][price_data][unit_amount]": "124000",
        "line_items[0][price_data][product_data][name]": "Bench",
    }
    keyed = {"Authorization": "Bearer sk_test_plain", "Idempotency-Key": "k"}
    with running(state_file=state, webhook_url=hook.url, webhook_secret="whsec_one") as first:
        settings = {"fee_delay_seconds": 3600, "settlement_currencies": ["usd"], "exchange_rates": {"aud": "0.65"}}
        http.post(f"{first.url}/_control/stripe/settings", json=settings)
        made = http.post(f"{first.url}/stripe/v1/checkout/sessions", data=form, headers=keyed)
        http.post(f"{first.url}/_control/stripe/hold")
        http.post(f"{first.url}/_control/stripe/sessions/{made.json()['id']}/pay", json={})
        http.post(f"{first.url}/_control/rates", json={"frozen": True})
        http.post(f"{first.url}/_control/faults", json={"kind": "slow", "seconds": 0.01})
        rates = http.get(f"{first.url}/_control/rates").json()

    with running(state_file=state, webhook_url=hook.url + "/new", webhook_secret="whsec_two") as second:
        replayed = http.post(f"{second.url}/stripe/v1/checkout/sessions", data=form, headers=keyed)
        assert replayed.content == made.content
        assert http.get(f"{second.url}/_control/rates").json() == rates
        assert http.get(f"{second.url}/_control/faults").json()["faults"][0]["options"] == {"seconds": 0.01}
        assert http.post(f"{second.url}/_control/stripe/fees/settle").json() == {"arrived": 1}
        transaction = http.get(f"{second.url}/_control/stripe/books").json()["charges"][0]
        assert (transaction["settlement_amount"], transaction["exchange_rate"]) == (80600, 0.65)
        http.post(f"{second.url}/_control/stripe/release")
        drained = http.post(f"{second.url}/_control/stripe/deliveries/drain", json={}).json()
        assert [row["status"] for row in drained["deliveries"]] == ["delivered"] * 5
        assert {row["url"] for row in drained["deliveries"]} == {hook.url + "/new"}
        once_more = second.sandbox.core

    with running(state_file=state) as third:
        assert third.sandbox.core.version >= 1
        assert once_more.stopping.is_set()
        books = http.get(f"{third.url}/_control/stripe/books").json()
        assert books["charges"][0]["net"] == transaction["net"]


def test_a_snapshot_from_before_the_mirror_node_had_a_ledger_is_taken_over(http, tmp_path):
    state = tmp_path / "state.json"
    with running(state_file=state) as first:
        http.post(f"{first.url}/_control/mirror_node/exchange-rate", json={"missing": True}).raise_for_status()
    kept = json.loads(state.read_text())
    kept["mirror_node"] = kept["mirror_node"]["switches"]
    state.write_text(json.dumps(kept))

    with running(state_file=state) as second:
        found = http.get(f"{second.url}/_control/mirror_node/exchange-rate").json()
        assert found["switches"]["missing"] is True


def test_it_answers_to_no_other_name(sandbox, http):
    for host in ("evil.example", "127.0.0.1.evil.example", "10.0.0.1:4010"):
        assert http.get(f"{sandbox.url}/_control/health", headers={"Host": host}).status_code == 403
    for host in ("localhost:4010", "127.0.0.1", "[::1]:4010"):
        assert http.get(f"{sandbox.url}/_control/health", headers={"Host": host}).status_code == 200


def test_it_takes_no_form_from_another_site(sandbox, http):
    crossing = {"Sec-Fetch-Site": "cross-site"}

    assert http.post(f"{sandbox.url}/console/time/reset", headers=crossing).status_code == 403
    assert http.post(f"{sandbox.url}/_control/reset", headers=crossing).status_code == 403
    assert http.post(f"{sandbox.url}/_control/reset", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_every_answer_carries_the_headers(sandbox, http):
    for path in ("/", "/_control/health", "/static/sandbox.css", "/nothing", "/stripe/v1/account", "/favicon.ico"):
        headers = http.get(f"{sandbox.url}{path}").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        if headers["Content-Type"].startswith("text/html"):
            assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_too_large_a_request_is_refused(sandbox, http):
    answer = http.post(f"{sandbox.url}/_control/clock", content=b"x" * (1024 * 1024 + 1))

    assert answer.status_code == 413


def test_the_application_can_stand_alone_and_be_stopped(http):
    app = create_sandbox()
    try:
        assert app.test_client().get("/_control/health").get_json()["status"] == "ok"
    finally:
        app.extensions["sandbox"].stop()


def test_serve_refuses_to_listen_for_others():
    with pytest.raises(ValueError, match="this machine only"):
        serve("0.0.0.0", 0)
