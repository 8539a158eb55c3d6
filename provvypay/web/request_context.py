"""What views hand on to flows and services: who asks, from where, and under which id."""

from __future__ import annotations

import ipaddress
import time

import structlog
from flask import Flask, Response, g, request
from flask_login import current_user

from provvypay.kit.ids import uuid7
from provvypay.services.audit import Actor

log = structlog.get_logger(__name__)

# What a poll answers when nothing changed or nothing more will: too many lines to be worth reading.
_QUIET = {204, 286, 304}


def install(app: Flask) -> None:
    """Give each request an id and write one line about it."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """Return the id of this request, as it stands in the logs, the audit and the header X-Request-Id."""
    found: str = g.request_id
    return found


def remote_ip() -> str | None:
    """Return the network address of whoever asks, by the trusted proxies' count; None for what is no address."""
    try:
        return str(ipaddress.ip_address(request.remote_addr or ""))
    except ValueError:
        return None


def actor() -> Actor:
    """Return who acts: the signed-in member, or somebody unknown."""
    if current_user.is_authenticated:
        return Actor("USER", id=current_user.id, ip=remote_ip(), request_id=request_id())
    return Actor("ANONYMOUS", ip=remote_ip(), request_id=request_id())


def user_agent() -> str:
    """Return what the browser calls itself, cut."""
    return request.headers.get("User-Agent", "")[:200]


def _begin() -> None:
    g.request_id = uuid7().hex
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    quiet = response.status_code in _QUIET or request.endpoint == "static" or request.blueprint == "health"
    # The endpoint, not the path: paths carry short codes, queries carry what people search for.
    (log.debug if quiet else log.info)(
        "http.answered",
        method=request.method,
        endpoint=request.endpoint or "",
        http_status=response.status_code,
        milliseconds=round((time.perf_counter() - g.started) * 1000, 1),
    )
    return response
