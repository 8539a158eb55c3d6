"""GET /contracts/{…}/results/logs: the Transfer logs in which ERC-20 payments are found."""

import re
from typing import Any

from provvypay.sandbox.mirror_node import ids, params
from provvypay.sandbox.mirror_node.params import Query, Refused
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState

KNOWN = ("index", "limit", "order", "timestamp", "topic0", "topic1", "topic2", "topic3")
TOPICS = ("topic0", "topic1", "topic2", "topic3")
_NO_SPAN = "Cannot search topics without a valid timestamp range"
LONGEST = 7 * 86_400 * ids.NANOS
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{1,64})")
_CONTRACT = re.compile(r"(?:\d{1,5}\.){0,2}\d{1,12}")


def listed(state: MirrorState, name: str, query: Query) -> dict[str, Any]:
    """Answer GET /contracts/{id or EVM address}/results/logs. Hold the lock.

    :raises Refused: for a parameter it does not take: above all a topic without a span of at most seven days
    """
    params.only(query, *KNOWN)
    most, newest_first = params.limit(query), params.descending(query)
    asked = _span(query)
    topics = {place: _topics(query, topic) for place, topic in enumerate(TOPICS) if topic in query}
    if topics:
        _require_span(asked)
    now, head = state.now(), state.head()
    low, high, cut = params.bound(asked, now, state.settings.window_days, newest_first=newest_first)
    num = _contract(state, name)
    indexes = _indexes(query, asked)
    page: list[dict[str, Any]] = []
    for record in state.records.between(low, high, descending=newest_first, contract=num):
        if state.shows(record, head, now):
            fitting = _fitting(record, num, topics)
            page += [log for log in (reversed(fitting) if newest_first else fitting) if indexes(log["index"])]
        if len(page) >= most:
            break
    page = page[:most]
    anchor = _at(page[-1]) if len(page) == most else cut
    path = f"/api/v1/contracts/{name}/results/logs"
    link = None if anchor is None else params.next_link(path, query, anchor, newest_first=newest_first)
    return {"logs": [_shown(log) for log in page], "links": {"next": link}}


def _span(query: Query) -> params.Span:
    signs = [params.operator(value)[0] for value in query.getlist("timestamp")]
    sides = [{"gt": "low", "gte": "low", "lt": "high", "lte": "high"}.get(sign, sign) for sign in signs]
    if "ne" in sides or len(set(sides)) != len(sides) or ("eq" in sides and len(sides) > 1):
        raise params.invalid("timestamp")
    return params.span(query)


def _require_span(asked: params.Span) -> None:
    if asked.low is None or asked.high is None:
        raise Refused(400, f"{_NO_SPAN}: Timestamp range must have gt (or gte) and lt (or lte)")
    if asked.high - asked.low > LONGEST:
        raise Refused(400, f"{_NO_SPAN}: Timestamp lower and upper bounds must be positive and within 7d")


def _topics(query: Query, name: str) -> set[str]:
    found = set()
    for value in query.getlist(name):
        if not (digits := _HEX.fullmatch(value)):
            raise params.invalid(name)
        found.add(f"0x{digits[1].lower():0>64}")
    return found


def _contract(state: MirrorState, name: str) -> int:
    """Return the number of whatever the path names; synthetic logs hang on a token's."""
    if not _CONTRACT.fullmatch(name) and not ids.evm(name):
        raise params.invalid("contractIdOrAddress")
    if found := state.world.contract_of(name):
        return found.num
    num = ids.entity_num(name)
    if num is None and (address := ids.evm(name)):
        num = ids.num_of_long_zero(address)
    return -1 if num is None else num


def _indexes(query: Query, asked: params.Span) -> Any:
    """Return the test of `index`, which needs a timestamp beside it."""
    values = query.getlist("index")
    if values and asked.low is None and asked.high is None:
        raise params.invalid("timestamp")
    rules = [params.operator(value) for value in values]
    if any(sign == "ne" or not text.isdecimal() for sign, text in rules):
        raise params.invalid("index")

    def fits(place: int) -> bool:
        return all(
            {"eq": place == int(text), "gt": place > int(text), "gte": place >= int(text),
             "lt": place < int(text), "lte": place <= int(text)}[sign]
            for sign, text in rules
        )  # fmt: skip

    return fits


def _fitting(record: Record, num: int, topics: dict[int, set[str]]) -> list[dict[str, Any]]:
    return [
        log
        for log in record.logs
        if log["num"] == num
        and all(place < len(log["topics"]) and log["topics"][place] in wanted for place, wanted in topics.items())
    ]


def _at(log: dict[str, Any]) -> int:
    return ids.nanos(log["timestamp"]) or 0


def _shown(log: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in log.items() if name != "num"}
