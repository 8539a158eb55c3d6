"""Routes of the Hedera mirror node's stand-in below /mirror_node/api/v1.

Reference: the mirror node's OpenAPI, 0.160, checked 2026-11-24. Its errors are {"_status": {"messages": [{…}]}}; 429,
502 and 504 come from the load balancer in front of it, as HTML.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from provvypay.sandbox.faults import REQUEST_KINDS, Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.mirror_node import blocks, contracts, entities, logs, rate, traffic, transactions
from provvypay.sandbox.mirror_node.params import Query, Refused
from provvypay.sandbox.mirror_node.state import MirrorState

PREFIX = "/mirror_node"
RATE_MAX_AGE, LIST_MAX_AGE = 60, 2
FROM_THE_BALANCER = (429, 502, 504)
MESSAGES = {500: "Internal error", 503: "Service unavailable"}
Answer = tuple[Any, int]
"""The body, and for how many seconds it may be kept."""
Endpoint = Callable[..., Answer]


def blueprint(state: MirrorState) -> Blueprint:
    """Return the API's routes, bound to a state."""
    bp = Blueprint("mirror_node_api", __name__, url_prefix=f"{PREFIX}/api/v1")
    for rule, endpoint in ROUTES.items():
        method = "POST" if endpoint is _call else "GET"
        bp.add_url_rule(rule, rule, _view(state, endpoint), methods=[method])
    return bp


def _view(state: MirrorState, endpoint: Endpoint) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        path = request.path.removeprefix(PREFIX)
        with state.core.lock:
            waits = traffic.count(state, path)
            faults = state.core.faults.take("mirror_node", tuple(REQUEST_KINDS), path, request.method)
        answer = _answered(state, endpoint, parts, faults, limited=waits)
        answer.headers["Access-Control-Allow-Origin"] = "*"
        with state.core.lock:
            state.statuses[answer.status_code] += 1
        return answer

    return view


def _answered(
    state: MirrorState, endpoint: Endpoint, parts: dict[str, str], faults: dict[str, Fault], *, limited: bool
) -> Response:
    for name in ("slow", "slow_after_commit"):
        if fault := faults.get(name):
            time.sleep(float(fault.option("seconds")))
    if "drop" in faults or "drop_after_commit" in faults:
        hang_up()
    if struck := _strike(faults):
        return struck
    if limited:
        wait = state.settings.retry_after
        return _html(429, {"Retry-After": str(wait)} if wait is not None else {})
    try:
        with state.core.lock:
            body, max_age = endpoint(state, request.args, **parts)
    except Refused as refused:
        return _json(refused.body, refused.status)
    answer = _json(body, 200)
    answer.headers["Cache-Control"] = f"public, max-age={max_age}"
    if link := body.get("links", {}).get("next"):
        answer.headers["Link"] = f'<{link}>; rel="next"'
    return answer


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
    # no decimals here, and pages are long: the standard writer is the faster one
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, content_type="application/json; charset=utf-8")


def _exchange_rate(state: MirrorState, query: Query) -> Answer:
    """Answer with the rate in force now; what it was at another time is not acted out."""
    for name in query:
        if name == "timestamp":
            raise Refused(400, "Invalid parameter: timestamp", "The sandbox knows the present rate only")
        raise Refused(400, f"Unknown query parameter: {name}")
    if state.switches.missing:
        raise Refused(404, "Not Found", "No exchange rate found")
    return rate.answer(state), RATE_MAX_AGE


def _transaction(state: MirrorState, query: Query, name: str) -> Answer:
    return transactions.by_id(state, name, query)


def _call(state: MirrorState, _: Query) -> Answer:
    return contracts.call(state, request.get_json(silent=True)), 0


def _not_found(*_: object, **__: str) -> Answer:
    raise Refused(404, "Not found")


def _listing(answer: Callable[[MirrorState, Query], dict[str, Any]]) -> Endpoint:
    return lambda state, query: (answer(state, query), LIST_MAX_AGE)


def _named(answer: Callable[[MirrorState, str, Query], dict[str, Any]]) -> Endpoint:
    return lambda state, query, name: (answer(state, name, query), LIST_MAX_AGE)


ROUTES: dict[str, Endpoint] = {
    "/network/exchangerate": _exchange_rate,
    "/transactions": _listing(transactions.listed),
    "/transactions/<path:name>": _transaction,
    "/accounts/<name>": _named(entities.account),
    "/accounts/<name>/tokens": _named(entities.associations),
    "/tokens/<name>": _named(entities.token),
    "/contracts/call": _call,
    "/contracts/<name>": _named(contracts.shown),
    "/contracts/<name>/results/logs": _named(logs.listed),
    "/blocks": _listing(blocks.listed),
    "/<path:rest>": _not_found,
}
