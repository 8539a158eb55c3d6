"""Routes of the Hedera mirror node's stand-in below /mirror_node/api/v1.

Reference: the mirror node's OpenAPI, 0.160, checked 2026-11-24. Its errors are {"_status": {"messages": [{…}]}}; 429,
502 and 504 come from the load balancer in front of it, as HTML.
"""

import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from provvypay.sandbox.faults import REQUEST_KINDS, Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.mirror_node import rate
from provvypay.sandbox.mirror_node.state import MirrorState

PREFIX = "/mirror_node"
MAX_AGE_SECONDS = 60
FROM_THE_BALANCER = (429, 502, 504)
MESSAGES = {500: "Internal error", 503: "Service unavailable"}


class Refused(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        said = {"message": message} if detail is None else {"message": message, "detail": detail}
        self.body: dict[str, Any] = {"_status": {"messages": [said]}}


def blueprint(state: MirrorState) -> Blueprint:
    """Return the API's routes, bound to a state."""
    bp = Blueprint("mirror_node_api", __name__, url_prefix=f"{PREFIX}/api/v1")
    bp.add_url_rule("/network/exchangerate", "exchangerate", _view(state, _exchange_rate), methods=["GET"])
    bp.add_url_rule("/<path:rest>", "unknown", _view(state, _unknown), methods=["GET"])
    return bp


def _view(state: MirrorState, endpoint: Callable[[MirrorState], Any]) -> Callable[..., Response]:
    def view(**_: str) -> Response:
        path = request.path.removeprefix(PREFIX)
        with state.core.lock:
            faults = state.core.faults.take("mirror_node", tuple(REQUEST_KINDS), path, request.method)
        for name in ("slow", "slow_after_commit"):
            if fault := faults.get(name):
                time.sleep(float(fault.option("seconds")))
        if "drop" in faults or "drop_after_commit" in faults:
            hang_up()
        if struck := _strike(faults):
            return struck
        try:
            with state.core.lock:
                body = endpoint(state)
        except Refused as refused:
            return _json(refused.body, refused.status)
        answer = _json(body, 200)
        answer.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        return answer

    return view


def _strike(faults: dict[str, Fault]) -> Response | None:
    """Return what a fault lets the customer see, or None when there is none."""
    if fault := faults.get("rate_limit"):
        wait = fault.option("retry_after")
        return _html(int(fault.option("status")), {"Retry-After": str(wait)} if wait is not None else {})
    if fault := faults.get("error") or faults.get("error_after_commit"):
        status = int(fault.option("status"))
        if fault.option("html") or status in FROM_THE_BALANCER:
            return _html(status)
        return _json(Refused(status, MESSAGES.get(status, "Not Found" if status == 404 else "Error")).body, status)
    return None


def _html(status: int, headers: dict[str, str] | None = None) -> Response:
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Response(page, status, headers or {}, content_type="text/html")


def _json(body: Any, status: int) -> Response:
    return Response(to_json(body), status, content_type="application/json; charset=utf-8")


def _exchange_rate(state: MirrorState) -> Any:
    """Answer with the rate in force now; what it was at another time is not acted out."""
    for name in request.args:
        if name == "timestamp":
            raise Refused(400, "Invalid parameter: timestamp", "The sandbox knows the present rate only")
        raise Refused(400, f"Unknown query parameter: {name}")
    if state.switches.missing:
        raise Refused(404, "Not Found", "No exchange rate found")
    return rate.answer(state)


def _unknown(_: MirrorState) -> Any:
    raise Refused(404, "Not found")
