"""One way to call a vendor over HTTP: outside transactions, with short time-outs, and errors that say if to retry."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from provvypay.kit import db

log = structlog.get_logger(__name__)

# Connecting to a healthy host takes milliseconds; an answer may take some seconds.
CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class HttpAnswer:
    """What came back: status, headers in lower case, and the text."""

    status: int
    headers: Mapping[str, str]
    text: str


def seconds_to_wait(answer: HttpAnswer) -> int:
    """Return what `Retry-After` asks for in whole seconds; 0 when it is missing or a date."""
    asked = answer.headers.get("retry-after", "").strip()
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 9 else 0


class HttpFailed(Exception):
    """No usable answer: refused, reset, timed out or still 5xx after the retries. A later try may succeed.

    :ivar retry_after: whole seconds the last answer asked to wait; 0 when it did not
    """

    retry_after = 0


@dataclass
class HttpClient:
    """A vendor's address and headers, with one pooled client underneath.

    :ivar retries: further tries of a GET after a connection failure, a 408 or a 5xx
    :ivar answer_seconds: how long an answer may take
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    retries: int = 2
    answer_seconds: float = 10.0
    _client: httpx.Client | None = None

    def get(self, path: str, params: Mapping[str, str | Sequence[str]]) -> HttpAnswer:
        """Fetch a path under the base address.

        :param params: the query; a name with several values is repeated. Without any, the path may carry a query itself
        :raises HttpFailed: after the retries
        :raises RuntimeError: when a transaction is open
        """
        return self._ask("GET", path, params=dict(params) or None)

    def post_json(self, path: str, body: Mapping[str, object]) -> HttpAnswer:
        """Ask a question that does not fit an address; only for what changes nothing, for it is repeated like get().

        :raises HttpFailed: after the retries
        :raises RuntimeError: when a transaction is open
        """
        return self._ask("POST", path, json=dict(body))

    def _ask(self, method: str, path: str, **sent: Any) -> HttpAnswer:
        db.assert_outside_transaction()
        started = time.monotonic()
        failure = HttpFailed(f"{method} {self.base_url}{path}")
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(random.uniform(0.1, 0.3) * 2**attempt)  # noqa: S311 - jitter
            try:
                answer = self._pool().request(method, path, **sent)
            except httpx.HTTPError as error:
                log.warning(
                    "vendor.unreachable", base=self.base_url, path=path, error=type(error).__name__, attempt=attempt
                )
                continue
            if answer.status_code >= 500 or answer.status_code == 408:
                log.warning(
                    "vendor.failed", base=self.base_url, path=path, http_status=answer.status_code, attempt=attempt
                )
                failure.retry_after = seconds_to_wait(_of(answer))
                continue
            log.debug(
                "vendor.answered",
                path=path,
                http_status=answer.status_code,
                seconds=round(time.monotonic() - started, 3),
            )
            return _of(answer)
        raise failure

    def send(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        holding_a_lock: bool = False,
    ) -> HttpAnswer:
        """Send one request, once, and return whatever is answered, errors too.

        :param holding_a_lock: the one call that is made inside a transaction: the refresh of Xero's tokens
        :raises HttpFailed: without an answer; what was asked for may have been done
        :raises RuntimeError: when a transaction is open
        """
        if not holding_a_lock:
            db.assert_outside_transaction()
        try:
            answer = self._pool().request(
                method, path, data=dict(form) if form else None, headers=dict(headers or {}), params=dict(params or {})
            )
        except httpx.HTTPError as error:
            log.warning("vendor.unreachable", base=self.base_url, path=path, error=type(error).__name__)
            raise HttpFailed(f"{method} {self.base_url}{path}") from error
        return _of(answer)

    def _pool(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(
                base_url=self.base_url,
                headers=dict(self.headers),
                timeout=httpx.Timeout(self.answer_seconds, connect=CONNECT_SECONDS),
                follow_redirects=False,
            )
        return self._client


def _of(answer: httpx.Response) -> HttpAnswer:
    return HttpAnswer(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, answer.text)
