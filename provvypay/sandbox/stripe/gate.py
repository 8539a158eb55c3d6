"""The gate every API request passes: key, version, faults, rate limit, idempotency, errors, headers.

Order, as far as it can be seen from outside Stripe: authentication, rate limit, idempotency, then the endpoint.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from provvypay.sandbox.faults import Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.stripe import idempotency, wire
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.idempotency import Kept
from provvypay.sandbox.stripe.state import ACCOUNT_ID, API_VERSION, StripeState, new_id

Endpoint = Callable[..., dict[str, Any]]
"""Takes the call and the ids in the path, returns the object to answer with. Runs under the lock."""

REQUEST_FAULTS = ("error error_after_commit drop drop_after_commit slow slow_after_commit rate_limit").split()
_KEY = re.compile(r"(sk|rk)_test_\w{4,}")
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass
class Passing:
    """One request on its way through the gate."""

    state: StripeState
    request_id: str
    key: str | None
    claimed: bool = False
    """Whether the idempotency key is ours: at the end it has an answer, or is given back."""


def serve(state: StripeState, path: str, endpoint: Endpoint, ids: dict[str, str]) -> Response:
    """Answer one API request.

    :param path: below the base address, such as /v1/checkout/sessions
    """
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    passing = Passing(state, new_id("req_", 14), key)
    try:
        status, body, headers = _answered(passing, path, endpoint, ids)
    except StripeError as error:
        now = state.core.clock.now()
        status, body, headers = error.status, to_json(error.body(passing.request_id, now), indent=2), error.headers
    finally:
        if passing.claimed and passing.key is not None:
            with state.core.lock:
                idempotency.give_back(state, passing.key)
    return _response(passing, status, body, headers)


def _answered(passing: Passing, path: str, endpoint: Endpoint, ids: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    state = passing.state
    _authenticate()
    with state.core.lock:
        faults = state.core.faults.take("stripe", tuple(REQUEST_FAULTS), path, request.method)
        _limit(state, faults.get("rate_limit"))
    if "drop" in faults:
        hang_up()
    params = _params()
    if passing.key is not None:
        with state.core.lock:
            if kept := idempotency.begin(state, passing.key, path, params):
                return kept.status, kept.body, {"Idempotent-Replayed": "true"}
            passing.claimed = True
    if fault := faults.get("slow"):
        time.sleep(float(fault.option("seconds")))
    if fault := faults.get("error"):
        return _broken(passing, fault, None)
    kept = _executed(passing, params, endpoint, ids)
    if fault := faults.get("slow_after_commit"):
        time.sleep(float(fault.option("seconds")))
    if fault := faults.get("error_after_commit"):
        return _broken(passing, fault, kept)
    _keep(passing, kept)
    if "drop_after_commit" in faults:
        hang_up()
    return kept.status, kept.body, {}


def _executed(passing: Passing, params: dict[str, Any], endpoint: Endpoint, ids: dict[str, str]) -> Kept:
    """Run the endpoint; a refusal that Stripe would keep is an answer like any other."""
    state = passing.state
    call = Call(state, params, passing.request_id, request.host_url.rstrip("/"), passing.key)
    with state.core.lock:
        state.core.run_due()
        try:
            return Kept(200, to_json(call.answer(endpoint(call, **ids)), indent=2))
        except StripeError as error:
            if not error.stored:
                raise
            body = error.body(passing.request_id, state.core.clock.now())
            return Kept(error.status, to_json(body, indent=2))


def _keep(passing: Passing, kept: Kept) -> None:
    if passing.key is not None:
        with passing.state.core.lock:
            idempotency.keep(passing.state, passing.key, kept)
            passing.state.core.touch()


def _broken(passing: Passing, fault: Fault, committed: Kept | None) -> tuple[int, str, dict[str, str]]:
    """Answer with a server error, before or after the endpoint ran.

    A 500 of Stripe's own is kept for replays; one of the machines in front of it (502, 503, 504) is not.
    """
    status = int(fault.option("status"))
    stored = fault.option("stored")
    error = StripeError(
        "An unknown error occurred. If the problem persists, contact support.", status=status, kind="api_error"
    )
    html = bool(fault.option("html"))
    body = _HTML if html else to_json(error.body(passing.request_id, passing.state.core.clock.now()), indent=2)
    if stored if stored is not None else status == 500:
        _keep(passing, Kept(status, body))
    elif committed is not None:
        _keep(passing, committed)
    return status, body, {"Content-Type": "text/html"} if html else {}


def _authenticate() -> None:
    """Accept a test key as bearer token or as basic user name; the sandbox has one account, whatever the key."""
    given = request.authorization
    key = (given.token if given.type == "bearer" else given.username) if given else None
    if not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not _KEY.fullmatch(key):
        shown = f"{key[:8]}****{key[-4:]}" if len(key) > 12 else "****"
        hint = " The sandbox takes test keys only." if "_live_" in key else ""
        raise StripeError(f"Invalid API Key provided: {shown}{hint}", status=401)
    account = request.headers.get("Stripe-Account", ACCOUNT_ID)
    if account != ACCOUNT_ID:
        words = f"The provided key does not have access to account '{account}' (or that account does not exist)."
        raise StripeError(words, status=403, code="account_invalid")
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise StripeError(f"Invalid Stripe API version: {version}. The sandbox speaks {API_VERSION} only.")


def _limit(state: StripeState, fault: Fault | None) -> None:
    """Refuse with 429 when a fault says so, or when a switched-on limit a second is passed."""
    reason = str(fault.option("reason")) if fault else None
    if limit := state.settings.rate_limit_per_second:
        now = time.monotonic()
        state.recent_requests = [moment for moment in state.recent_requests if moment > now - 1]
        if len(state.recent_requests) >= limit:
            reason = "global-rate"
        else:
            state.recent_requests.append(now)
    if reason:
        headers = {"Stripe-Rate-Limited-Reason": reason}
        raise StripeError("Request rate limit exceeded.", status=429, code="rate_limit", headers=headers)


def _params() -> dict[str, Any]:
    pairs = list(request.args.items(multi=True))
    if request.method == "POST":
        if request.mimetype not in ("", "application/x-www-form-urlencoded"):
            words = f"Invalid request content type: {request.mimetype}. Use application/x-www-form-urlencoded."
            raise StripeError(words)
        pairs += request.form.items(multi=True)
    return wire.decode(pairs)


def _response(passing: Passing, status: int, body: str, headers: dict[str, str]) -> Response:
    response = Response(body, status, content_type="application/json")
    response.headers["Request-Id"] = passing.request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    if passing.key is not None:
        response.headers["Idempotency-Key"] = passing.key
    for name, value in headers.items():
        response.headers[name] = value
    return response
