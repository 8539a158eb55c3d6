"""A sandbox on a free port for each test, the real Stripe SDK pointed at it, and a place its webhooks arrive at."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import stripe

from provvypay.sandbox.server import Running, running

SECRET = "whsec_test_of_the_sandbox"
BRISK = {
    "fee_delay_seconds": 0.05,
    "redirect_wait_seconds": 1,
    "delivery_timeout_seconds": 2,
    "retry_schedule_seconds": [0.05, 0.05, 0.05],
}
stripe.enable_telemetry = False


@dataclass
class Hook:
    """Where webhooks arrive: remembers them, and answers as it is told."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answers to give, one after the other; when none is left, 200."""
    on_receive: Callable[[], None] = lambda: None

    def events(self) -> list[stripe.Event]:
        """Everything received, each checked by Stripe's own code."""
        return [
            stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
            for headers, body in list(self.received)
        ]

    def types(self) -> list[str]:
        return [event.type for event in self.events()]


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def hook() -> Iterator[Hook]:
    place = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            place.on_receive()
            place.received.append((dict(self.headers.items()), body))
            self.send_response(place.statuses.pop(0) if place.statuses else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    place.url = f"http://127.0.0.1:{server.server_port}/webhooks/stripe"
    yield place
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(hook: Hook, http: httpx.Client) -> Iterator[Running]:
    with running(webhook_url=hook.url, webhook_secret=SECRET) as place:
        http.post(f"{place.url}/_control/stripe/settings", json=BRISK).raise_for_status()
        yield place


@pytest.fixture
def control(sandbox: Running, http: httpx.Client) -> Callable[..., Any]:
    """Call the control door and return its answer; `status` is what the answer must be."""

    def call(path: str, body: Any = None, *, method: str = "", status: int | None = None) -> Any:
        answer = http.request(
            method or ("GET" if body is None else "POST"), f"{sandbox.url}/_control/{path}", json=body
        )
        assert answer.status_code == status if status else answer.is_success, answer.text
        return answer.json()

    return call


@pytest.fixture
def client_for(sandbox: Running) -> Callable[..., stripe.StripeClient]:
    def make(key: str = "sk_test_of_the_sandbox", retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            stripe_version="2026-10-28.endive",
            base_addresses={"api": f"{sandbox.url}/stripe"},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=(3.05, 10)),
        )

    return make


@pytest.fixture
def client(client_for: Callable[..., stripe.StripeClient]) -> stripe.StripeClient:
    return client_for()


@pytest.fixture
def wanted() -> Callable[..., dict[str, Any]]:
    """Parameters of a session, as the product sends them."""

    def make(amount: int = 1099, currency: str = "usd", **more: Any) -> dict[str, Any]:
        price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Oak bench, 1.8 m: deposit"}}
        return {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "http://127.0.0.1:9/p/AB2C/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/p/AB2C",
            "client_reference_id": "AB2C",
            "metadata": {"payment_link_id": "pl_1"},
            "payment_intent_data": {"metadata": {"payment_link_id": "pl_1"}, "description": "Oak bench"},
            "allowed_payment_method_types": ["card"],
            "adaptive_pricing": {"enabled": False},
            **more,
        }

    return make


@pytest.fixture
def session(client: stripe.StripeClient, wanted: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    def make(amount: int = 1099, currency: str = "usd", **more: Any) -> Any:
        return client.v1.checkout.sessions.create(params=wanted(amount, currency, **more))

    return make


@pytest.fixture
def pay(control: Callable[..., Any]) -> Callable[..., Any]:
    """Pay as a customer would; returns the control door's answer."""

    def submit(session: Any, status: int | None = None, **typed: Any) -> Any:
        return control(f"stripe/sessions/{session.id}/pay", typed, status=status)

    return submit


@pytest.fixture
def drain(control: Callable[..., Any]) -> Callable[..., Any]:
    """Wait until every webhook was sent, late fees included."""

    def wait(**more: Any) -> Any:
        answer = control("stripe/deliveries/drain", {"fees": True, "timeout_seconds": 10, **more})
        assert answer["idle"]
        return answer["deliveries"]

    return wait


@pytest.fixture
def send(control: Callable[..., Any]) -> Callable[..., Any]:
    """Pay on the ledger as a customer would; returns the control door's answer."""

    def pay(status: int = 201, **wish: Any) -> Any:
        wanted = {"to": "0.0.1001", "amount": "1", "memo": "PV-7K2M", **wish}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        return control("mirror_node/transfers", wanted, status=status)

    return pay


@pytest.fixture
def truth(control: Callable[..., Any]) -> Callable[..., dict[str, int]]:
    """What an account really received, by asset."""

    def read(account: str = "0.0.1001") -> dict[str, int]:
        return dict(control(f"mirror_node/credits?account={account}")["totals"].get(account, {}))

    return read


@pytest.fixture
def ask(sandbox: Running, http: httpx.Client) -> Callable[..., Any]:
    """GET from the mirror node and return the JSON; a path may bring its own query."""

    def get(path: str, status: int = 200, **params: Any) -> Any:
        answer = http.get(f"{sandbox.url}/mirror_node/api/v1{path}", params=params or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    return get
