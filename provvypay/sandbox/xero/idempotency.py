"""Idempotency keys: the first answer, errors included, is kept for six minutes from the first call and replayed.

Reference: Xero's idempotency guide, checked 2026-11-22. Kept by key alone; method, address, organisation and body must
be the same. Of two calls at the same moment one is processed and the other gets its answer.
"""

import hashlib
from dataclasses import dataclass

from provvypay.sandbox.xero.errors import XeroError
from provvypay.sandbox.xero.state import XeroState

LONGEST_KEY = 128
KEPT_SECONDS = 6 * 60
LONGEST_WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was kept."""

    status: int
    body: str
    content_type: str


def begin(state: XeroState, key: str, request_line: str, body: bytes) -> Kept | None:
    """Return the kept answer, or claim the key for this request. Hold the lock.

    :raises XeroError: for a key that is too long, or that was used with another request
    """
    if len(key) > LONGEST_KEY:
        raise XeroError(400, f"Idempotency Key: must be at most {LONGEST_KEY} characters.")
    digest = hashlib.sha256(request_line.encode() + b"\n" + body).hexdigest()
    while True:
        now, known = state.core.clock.exact(), state.idempotency.get(key)
        if known is None or (known["status"] is not None and known["at"] + KEPT_SECONDS <= now):
            state.idempotency[key] = {"print": digest, "at": now, "status": None, "body": "", "type": ""}
            return None
        if known["print"] != digest:
            raise XeroError(400, f"Idempotency Key: {key} is used with a different request.")
        if known["status"] is not None:
            return Kept(int(known["status"]), str(known["body"]), str(known["type"]))
        if not state.core.changed.wait(LONGEST_WAIT_SECONDS):
            raise XeroError(500, "")


def keep(state: XeroState, key: str, kept: Kept) -> None:
    """Keep the answer of the request that claimed the key. Hold the lock."""
    if key in state.idempotency:
        state.idempotency[key].update(status=kept.status, body=kept.body, type=kept.content_type)
        state.core.touch()


def give_back(state: XeroState, key: str) -> None:
    """Give a claimed key back when its request kept no answer. Hold the lock."""
    if key in state.idempotency and state.idempotency[key]["status"] is None:
        del state.idempotency[key]
        state.core.touch()
