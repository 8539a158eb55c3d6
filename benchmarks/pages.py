"""The pay page and its poll against bare Flask on the same server, and that server against another one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
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
        """Forget the token and take a new one, so that it lives through the next seconds."""
        live.touch(self.code)
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

    :param only: pay, poll or both
    """
    with contextlib.ExitStack() as servers:
        code = open_link(merchant)
        web = serve(servers, stage, "gunicorn", WEB, port=stage.web_port)
        customer = Customer(web, code)
        size = str(customer.page_bytes)
        bare = serve(servers, stage, "gunicorn", BARE, BARE_PAGE_BYTES=size)
        other = Customer(serve(servers, stage, "granian", WEB), code)
        other_bare = serve(servers, stage, "granian", BARE, BARE_PAGE_BYTES=size)

        hello = _asks("hello", bare, "/hello")
        hello_other = _asks("hello on granian", other_bare, "/hello")
        measured, compared = [hello, hello_other], [Comparison(hello_other, hello)]
        if "pay" in only:
            page = _asks("pay page", web, f"/p/{code}")
            page_other = _asks("pay page on granian", other.port, f"/p/{code}")
            bare_page = _asks(f"bare page of {customer.page_bytes:,} bytes", bare, "/page")
            bare_other = _asks("bare page on granian", other_bare, "/page")
            measured += [page, page_other, bare_page, bare_other]
            compared += [
                Comparison(page, bare_page, "≥ 0.40"),
                Comparison(page_other, bare_other),
                Comparison(page_other, page),
            ]
        if "poll" in only:
            nothing_new = _polls("poll, nothing new", customer, seen=True)
            nothing_new_other = _polls("poll, nothing new, on granian", other, seen=True)
            reads = _polls("poll that reads the row", customer, seen=False)
            measured += [nothing_new, nothing_new_other, reads]
            compared += [
                Comparison(nothing_new, hello, "≥ 0.50"),
                Comparison(reads, hello),
                Comparison(nothing_new_other, nothing_new),
            ]
        yield measured, compared


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
