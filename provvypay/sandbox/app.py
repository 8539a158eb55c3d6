"""The sandbox's one place of wiring: core, vendors, control door, console, pages."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from provvypay.sandbox.coingecko import api as gecko_api
from provvypay.sandbox.coingecko import service as gecko_service
from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.console import views as console
from provvypay.sandbox.console import xero as xero_console
from provvypay.sandbox.control import views as control
from provvypay.sandbox.core import Core
from provvypay.sandbox.mirror_node import api as mirror_api
from provvypay.sandbox.mirror_node import service as mirror_service
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.stripe import api as stripe_api
from provvypay.sandbox.stripe import delivery, pages
from provvypay.sandbox.stripe import service as stripe_service
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.xero import api as xero_api
from provvypay.sandbox.xero import identity_api as xero_identity
from provvypay.sandbox.xero import pages as xero_pages
from provvypay.sandbox.xero import service as xero_service
from provvypay.sandbox.xero.state import XeroState

LARGEST_REQUEST_BYTES = 1024 * 1024
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, as its server and its tests see it."""

    core: Core
    stripe: StripeState
    gecko: GeckoState
    mirror: MirrorState
    xero: XeroState

    def stop(self) -> None:
        """Stop the background threads and write the last snapshot."""
        self.core.stop()


def create_sandbox(
    *,
    state_file: str | Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
) -> Flask:
    """Return the sandbox as a WSGI application, its background threads running.

    One process only: everything lives in its memory, so serve it with threads, never with several workers.

    :param state_file: snapshot to take over and to keep up to date
    :param webhook_url: address of this machine to which Stripe's events go
    :raises ValueError: when the state file is not one of the sandbox's, or the webhook address is not of this machine
    """
    core = Core(state_file=Path(state_file) if state_file else None)
    gecko = gecko_service.build(core)
    mirror = mirror_service.build(core, gecko)
    sandbox = Sandbox(core, stripe_service.build(core), gecko, mirror, xero_service.build(core))
    try:
        core.load()
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(
            f"{state_file} is not a sandbox state file ({error!r})."
            " Put back a copy of it, or move it away to begin anew."
        ) from error
    if webhook_url:
        try:
            with core.lock:
                stripe_service.point_webhooks(sandbox.stripe, webhook_url, webhook_secret or "")
        except StripeError as error:
            raise ValueError(str(error)) from error
    app = Flask("provvypay.sandbox", template_folder="templates", static_folder="static")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    app.extensions["sandbox"] = sandbox
    app.before_request(_refuse_strangers)
    app.after_request(_secure)
    app.register_blueprint(stripe_api.blueprint(sandbox.stripe))
    app.register_blueprint(pages.blueprint(sandbox.stripe))
    app.register_blueprint(gecko_api.blueprint(sandbox.gecko))
    app.register_blueprint(mirror_api.blueprint(sandbox.mirror))
    for part in (xero_api, xero_identity, xero_pages, xero_console):
        app.register_blueprint(part.blueprint(sandbox.xero))
    app.register_blueprint(control.blueprint(sandbox.core, sandbox.stripe, sandbox.gecko, sandbox.mirror, sandbox.xero))
    app.register_blueprint(console.blueprint(sandbox.core, sandbox.stripe, sandbox.gecko, sandbox.mirror, sandbox.xero))
    core.start(delivery.loop(sandbox.stripe))
    return app


def _refuse_strangers() -> None:
    """Let only this machine's own programs in: no rebound host name, no form posted from another site's page."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if host not in OWN_HOSTS:
        raise Forbidden("The sandbox answers to this machine only.")
    if request.method != "GET" and request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site"):
        raise Forbidden("The sandbox takes no forms from other sites.")


def _secure(response: Response) -> Response:
    headers: dict[str, Any] = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    return response


logging.getLogger("provvypay.sandbox").addHandler(logging.NullHandler())
