"""The gate every call of the Accounting API passes.

Order: token, organisation, limits, scope, format, idempotency, then the endpoint. Limits come before idempotency, so
replays and refusals count.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from provvypay.sandbox.faults import REQUEST_KINDS, XERO_KINDS, Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.xero import bearer, errors, idempotency, limits, scopes, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import XeroError
from provvypay.sandbox.xero.idempotency import Kept
from provvypay.sandbox.xero.organisations import Tenant
from provvypay.sandbox.xero.state import XeroState

Endpoint = Callable[..., dict[str, Any]]
"""Takes the call and the ids in the path, returns the collection to answer with. Runs under the lock."""
PREFIX = "/xero"
JSON_TYPE, TEXT_TYPE = "application/json; charset=utf-8", "text/plain; charset=utf-8"
LARGEST_BODY_BYTES = 3_500_000
_HTML = "<html><head><title>Forbidden</title></head><body><h1>403 - Forbidden: Access is denied.</h1></body></html>"


@dataclass
class Passing:
    """One request on its way through the gate."""

    state: XeroState
    path: str
    key: str | None
    entry: dict[str, Any] = field(default_factory=dict)
    """The request's line in the log."""
    tenant: Tenant | None = None
    claimed: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def serve(state: XeroState, resource: str, endpoint: Endpoint, ids: list[str]) -> Response:
    """Answer one request.

    :param resource: first word of the path in small letters, which decides the scope
    """
    key = request.headers.get("Idempotency-Key") if request.method != "GET" else None
    passing = Passing(state, request.path.removeprefix(PREFIX), key or None)
    with state.core.lock:
        _log(passing)
    try:
        kept = _answered(passing, resource, endpoint, ids)
    except XeroError as error:
        kept = _refusal(error)
        passing.headers |= error.headers
    finally:
        with state.core.lock:
            if passing.claimed and passing.key is not None:
                idempotency.give_back(state, passing.key)
            if passing.tenant is not None:
                state.limits.leave(passing.tenant.id)
    with state.core.lock:
        passing.entry["status"] = kept.status
    response = Response(kept.body, kept.status, content_type=kept.content_type)
    response.headers["Xero-Correlation-Id"] = str(uuid.uuid4())
    for name, value in passing.headers.items():
        response.headers[name] = value
    return response


def _answered(passing: Passing, resource: str, endpoint: Endpoint, ids: list[str]) -> Kept:
    state = passing.state
    with state.core.lock:
        state.core.run_due()
        faults = _faults(passing)
        grant, tenant = _admitted(passing, faults)
        _limited(passing, tenant, faults.get("rate_limit"))
    if "drop" in faults:
        passing.entry["status"] = "dropped"
        hang_up()
    if fault := faults.get("slow"):
        time.sleep(float(fault.option("seconds")))
    elif state.settings.slow_milliseconds:
        time.sleep(state.settings.slow_milliseconds / 1000)
    with state.core.lock:
        _check_form(grant, resource)
        if tenant.offline:
            raise XeroError(503, "The Organisation is offline")
        if passing.key is not None:
            line = f"{request.method} {request.full_path} {tenant.id}"
            if kept := idempotency.begin(state, passing.key, line, request.get_data()):
                passing.entry["replayed"] = True
                return kept
            passing.claimed = True
    if struck := _before(faults):
        return _kept(passing, struck)
    kept = _executed(passing, tenant, endpoint, ids)
    return _after(passing, faults, kept)


def _faults(passing: Passing) -> dict[str, Fault]:
    tenant = request.headers.get("xero-tenant-id", "")
    kinds = (*REQUEST_KINDS, *XERO_KINDS)
    return passing.state.core.faults.take("xero", kinds, passing.path, request.method, tenant)


def _admitted(passing: Passing, faults: dict[str, Fault]) -> tuple[dict[str, Any], Tenant]:
    """Return the consent and the organisation of the request, which now counts as running."""
    state = passing.state
    grant = bearer.grant(state)
    if "token_expired" in faults:
        raise bearer.expired(state.core.clock.exact())
    tenant = state.tenants.get(request.headers.get("xero-tenant-id", "").lower())
    connected = tenant is not None and any(
        row["tenantId"] == tenant.id and row["user"] == grant["user"] for row in state.connections.values()
    )
    if tenant is None or not connected or "tenant_refused" in faults:
        raise errors.forbidden()
    passing.tenant = tenant
    state.limits.enter(tenant.id, state.core.clock.exact())
    return grant, tenant


