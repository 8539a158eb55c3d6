"""A browser without a screen: fetches pages by endpoint, reads every answer strictly, and sends real forms."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from provvypay.web.guards import TOKEN
from tests.support import html


@dataclass
class Page:
    """An answer, parsed when it is HTML."""

    response: TestResponse
    root: Element | None
    browser: HtmlClient

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def headers(self) -> Any:
        """The headers."""
        return self.response.headers

    @property
    def location(self) -> str:
        """Where a redirect leads: path and query."""
        target = urlsplit(self.headers.get("Location") or self.headers.get("HX-Redirect", ""))
        return f"{target.path}?{target.query}" if target.query else target.path

    @property
    def source(self) -> str:
        """The text as it was sent."""
        return self.response.get_data(as_text=True)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.source)

    @property
    def text(self) -> str:
        """What a reader sees."""
        assert self.root is not None, f"{self.status}: no HTML"
        return html.text_of(self.root)

    @property
    def title(self) -> str:
        """The page's title."""
        assert self.root is not None
        return html.text_of(self.root.find("head/title"))  # type: ignore[arg-type]

    def element(self, name: str) -> Element:
        """Return the element of an id."""
        assert self.root is not None
        found = html.by_id(self.root, name)
        assert found is not None, f"there is no #{name}"
        return found

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag."""
        assert self.root is not None
        return html.find_all(self.root, tag, **attributes)

    def form(self, name: str) -> Form:
        """Return a form by its id or by its address."""
        for one in self.all("form"):
            if name in {one.get("id"), one.get("action")}:
                return Form(self.browser, one)
        raise AssertionError(f"there is no form {name}")

    def errors(self) -> dict[str, str]:
        """Return the sentence beside each field that was refused."""
        return {
            str(one.get("id")).removesuffix("-error"): html.text_of(one)
            for one in self.all("p")
            if str(one.get("id")).endswith("-error")
        }


@dataclass
class Form:
    """A form of a page, with what it holds already."""

    browser: HtmlClient
    element: Element

    @property
    def values(self) -> dict[str, str]:
        """What would be sent if nothing were typed."""
        held: dict[str, str] = {}
        for field in self.element.iter():
            name = field.get("name")
            if not name or field.get("disabled") is not None:
                continue
            if field.tag == "select":
                options = field.findall(".//option")
                chosen = next(
                    (one for one in options if one.get("selected") is not None), options[0] if options else None
                )
                if chosen is not None:
                    held[name] = chosen.get("value", html.text_of(chosen))
            elif field.tag == "textarea":
                held[name] = field.text or ""
            elif field.tag == "input" and field.get("type") in {"radio", "checkbox"}:
                if field.get("checked") is not None:
                    held[name] = field.get("value", "on")
            elif field.tag == "input" and field.get("type") != "submit":
                held[name] = field.get("value", "")
        return held

    def submit(self, *, hx: bool = False, **typed: str) -> Page:
        """Send the form with what was typed; as htmx would when asked."""
        method = self.element.get("method", "get").upper()
        return self.browser.open(
            method,
            self.element.get("action", ""),
            data=self.values | typed,
            target=self.element.get("id") if hx else None,
        )


class HtmlClient:
    """One visitor, with a cookie jar and a network address of their own."""

    def __init__(self, app: Flask, base_url: str) -> None:
        """Come from somewhere nobody else comes from."""
        self.app = app
        self.base_url = base_url
        self.ip = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        self.raw = app.test_client()

    def url(self, endpoint: str, **values: Any) -> str:
        """Return the path of an endpoint."""
        with self.app.test_request_context(base_url=self.base_url):
            return self.app.url_for(endpoint, **values)

    def get(self, endpoint: str, **values: Any) -> Page:
        """Fetch a page."""
        return self.open("GET", self.url(endpoint, **values))

    def post(self, endpoint: str, data: dict[str, Any] | None = None, **values: Any) -> Page:
        """Send a form that no page was fetched for, with a good token."""
        return self.open("POST", self.url(endpoint, **values), data={"csrf_token": self.token(), **(data or {})})

    def fragment(self, block: str, endpoint: str, **values: Any) -> Page:
        """Fetch one block as htmx would, and see that the page holds just the same."""
        path = self.url(endpoint, **values)
        found = self.open("GET", path, target=block)
        page = self.open("GET", path)
        if found.status in {200, 286} and page.root is not None and found.root is not None:
            whole = html.by_id(page.root, block)
            assert whole is not None, f"the page has no #{block}"
            assert html.signature(whole) == html.signature(found.root), f"page and fragment differ in #{block}"
        return found

    def open(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        target: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Page:
        """Send a request; every HTML answer is read strictly.

        :param target: the id htmx would replace; makes it an htmx request
        """
        sent = dict(headers or {})
        if target:
            sent |= {"HX-Request": "true", "HX-Target": target, "HX-Current-URL": f"{self.base_url}{path}"}
        more.setdefault("base_url", self.base_url)
        response = self.raw.open(
            path, method=method, data=data, headers=sent, environ_overrides={"REMOTE_ADDR": self.ip}, **more
        )
        return Page(response, self._read(response, target, method), self)

    def _read(self, response: TestResponse, target: str | None, method: str) -> Element | None:
        # What werkzeug itself writes beside a redirect is read by nobody.
        if response.mimetype != "text/html" or method == "HEAD" or 300 <= response.status_code < 400:
            return None
        body = response.get_data(as_text=True)
        if not body:
            return None
        if body.lstrip().lower().startswith("<!doctype"):
            return html.parse_page(body)
        root = html.parse_fragment(body)
        if response.status_code in {200, 286, 422}:
            assert root.get("id") == target, f"a fragment for #{target} has the id {root.get('id')}"
        return root

    def token(self) -> str:
        """Return a form token of this visitor's session, as a page would hold it."""
        with self.raw.session_transaction(base_url=self.base_url) as session:
            known = session.setdefault("csrf_token", hashlib.sha1(os.urandom(64)).hexdigest())
        return URLSafeTimedSerializer(self.app.secret_key, salt="wtf-csrf-token").dumps(known)  # type: ignore[arg-type]

    def hold(self, session_token: str) -> HtmlClient:
        """Hold a session's token as if this visitor had signed in."""
        with self.raw.session_transaction(base_url=self.base_url) as session:
            session[TOKEN] = session_token
        return self

    def cookies(self) -> dict[str, str]:
        """Return the cookies this visitor holds."""
        return {cookie.key: cookie.value for cookie in self.raw._cookies.values()}
