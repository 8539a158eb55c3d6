"""A person with a browser of their own, and everything their browser complains of."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Frame, Locator, Page, Request

from provvypay.web.guards import TOKEN
from tests.support.browser import PATIENCE_MS
from tests.support.live import LiveApp

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# Says aloud what the content policy refused, and notes the very moment at which PAID came to stand on the page.
WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`content policy: ${event.effectiveDirective} ${event.blockedURI}`));
new MutationObserver(() => {
  if (window.paidSeenAt === undefined && document.querySelector(".stamp, #link_live .badge[data-status=PAID]"))
    window.paidSeenAt = Date.now();
}).observe(document, { childList: true, subtree: true });
"""
# A refused form or a missing page is meant; Chromium and htmx write a line about it all the same.
MEANT = r"^(Failed to load resource: the server responded with a status of|Response Status Error Code) "


@dataclass
class Visitor:
    """One browser context: cookies, an address and a screen of its own."""

    context: BrowserContext
    base: str
    checkout: str
    """the origin of the hosted card page, the one place our pages may lead to"""
    meant: str = r"4\d\d"
    """the HTTP statuses this person may meet: a pattern"""
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """requests to where no page of ours has anything to fetch"""

    @property
    def page(self) -> Page:
        """The first page."""
        return self.context.pages[0]

    def open(self, path: str = "") -> Page:
        """Open another tab, at a path when one is given."""
        page = self.context.new_page()
        if path:
            page.goto(self.url(path))
        return page

    def go(self, path: str) -> Page:
        """Lead the first tab to a path."""
        self.page.goto(self.url(path))
        return self.page

    def url(self, path: str) -> str:
        """Return the address of a path of ours."""
        return path if path.startswith("http") else self.base + path

    def note(self, request: Request) -> None:
        """Remember a request, and where it went if it left us other than by going to the hosted card page."""
        self.requests.append(request)
        if request.url.startswith((f"{self.base}/", f"{self.base.replace('127.0.0.1', 'localhost')}/")):
            return
        to_checkout = request.url.startswith(f"{self.checkout}/")
        # The card page fetches its own style; nothing of ours may come from there.
        if to_checkout and (request.is_navigation_request() or request.frame.url.startswith(f"{self.checkout}/")):
            return
        self.strangers.append(request.url)

    def shoot(self, folder: Path) -> list[str]:
        """Take a picture of every tab; return the files."""
        files = []
        for number, page in enumerate(self.context.pages):
            file = folder / f"{id(self):x}-{number}.png"
            try:
                page.screenshot(path=file, full_page=True, timeout=5000)
            except Error:
                continue
            files.append(f"{file} {page.url}")
        return files


class Visitors:
    """Everybody who comes to the running product during one test."""

    def __init__(self, browser: Browser, live: LiveApp) -> None:
        """Nobody has come yet."""
        self._browser, self._live = browser, live
        self._serializer: Any = None
        self.all: list[Visitor] = []

    def __call__(
        self, *, phone: bool = False, scripts: bool = True, session: str | None = None, **context: Any
    ) -> Visitor:
        """Let somebody come, with a first tab.

        :param session: the token of a session, for somebody who has signed in already
        :param context: further options of Playwright's new_context
        """
        size = {"viewport": PHONE, "is_mobile": True, "has_touch": True} if phone else {"viewport": DESK}
        made = self._browser.new_context(
            java_script_enabled=scripts,
            extra_http_headers={"X-Forwarded-For": _address()},
            **{"timezone_id": "Australia/Sydney", **size, **context},
        )
        made.set_default_timeout(PATIENCE_MS)
        if scripts:
            made.add_init_script(WATCH)
        visitor = Visitor(made, self._live.url, self._live.sandbox.url)
        made.on("request", visitor.note)
        made.on("console", lambda message: _hear(visitor, message))
        made.on("weberror", lambda error: visitor.complaints.append(str(error.error)))
        if session:
            made.add_cookies([self._cookie(session)])
        made.new_page()
        self.all.append(visitor)
        return visitor

    def leave(self) -> None:
        """Close every browser, then see that none had anything to complain of."""
        for visitor in self.all:
            visitor.context.close()
        complaints = {number: one.complaints for number, one in enumerate(self.all) if one.complaints}
        strangers = {number: one.strangers for number, one in enumerate(self.all) if one.strangers}
        assert not complaints, f"a browser complained: {complaints}"
        assert not strangers, f"something left for another origin: {strangers}"

    def _cookie(self, token: str) -> Any:
        """Return the cookie that signing in would have set."""
        if self._serializer is None:
            signing = Flask("visitor")
            signing.secret_key = self._live.settings.secret_key
            self._serializer = SecureCookieSessionInterface().get_signing_serializer(signing)
        host = urlsplit(self._live.url).hostname
        return {
            "name": "__Host-provvypay",
            "value": self._serializer.dumps({TOKEN: token}),
            "url": f"https://{host}/",
            "secure": True,
            "httpOnly": True,
            "sameSite": "Lax",
        }


def _hear(visitor: Visitor, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"} and not re.match(MEANT + visitor.meant, message.text):
        visitor.complaints.append(f"{message.text} ({message.location.get('url', '')})")


def _address() -> str:
    return ".".join(["10", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


def navigations_of(page: Page) -> list[str]:
    """Return a list that grows with every address the tab is led to from now on."""
    seen: list[str] = []

    def note(frame: Frame) -> None:
        if frame == page.main_frame:
            seen.append(frame.url)

    page.on("framenavigated", note)
    return seen


def paid_seen_at(page: Page) -> float:
    """Return the Unix second at which PAID came to stand on the page."""
    return float(page.evaluate("window.paidSeenAt")) / 1000


def come_back_to(page: Page) -> None:
    """Let the person look at this tab again: it asks for news at once. Without a screen no tab is ever hidden."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def focused(page: Page) -> Locator:
    """Return what has the focus."""
    return page.locator("*:focus")


def polls(visitor: Visitor, block: str) -> Callable[[], int]:
    """Return a counter of the requests a live part has made by itself."""
    return lambda: sum(request.headers.get("hx-trigger") == block for request in visitor.requests)