def _limited(passing: Passing, tenant: Tenant, fault: Fault | None) -> None:
    """Refuse with 429 when a limit is passed, or a fault says so.

    :raises XeroError: with the kind of limit and, but for too many at once, when to come back
    """
    state, now = passing.state, passing.state.core.clock.exact()
    kind = state.limits.passed(tenant.id, now, state.settings)
    wait = limits.seconds_left(kind, tenant.id, now) if kind else None
    if fault and not kind:
        kind = fault.option("reason") if fault.option("reason") in limits.KINDS else "minute"
        given = fault.option("retry_after")
        wait = given if given is not None else limits.seconds_left(str(kind), tenant.id, now)
    passing.headers |= state.limits.left(tenant.id, now, state.settings)
    if kind:
        state.limits.refuse(tenant.id, str(kind))
        passing.entry["refused"] = kind
        retry = {"Retry-After": str(wait)} if wait is not None else {}
        raise XeroError(429, "", {"X-Rate-Limit-Problem": str(kind), **retry})


def _check_form(grant: dict[str, Any], resource: str) -> None:
    if not scopes.opens(grant["scopes"], resource, writing=request.method != "GET"):
        raise errors.unauthorized("AuthorizationUnsuccessful")
    accepted = request.headers.get("Accept", "")
    if "json" not in accepted:
        raise XeroError(406, "Xero would answer XML; the sandbox speaks JSON only: send Accept: application/json")
    if len(request.get_data()) > LARGEST_BODY_BYTES:
        raise XeroError(413, "Request body is too large")


def _before(faults: dict[str, Fault]) -> Kept | None:
    """Return what a fault answers instead of doing anything."""
    if fault := faults.get("error"):
        return _broken(fault)
    if fault := faults.get("offline"):
        return Kept(503, str(fault.option("message")), TEXT_TYPE)
    if fault := faults.get("validation"):
        element = errors.failed({}, "InvoiceID", errors.Invalid(str(fault.option("message"))))
        return _refusal(errors.validation([element]))
    return None


def _broken(fault: Fault) -> Kept:
    status = int(fault.option("status"))
    if fault.option("html"):
        return Kept(status, _HTML, "text/html")
    if status == 503:
        return Kept(503, "The Xero API is temporarily unavailable", TEXT_TYPE)
    body = {
        "ErrorNumber": 0,
        "Type": "InternalServerError",
        "Message": "An error occurred in Xero. Check the API Status page",
    }
    return Kept(status, to_json(body), JSON_TYPE)


def _executed(passing: Passing, tenant: Tenant, endpoint: Endpoint, ids: list[str]) -> Kept:
    """Run the endpoint; a refusal is an answer like any other."""
    state = passing.state
    args = {name.lower(): value for name, value in request.args.items()}
    call = Call(state, tenant, request.method, args, request.get_data(), request.headers.get("If-Modified-Since"))
    with state.core.lock:
        try:
            found = endpoint(call, *ids)
        except XeroError as error:
            return _refusal(error)
        head = {
            "Id": str(uuid.uuid4()),
            "Status": "OK",
            "ProviderName": state.settings.provider_name,
            "DateTimeUTC": f"/Date({int(state.core.clock.exact() * 1000)})/",
        }
        return Kept(200, to_json({**head, **found}), JSON_TYPE)


def _after(passing: Passing, faults: dict[str, Fault], kept: Kept) -> Kept:
    if fault := faults.get("slow_after_commit"):
        time.sleep(float(fault.option("seconds")))
    if fault := faults.get("error_after_commit"):
        broken = _broken(fault)
        stored = fault.option("stored")
        _kept(passing, broken if (stored if stored is not None else broken.status == 500) else kept)
        return broken
    _kept(passing, kept)
    if "drop_after_commit" in faults:
        passing.entry["status"] = "lost"
        hang_up()
    return kept


def _kept(passing: Passing, kept: Kept) -> Kept:
    """Keep an answer for the request's key. What a machine in front of Xero says (502 to 504) is not kept."""
    if passing.key is not None and kept.status not in (502, 503, 504):
        with passing.state.core.lock:
            idempotency.keep(passing.state, passing.key, kept)
    return kept


def _refusal(error: XeroError) -> Kept:
    if isinstance(error.body, str):
        return Kept(error.status, error.body, TEXT_TYPE)
    return Kept(error.status, to_json(error.body), JSON_TYPE)


def _log(passing: Passing) -> None:
    passing.entry |= {
        "at": wire.iso_moment(passing.state.core.clock.exact()),
        "method": request.method,
        "path": passing.path,
        "query": {name.lower(): value for name, value in request.args.items()},
        "tenant": request.headers.get("xero-tenant-id", "").lower(),
        "key": passing.key,
        "body": request.get_data(as_text=True),
        "status": None,
        "replayed": False,
        "refused": None,
    }
    passing.state.requests.append(passing.entry)
