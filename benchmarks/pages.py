"""The pay page and its poll against bare Flask on the same server, and that server against another one."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape

from benchmarks import crew as crews
from benchmarks import load
from benchmarks.merchant import Merchant
from benchmarks.rounds import Comparison, Measure
from benchmarks.stage import Stage, granian, gunicorn, running
from provvypay.flows import live
from provvypay.launcher.ports import free_port

CONNECTIONS = 8
WEB, BARE = "provvypay.app:create_app", "benchmarks.bare:create_app"
_POLLS_AT = re.compile(r'hx-get="([^"]+)"')
_COOKIE = re.compile(r"^set-cookie: ([^;]+)", re.IGNORECASE | re.MULTILINE)
_HTMX = {"HX-Request": "true", "HX-Target": "payment_status"}


class Customer:
    """Somebody with a pay page open: their cookie, and where their page polls."""

    def __init__(self, port: int, short_code: str) -> None:
        """Visit the page once."""
        self.port = port
        self.code = short_code
        visit = load.get(port, f"/p/{short_code}")
        if visit.status != 200:
            raise RuntimeError(f"the pay page answers {visit.status}")
        self.page_bytes = len(visit.body)
        cookie = _COOKIE.search(visit.head)
        self.headers = {**_HTMX, **({"Cookie": cookie.group(1)} if cookie else {})}
        self.polls_at = _address(visit.body)

    def look_anew(self) -> None:
        """Forget the token and take a new one, of a page just opened: it and its pace live through the next seconds."""
        live.touch(self.code)
        self.polls_at = re.sub(r"since=\d+", f"since={int(time.time())}", self.polls_at)
        answer = load.get(self.port, self.polls_at, self.headers)
        if answer.status != 200:
            raise RuntimeError(f"a poll with an old token answers {answer.status}")
        self.polls_at = _address(answer.body)

    def poll(self, *, seen: bool = True) -> bytes:
        """Return a poll's bytes; without `seen` the row is read."""
        path = self.polls_at if seen else re.sub(r"seen=[^&]*&?", "", self.polls_at)
        return load.request(self.port, path, self.headers)


def _address(page: bytes) -> str:
    found = _POLLS_AT.search(page.decode())
    if found is None:
        raise RuntimeError("the page does not poll")
    return unescape(found.group(1))


@contextlib.contextmanager
def measures(stage: Stage, merchant: Merchant, only: set[str]) -> Iterator[tuple[list[Measure], list[Comparison]]]:
    """Start the servers; give the measurements and what they are compared as.

    :param only: pay, poll, and server for the comparison with the other server
    """
    measured: list[Measure] = []
    compared: list[Comparison] = []
    with contextlib.ExitStack() as servers:
        code = open_link(merchant)
        ours = _on(servers, stage, "gunicorn", code, port=stage.web_port)
        if "pay" in only:
            measured += [ours.page, ours.bare_page]
            compared += [Comparison(ours.page, ours.bare_page, "≥ 0.40")]
        if "poll" in only:
            measured += [ours.hello, ours.nothing_new, ours.reads]
            compared += [Comparison(ours.nothing_new, ours.hello, "≥ 0.50"), Comparison(ours.reads, ours.hello)]
        if "server" in only:
            other = _on(servers, stage, "granian", code)
            pairs = [(other.page, ours.page), (other.nothing_new, ours.nothing_new), (other.hello, ours.hello)]
            measured += [measure for pair in pairs for measure in pair if measure not in measured]
            compared += [Comparison(theirs, mine) for theirs, mine in pairs]
        yield measured, compared


@dataclass(frozen=True, slots=True)
class _Served:
    """What can be measured on one server."""

    page: Measure
    bare_page: Measure
    hello: Measure
    nothing_new: Measure
    reads: Measure


def _on(servers: contextlib.ExitStack, stage: Stage, server: str, code: str, *, port: int | None = None) -> _Served:
    """Start the product and the bare application, which answers with as long a page, on one kind of server."""
    web = serve(servers, stage, server, WEB, port=port)
    customer = Customer(web, code)
    bare = serve(servers, stage, server, BARE, BARE_PAGE_BYTES=str(customer.page_bytes))
    where = "" if server == "gunicorn" else f" on {server}"
    return _Served(
        page=_asks(f"pay page{where}", web, f"/p/{code}"),
        bare_page=_asks(f"bare page of {customer.page_bytes:,} bytes{where}", bare, "/page"),
        hello=_asks(f"hello{where}", bare, "/hello"),
        nothing_new=_polls(f"poll, nothing new{where}", customer, seen=True),
        reads=_polls(f"poll that reads the row{where}", customer, seen=False),
    )


def open_link(merchant: Merchant) -> str:
    """Make an open link through the product's flow and return its code."""
    job = crews.Job("create", merchant.organization_id, merchant.user_id)
    return crews.create_one(job, merchant.take_numbers(1), merchant.rates)


def serve(
    servers: contextlib.ExitStack, stage: Stage, server: str, application: str, *, port: int | None = None, **more: str
) -> int:
    """Start an application on a server with the product's numbers of processes and threads; return its port."""
    port = port or free_port()
    ours = application == WEB
    command = gunicorn(port, f"{application}()") if server == "gunicorn" else granian(port, application)
    health = f"127.0.0.1:{port}/{'health/ready' if ours else 'hello'}"
    servers.enter_context(running(stage, f"{server}-{'web' if ours else 'bare'}", command, health=health, **more))
    return port


def _asks(name: str, port: int, path: str) -> Measure:
    return Measure(name, _loop(port, lambda: load.request(port, path), expect=200))


def _polls(name: str, customer: Customer, *, seen: bool) -> Measure:
    def prepared() -> bytes:
        customer.look_anew()
        return customer.poll(seen=seen)

    return Measure(name, _loop(customer.port, prepared, expect=204 if seen else 200))


def _loop(port: int, prepared: Callable[[], bytes], *, expect: int) -> Callable[[float], float]:
    def run(seconds: float) -> float:
        sent = prepared()
        return load.closed_loop(port, sent, expect=expect, connections=CONNECTIONS, seconds=seconds).per_second

    return run
