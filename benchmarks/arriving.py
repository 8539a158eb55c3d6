"""From a signed event to the customer's page turning PAID: through the worker as built, and inline for comparison.

The sandbox stands in for Stripe and is asked about each session, as Stripe would be; how long it takes to answer is
measured beside it, because that part is not ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks import load
from benchmarks.merchant import Merchant
from benchmarks.pages import WEB, Customer, open_link, serve
from benchmarks.rounds import Measure, grid, number
from benchmarks.stage import Stage, running
from provvypay.flows import stripe_webhook
from provvypay.flows.stripe_payment import start_checkout
from provvypay.integrations import stripe
from provvypay.kit import process
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import Settings
from provvypay.services import inbox

PAYMENTS_PER_SECOND = 8
"""of a round's measuring time: forty in a whole run"""
WARM_UPS = 6
PATIENCE_SECONDS = 10.0
STOP_POLLING = 286


@dataclass(slots=True)
class Arrivals:
    """What was seen, in milliseconds."""

    answered: list[float] = field(default_factory=list)
    """webhook sent until answered"""
    seen: list[float] = field(default_factory=list)
    """webhook sent until a poll shows PAID"""
    inline: list[float] = field(default_factory=list)
    """event at hand until a poll shows PAID, verified, stored and settled in one go, without HTTP for the webhook"""
    vendor: list[float] = field(default_factory=list)
    """asking the sandbox about a session"""

    def __str__(self) -> str:
        """Return all of it as a table."""
        lines = [
            ("event received → PAID on the customer's page", self.seen, "p95 ≤ 15 ms of our time"),
            ("… if it were settled in the webhook's request", self.inline, "–"),
            ("webhook answered", self.answered, "–"),
            ("in both: the sandbox's answer about the session", self.vendor, "not ours"),
        ]
        rows = [("what", "payments", "p50", "p95", "goal")]
        rows += [
            (what, str(len(found)), f"{number(median(found))} ms", f"{number(quantiles(found, n=20)[-1])} ms", goal)
            for what, found, goal in lines
        ]
        return grid(rows)


@contextlib.contextmanager
def measures(stage: Stage, merchant: Merchant, *, web: int | None) -> Iterator[tuple[list[Measure], Arrivals]]:
    """Start sandbox and worker; give the measurement, which fills the arrivals.

    :param web: the port of a running web server of the product; None starts one
    """
    with contextlib.ExitStack() as started:
        sandbox = [sys.executable, "-m", "provvypay.sandbox", "--port", str(stage.sandbox_port)]
        started.enter_context(
            running(stage, "sandbox", sandbox, health=f"127.0.0.1:{stage.sandbox_port}/_control/health")
        )
        started.enter_context(running(stage, "worker", [sys.executable, "worker.py"]))
        web = web or serve(started, stage, "gunicorn", WEB, port=stage.web_port)
        inline = started.enter_context(_Inline(stage.settings()))
        arrivals = Arrivals()

        def run(seconds: float) -> float:
            each = max(2, round(seconds * PAYMENTS_PER_SECOND))
            for _ in range(each):
                _through_the_worker(stage, merchant, web, arrivals)
                _inline(stage, merchant, web, inline, arrivals)
            return median(arrivals.seen[-each:])

        # The first webhook of each web process and the first jobs of the worker pay for imports, not for payments.
        for _ in range(WARM_UPS):
            _through_the_worker(stage, merchant, web, Arrivals())
        _inline(stage, merchant, web, inline, Arrivals())
        yield [Measure("event → PAID", run, unit="ms")], arrivals


def _paid_session(stage: Stage, merchant: Merchant, web: int) -> tuple[Customer, str, bytes]:
    """Let a customer pay a new link at the sandbox; return them, the session, and the event nobody has sent yet."""
    code = open_link(merchant)
    session_id = urlsplit(start_checkout(code)).path.rsplit("/", 1)[-1]
    customer = Customer(web, code)
    _control(stage, f"sessions/{session_id}/pay", {"card": "4242424242424242"})
    for event in reversed(_control(stage, "events")["events"]):
        if event["type"] == "checkout.session.completed" and event["data"]["object"]["id"] == session_id:
            return customer, session_id, json.dumps(event).encode()
    raise RuntimeError(f"the sandbox has no event about {session_id}")


