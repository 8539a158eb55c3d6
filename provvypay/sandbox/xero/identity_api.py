"""Routes of Xero's identity: the token endpoint, revocation, and the list of connections."""

import base64
import binascii
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from provvypay.sandbox.faults import REQUEST_KINDS, XERO_KINDS, Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.xero import bearer, identity, wire
from provvypay.sandbox.xero.errors import XeroError
from provvypay.sandbox.xero.identity import OAuthError
from provvypay.sandbox.xero.state import XeroState

PREFIX = "/xero"
Answer = tuple[Any, int]


def blueprint(state: XeroState) -> Blueprint:
    """Return the routes, bound to a state."""
    bp = Blueprint("xero_identity", __name__, url_prefix=PREFIX)
    bp.add_url_rule("/connect/token", "token", _view(state, _token), methods=["POST"])
    bp.add_url_rule("/connect/revocation", "revocation", _view(state, _revocation), methods=["POST"])
    for name in ("connections", "Connections"):
        bp.add_url_rule(f"/{name}", f"list {name}", _view(state, _connections), methods=["GET"])
        bp.add_url_rule(f"/{name}/<connection_id>", f"end {name}", _view(state, _disconnect), methods=["DELETE"])
    return bp


def _view(state: XeroState, endpoint: Callable[..., Answer]) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        path = request.path.removeprefix(PREFIX)
        with state.core.lock:
            faults = state.core.faults.take("xero", (*REQUEST_KINDS, *XERO_KINDS), path, request.method)
        if "drop" in faults:
            hang_up()
        if fault := faults.get("slow"):
            time.sleep(float(fault.option("seconds")))
        if struck := _struck(faults):
            return struck
        try:
            with state.core.lock:
                body, status = endpoint(state, **ids)
        except XeroError as error:
            body, status = error.body, error.status
        except OAuthError as error:
            body, status = {"error": error.word}, 400
        if fault := faults.get("slow_after_commit"):
            time.sleep(float(fault.option("seconds")))
        if "drop_after_commit" in faults:
            hang_up()
        if fault := faults.get("error_after_commit"):
            return Response("", int(fault.option("status")), content_type="text/plain")
        text = "" if body is None else to_json(body)
        return Response(text, status, content_type="application/json; charset=utf-8")

    return view


def _struck(faults: dict[str, Fault]) -> Response | None:
    if fault := faults.get("error"):
        return Response("", int(fault.option("status")), content_type="text/plain")
    if fault := faults.get("oauth_error"):
        return Response(to_json({"error": fault.option("word")}), 400, content_type="application/json")
    if fault := faults.get("rate_limit"):
        wait = fault.option("retry_after")
        return Response("", 429, {"Retry-After": str(wait)} if wait is not None else {})
    return None


def _token(state: XeroState) -> Answer:
    """Exchange a code or a refresh token; what became of it is counted, so that a test can count refreshes."""
    kind = request.form.get("grant_type", "")
    try:
        answer = _granted(state, kind)
    except OAuthError as error:
        _count(state, f"{kind}:{error.word}")
        raise
    _count(state, kind)
    return answer, 200


def _granted(state: XeroState, kind: str) -> dict[str, Any]:
    _check_client(state)
    form = request.form
    if kind == "authorization_code":
        return identity.exchange(state, form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier"))
    if kind == "refresh_token":
        return identity.refresh(state, form.get("refresh_token", ""))
    raise OAuthError("unsupported_grant_type")


def _count(state: XeroState, what: str) -> None:
    state.token_calls[what] = state.token_calls.get(what, 0) + 1
    state.core.touch()


def _check_client(state: XeroState) -> None:
    """Accept the app's id and secret as basic credentials or in the form.

    :raises OAuthError: invalid_client
    """
    name, secret = request.form.get("client_id"), request.form.get("client_secret")
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        try:
            name, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError("invalid_client") from None
    if (name, secret) != (state.settings.client_id, state.settings.client_secret):
        raise OAuthError("invalid_client")


def _revocation(state: XeroState) -> Answer:
    _check_client(state)
    identity.revoke(state, request.form.get("token", ""))
    return None, 200


def _connections(state: XeroState) -> Answer:
    user, wanted = bearer.grant(state)["user"], request.args.get("authEventId")
    rows = [row for row in state.connections.values() if row["user"] == user and wanted in (None, row["authEventId"])]
    return [_shown(state, row) for row in rows], 200


def _disconnect(state: XeroState, connection_id: str) -> Answer:
    user, row = bearer.grant(state)["user"], state.connections.get(connection_id)
    if not row or row["user"] != user:
        raise XeroError(404, "")
    del state.connections[connection_id]
    state.core.touch()
    return None, 204


def _shown(state: XeroState, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "authEventId": row["authEventId"],
        "tenantId": row["tenantId"],
        "tenantType": "ORGANISATION",
        "tenantName": state.tenants[row["tenantId"]].organisation["Name"],
        "createdDateUtc": wire.long_moment(row["created"]),
        "updatedDateUtc": wire.long_moment(row["updated"]),
    }
