"""Whose token a request carries, and whether it still lives."""

import datetime as dt
from typing import Any

from flask import request

from provvypay.sandbox.xero.errors import unauthorized
from provvypay.sandbox.xero.state import XeroState


def grant(state: XeroState) -> dict[str, Any]:
    """Return the consent the request's token stands for. Hold the lock.

    :raises XeroError: 401 for a token that is missing, unknown, revoked or too old
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    held = state.access_tokens.get(token) if kind.lower() == "bearer" else None
    if not held or held["dead"]:
        raise unauthorized("AuthenticationUnsuccessful")
    if held["expires"] <= state.core.clock.exact():
        raise expired(held["expires"])
    return state.grants[held["grant"]]


def expired(at: float) -> Exception:
    """Return the refusal of a token that ended at a moment."""
    ended = dt.datetime.fromtimestamp(at, dt.UTC).strftime("%m/%d/%Y %H:%M:%S")
    return unauthorized(f"TokenExpired: token expired at {ended}")