def _through_the_worker(stage: Stage, merchant: Merchant, web: int, arrivals: Arrivals) -> None:
    customer, _, event = _paid_session(stage, merchant, web)
    webhook = load.request(
        web,
        "/webhooks/stripe",
        {"Stripe-Signature": _signature(stage, event), "Content-Type": "application/json"},
        event,
    )
    sender, poller = load.Connection(web), load.Connection(web)
    with contextlib.closing(sender), contextlib.closing(poller):
        begin = time.perf_counter()
        answer = sender.ask(webhook)
        answered = time.perf_counter() - begin
        if answer.status != 200:
            raise RuntimeError(f"the webhook is answered {answer.status}: {answer.body!r}")
        _wait_for_paid(poller, customer)
        arrivals.seen.append((time.perf_counter() - begin) * 1000)
        arrivals.answered.append(answered * 1000)


def _inline(stage: Stage, merchant: Merchant, web: int, inline: _Inline, arrivals: Arrivals) -> None:
    customer, session_id, event = _paid_session(stage, merchant, web)
    vendor, settled = inline.settle(event, _signature(stage, event), session_id)
    with contextlib.closing(load.Connection(web)) as poller:
        begin = time.perf_counter()
        _wait_for_paid(poller, customer)
        arrivals.inline.append((settled + time.perf_counter() - begin) * 1000)
    arrivals.vendor.append(vendor * 1000)


def _wait_for_paid(poller: load.Connection, customer: Customer) -> None:
    """Poll, a thousand times as often as a page does, until the answer is the last one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := poller.ask(customer.poll())).status != STOP_POLLING:
        if answer.status not in {200, 204} or time.monotonic() > deadline:
            raise RuntimeError(f"the page did not turn PAID; the last poll was answered {answer.status}")
        time.sleep(0.001)
    if b"Paid" not in answer.body:
        raise RuntimeError("the page ended, but not as PAID")


def _signature(stage: Stage, body: bytes) -> str:
    secret = stage.environment["STRIPE_WEBHOOK_SECRET"]
    moment = int(time.time())
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


def _control(stage: Stage, path: str, wanted: dict[str, Any] | None = None) -> Any:
    body = None if wanted is None else json.dumps(wanted).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    with contextlib.closing(load.Connection(stage.sandbox_port)) as connection:
        answer = connection.ask(load.request(stage.sandbox_port, f"/_control/stripe/{path}", headers, body))
    if answer.status >= 300:
        raise RuntimeError(f"the sandbox answers {answer.status} to {path}: {answer.body!r}")
    return json.loads(answer.body)


class _Inline:
    """A process with a worker's rights that does in one go what webhook and worker do in two."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_settle_inline, args=(theirs, settings), daemon=True)
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(timeout=10)

    def settle(self, event: bytes, signature: str, session_id: str) -> tuple[float, float]:
        """Return the seconds of asking about the session, and of verifying, storing and settling (asking included)."""
        self._pipe.send((event, signature, session_id))
        vendor, settled, handled = self._pipe.recv()
        if not handled:
            raise RuntimeError("an event was not handled inline")
        return vendor, settled


def _settle_inline(pipe: Connection, settings: Settings) -> None:
    process.start(settings, role="worker")
    while (order := pipe.recv()) is not None:
        body, signature, session_id = order
        begin = time.perf_counter()
        event = stripe.client().verify(body, signature, now=now())
        with transaction() as session:
            row_id = inbox.store(
                session, "STRIPE", event.id, event.type, event.payload, livemode=event.livemode, account=event.account,
                ignored_because=None,
            )  # fmt: skip
        done = row_id is not None and stripe_webhook.handle(row_id)
        settled = time.perf_counter() - begin
        begin = time.perf_counter()
        stripe.client().session(session_id)
        pipe.send((time.perf_counter() - begin, settled, done))
