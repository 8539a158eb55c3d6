"""The server as the network meets it: gunicorn with our settings, asked in ways no browser would."""

import socket

import httpx
import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.flows.stripe_payment import start_checkout
from tests.support.factories import Make
from tests.support.live import LiveApp


def ask(live_app: LiveApp, raw: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return the status and everything that came back until the connection was closed."""
    with socket.create_connection(("127.0.0.1", live_app.port), timeout=5) as connection:
        connection.sendall(raw)
        connection.settimeout(5)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return int(answer.split(b" ", 2)[1]), answer


def head(live_app: LiveApp, line: bytes, *headers: bytes) -> bytes:
    host = f"Host: 127.0.0.1:{live_app.port}".encode()
    return b"\r\n".join([line, host, *headers, b"", b""])


def test_a_payment_turns_the_link_paid_without_anybody_asking(live_app):
    with live_app.inside():
        make = Make()
        link = make.link()
        live_app.sandbox.pay(start_checkout(link.short_code))

        live_app.wait_for(lambda: make.reload(link).status == LinkStatus.PAID, "the link to be paid")

        live_app.wait_for(
            lambda: live_app.observer.count("balance_transactions", link.organization_id) == 1, "the fee to be booked"
        )


def test_ready_says_that_all_is_well(live_app):
    live_app.wait_for(
        lambda: httpx.get(f"{live_app.url}/health/ready", trust_env=False).json()["status"] == "ok",
        "everything to be ok",
    )


def test_no_answer_names_the_server_or_its_version(live_app):
    answer = httpx.get(f"{live_app.url}/", trust_env=False)

    assert answer.headers["Server"] == "provvypay"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([b"Content-Length: 5", b"Transfer-Encoding: chunked"], id="length and chunks"),
        pytest.param([b"Content-Length: 5", b"Content-Length: 6"], id="two lengths"),
        pytest.param([b"Transfer-Encoding: xchunked"], id="an unknown encoding"),
        pytest.param([b"Content-Length: -1"], id="a negative length"),
        pytest.param([b"Content Length: 5"], id="a blank in a name"),
    ],
)
def test_hdr_03_a_request_that_two_servers_would_read_differently_is_refused(live_app, headers):
    status, answer = ask(
        live_app, head(live_app, b"POST /login HTTP/1.1", *headers) + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    )

    assert status in {400, 501}
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        pytest.param(b"GET /" + b"a" * 8000 + b" HTTP/1.1", {400, 414}, id="a long line"),
        pytest.param(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 1_000_000, {400, 431}, id="a header of a megabyte"),
        pytest.param(
            b"GET / HTTP/1.1" + b"".join(b"\r\nX-%d: 1" % n for n in range(100)), {400, 431}, id="many headers"
        ),
    ],
)
def test_siz_02_what_no_browser_sends_is_refused_before_it_costs_anything(live_app, raw, statuses):
    try:
        status, _ = ask(live_app, head(live_app, raw))
    except ConnectionError:
        status = min(statuses)  # it hung up while we were still sending

    assert status in statuses


def test_siz_02_a_body_without_a_length_is_not_read(live_app):
    def endless():
        for _ in range(100):
            yield b"a=" + b"b" * 9998 + b"&"

    answer = httpx.post(
        f"{live_app.url}/login",
        content=endless(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        trust_env=False,
    )

    assert answer.status_code == 411


def test_dat_02_no_secret_reaches_a_log(live_app):
    with live_app.inside():
        make = Make()
        person, merchant = make.merchant.owner, make.merchant
        token = make.session_token(person, merchant)
        link = make.link()
        address = start_checkout(link.short_code)
    with httpx.Client(base_url=live_app.url, trust_env=False, headers={"X-Forwarded-For": "10.9.8.7"}) as browser:
        page = browser.get("/login").text
        form_token = page.split('name="csrf_token" value="')[1].split('"')[0]
        # httpx keeps Secure cookies off plain HTTP, as no browser does for this machine
        cookie = browser.cookies.get("__Host-provvypay")
        for password in ("canary-of-a-wrong-password", person.password):
            data = {"csrf_token": form_token, "email": person.email, "password": password}
            browser.post("/login", data=data, headers={"Cookie": f"__Host-provvypay={cookie}"})
        browser.post("/webhooks/stripe", content=b"{}", headers={"Stripe-Signature": "t=1,v1=canary-of-a-signature"})
    live_app.sandbox.pay(address, card="4242424242424242")
    live_app.sandbox.drain()

    logs = "".join(live_app.log(name).read_text(errors="replace") for name in ("web", "worker", "clock"))

    assert "http.answered" in logs
    settings = live_app.settings
    for secret in (
        "canary-of", person.password, person.email, form_token, token, str(cookie), settings.secret_key,
        str(settings.stripe_secret_key), str(settings.stripe_webhook_secret), str(settings.coingecko_api_key),
        "4242424242424242",
    ):  # fmt: skip
        assert secret not in logs, secret


def test_hdr_07_a_forwarded_address_counts_from_the_trusted_end(live_app):
    forged = ", ".join(["203.0.113.7"] * 50 + ["198.51.100.9"])

    answer = httpx.get(f"{live_app.url}/login", headers={"X-Forwarded-For": forged}, trust_env=False)

    assert answer.status_code == 200
