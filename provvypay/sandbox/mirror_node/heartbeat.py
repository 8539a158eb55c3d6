"""The rest of the network: somebody else's message every two seconds, so that the newest transaction is never old.

Made when asked for and never kept; whoever asks for an account, a type or a result does not meet it.
"""

from collections.abc import Iterator

from provvypay.sandbox.mirror_node import ids, render
from provvypay.sandbox.mirror_node.drafts import Draft, Move
from provvypay.sandbox.mirror_node.records import Record

SENDER, TOPIC, FEE = 500, 501, 112_000
EVERY = 2 * ids.NANOS
AFTER_START = 3 * ids.NANOS
ODD = 413_007
"""Nanoseconds past the second: nobody's round timestamp meets one."""


def between(low: int, high: int, *, descending: bool) -> Iterator[Record]:
    """Go through the beats from low to high, both included, in one order."""
    first = -((ODD - max(low, render.FIRST_MOMENT)) // EVERY)
    last = (high - ODD) // EVERY
    places = range(last, first - 1, -1) if descending else range(first, last + 1)
    return (_beat(place * EVERY + ODD) for place in places)


def of_id(payer: int, valid_start: int) -> Record | None:
    """Return the beat of a transaction id, or None."""
    at = valid_start + AFTER_START
    return _beat(at) if payer == SENDER and at % EVERY == ODD else None


def _beat(at: int) -> Record:
    draft = Draft(SENDER, at, at - AFTER_START, "CONSENSUSSUBMITMESSAGE", entity=TOPIC)
    body = render.body(draft, "SUCCESS", FEE, [Move(SENDER, -FEE), Move(802, FEE)])
    body["transaction_hash"] = render.base64_of_hex(ids.derived(f"beat {at}", 48))
    return Record(at, body, [SENDER, 802], [802], [SENDER])
