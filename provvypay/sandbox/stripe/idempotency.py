"""Idempotency keys: the first answer is kept and replayed word for word.

Reference: https://docs.stripe.com/api/idempotent_requests, checked 2026-11-22. Kept by account and key; path and
parameters must match; validation failures and conflicts are not kept, 500s are.
"""

import hashlib
from dataclasses import dataclass

from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState

LONGEST_KEY = 255
KEPT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was kept."""

    status: int
    body: str


def begin(state: StripeState, key: str, path: str, params: object) -> Kept | None:
    """Return the kept answer, or claim the key for this request. Hold the lock.

    :raises StripeError: idempotency_error for other parameters, 409 while the first request still runs
    """
    if len(key) > LONGEST_KEY:
        raise StripeError(f"Idempotency key must be at most {LONGEST_KEY} characters.")
    print_of = hashlib.sha256(f"{path}\n{to_json(params)}".encode()).hexdigest()
    now = state.core.clock.now()
    known = state.idempotency.get(key)
    if known is None or (known["status"] is not None and known["at"] < now - KEPT_SECONDS):
        state.idempotency[key] = {"print": print_of, "at": now, "status": None, "body": None}
        return None
    if known["print"] != print_of:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    if known["status"] is None:
        raise StripeError(
            "There is currently another in-progress request using this Idempotent Key (that probably means you "
            f"submitted twice, and the other request is still going through): {key}. Please try again later.",
            status=409,
            code="idempotency_key_in_use",
        )
    return Kept(int(known["status"]), str(known["body"]))


def keep(state: StripeState, key: str, kept: Kept) -> None:
    """Keep the answer of the request that claimed the key. Hold the lock."""
    if key in state.idempotency:
        state.idempotency[key].update(status=kept.status, body=kept.body)


def give_back(state: StripeState, key: str) -> None:
    """Give a claimed key back when its request kept no answer, because it did not begin to act. Hold the lock."""
    if key in state.idempotency and state.idempotency[key]["status"] is None:
        del state.idempotency[key]
