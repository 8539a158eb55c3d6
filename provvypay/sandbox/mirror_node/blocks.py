"""GET /blocks: one block every two seconds up to the head, which is the mirror node's own clock."""

from typing import Any

from provvypay.sandbox.mirror_node import ids, params, render
from provvypay.sandbox.mirror_node.params import Query
from provvypay.sandbox.mirror_node.state import MirrorState


def listed(state: MirrorState, query: Query) -> dict[str, Any]:
    """Answer GET /blocks, newest first unless asked. Hold the lock.

    :raises Refused: for a parameter it does not take
    """
    params.only(query, "limit", "order")
    most, newest_first = params.limit(query), params.descending(query)
    newest = render.block_number(state.head()) - 1
    """The block the head is in has not closed yet."""
    places = range(newest, max(newest - most, -1), -1) if newest_first else range(min(most, newest + 1))
    return {"blocks": [_block(place) for place in places], "links": {"next": None}}


def _block(number: int) -> dict[str, Any]:
    begins = render.FIRST_MOMENT + number * render.BLOCK
    seconds = begins // ids.NANOS
    return {
        "count": 1,
        "gas_used": 0,
        "hapi_version": "0.71.0",
        "hash": render.block_hash(number),
        "logs_bloom": None,
        "name": f"{seconds}_{begins % ids.NANOS:09d}Z.rcd.gz",
        "number": number,
        "previous_hash": render.block_hash(number - 1),
        "size": 1024,
        "timestamp": {"from": ids.stamp(begins), "to": ids.stamp(begins + render.BLOCK - 1)},
    }
