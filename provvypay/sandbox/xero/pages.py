"""The consent page: who is signed in at Xero, what the app asks for, and which organisation it shall see.

Works without scripts. A wrong app, address or answer type gets a page that leads nowhere; everything else goes back to
the app with `state`.
"""

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from provvypay.sandbox.xero import identity, scopes
from provvypay.sandbox.xero.state import USERS, XeroState

ASKED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
LONGEST = 2000
_REGISTRABLE = re.compile(r"https://[^\s#]+|http://localhost(:\d+)?(/[^\s#]*)?")


def blueprint(state: XeroState) -> Blueprint:
    """Return the page's routes, bound to a state."""
    bp = Blueprint("xero_consent", __name__, url_prefix="/xero/identity/connect")

    @bp.get("/authorize")
    def show() -> Response:
        asked = {name: request.args.get(name, "")[:LONGEST] for name in ASKED}
        with state.core.lock:
            if problem := _wrong(state, asked):
                return _dead_end(problem)
            if refusal := _refusal(state, asked):
                return _back(asked, error=refusal)
            return _form(state, asked)

    @bp.post("/authorize")
    def answer() -> Response:
        asked = {name: request.form.get(name, "")[:LONGEST] for name in ASKED}
        user, tenants = request.form.get("user", ""), request.form.getlist("tenant")
        with state.core.lock:
            if problem := _wrong(state, asked):
                return _dead_end(problem)
            if request.form.get("answer") != "allow":
                return _back(asked, error="access_denied")
            if refusal := _refusal(state, asked):
                return _back(asked, error=refusal)
            if user not in USERS or not tenants or not all(name in state.tenants for name in tenants):
                return _form(state, asked, problem="Choose an organisation.", http_status=422)
            code = identity.consent(state, user, tenants, asked)
        return _back(asked, code=code, scope=asked["scope"])

    return bp


def _wrong(state: XeroState, asked: dict[str, str]) -> str:
    """Return why nobody may be sent anywhere, or nothing."""
    if asked["client_id"] != state.settings.client_id:
        return "unauthorized_client: Unknown client or client not enabled"
    registered = state.settings.redirect_uris
    fits = _REGISTRABLE.fullmatch(asked["redirect_uri"]) if registered is None else asked["redirect_uri"] in registered
    if not fits:
        return "unauthorized_client: Invalid redirect_uri. It is https, or http://localhost, never http://127.0.0.1."
    if asked["response_type"] != "code":
        return "unsupported_response_type"
    return ""


def _refusal(state: XeroState, asked: dict[str, str]) -> str:
    wanted = asked["scope"].split()
    if not wanted or scopes.unknown(wanted, broad=state.settings.broad_scopes):
        return "invalid_scope"
    if asked["code_challenge"] and asked["code_challenge_method"] != "S256":
        return "invalid_request"
    return ""


def _back(asked: dict[str, str], **values: str) -> Response:
    """Send the browser back to the app; `state` is echoed in every case."""
    pairs = {**values, **({"state": asked["state"]} if asked["state"] else {})}
    joined = "&" if "?" in asked["redirect_uri"] else "?"
    return redirect(f"{asked['redirect_uri']}{joined}{urlencode(pairs)}", 303)


def _form(state: XeroState, asked: dict[str, str], *, problem: str = "", http_status: int = 200) -> Response:
    wanted = [scopes.WORDS.get(name, name) for name in asked["scope"].split()]
    tenants = [
        (row.id, row.organisation["Name"], row.base, _connected(state, row.id)) for row in state.tenants.values()
    ]
    return _page(asked, http_status, wanted=wanted, tenants=tenants, users=list(USERS), problem=problem)


def _connected(state: XeroState, tenant_id: str) -> bool:
    return any(row["tenantId"] == tenant_id for row in state.connections.values())


def _page(asked: dict[str, str], http_status: int, **context: Any) -> Response:
    """Render the page. Its form leads, by redirect, to the app, so the policy names that origin."""
    response = make_response(render_template("xero_consent.html", asked=asked, **context), http_status)
    target = urlsplit(asked["redirect_uri"])
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {target.scheme}://{target.netloc}"
    )
    return response


def _dead_end(problem: str) -> Response:
    return make_response(render_template("xero_dead_end.html", problem=problem), 400)
