"""GET /transactions and /transactions/{id}: the lists a merchant's payments are found in."""

import base64
import binascii
import heapq
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from provvypay.sandbox.mirror_node import heartbeat, ids, params
from provvypay.sandbox.mirror_node.params import Query, Refused
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState

PATH = "/api/v1/transactions"
KNOWN = ("account.id", "limit", "order", "timestamp", "transactiontype", "type", "result")
BY_ID_MAX_AGE, AFTER_SCHEDULE_MAX_AGE = 600, 5
NEW_SCHEDULE = 31 * 60 * ids.NANOS
NO_ID = (
    'Invalid Transaction id. Please use "shard.realm.num-sss-nnn" format where sss are seconds and nnn are nanoseconds'
)
NAMES = frozenset(
    """ATOMICBATCH CONSENSUSCREATETOPIC CONSENSUSDELETETOPIC CONSENSUSSUBMITMESSAGE CONSENSUSUPDATETOPIC CONTRACTCALL
    CONTRACTCREATEINSTANCE CONTRACTDELETEINSTANCE CONTRACTUPDATEINSTANCE CRYPTOADDLIVEHASH CRYPTOAPPROVEALLOWANCE
    CRYPTOCREATEACCOUNT CRYPTODELETE CRYPTODELETEALLOWANCE CRYPTODELETELIVEHASH CRYPTOTRANSFER CRYPTOUPDATEACCOUNT
    ETHEREUMTRANSACTION FILEAPPEND FILECREATE FILEDELETE FILEUPDATE FREEZE NODECREATE NODEDELETE NODESTAKEUPDATE
    NODEUPDATE SCHEDULECREATE SCHEDULEDELETE SCHEDULESIGN SYSTEMDELETE SYSTEMUNDELETE TOKENAIRDROP TOKENASSOCIATE
    TOKENBURN TOKENCANCELAIRDROP TOKENCLAIMAIRDROP TOKENCREATION TOKENDELETION TOKENDISSOCIATE TOKENFEESCHEDULEUPDATE
    TOKENFREEZE TOKENGRANTKYC TOKENMINT TOKENPAUSE TOKENREJECT TOKENREVOKEKYC TOKENUNFREEZE TOKENUNPAUSE TOKENUPDATE
    TOKENUPDATENFTS TOKENWIPE UNCHECKEDSUBMIT UTILPRNG""".split()
)
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{96}|[0-9a-fA-F]{64})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64}")
Test = Callable[[Record], bool]


def listed(state: MirrorState, query: Query) -> dict[str, Any]:
    """Answer GET /transactions. Hold the lock.

    :raises Refused: for a parameter it does not know, or a value it cannot read
    """
    params.only(query, *KNOWN)
    most, newest_first = params.limit(query), params.descending(query)
    asked = params.span(query)
    now, head = state.now(), state.head()
    low, high, cut = params.bound(asked, now, state.settings.window_days, newest_first=newest_first)
    accounts, tests = _tests(query)
    found: Iterator[Record] = state.records.between(low, high, descending=newest_first, accounts=accounts)
    if not tests and accounts is None and not asked.exactly:
        beats = heartbeat.between(low, min(high, head), descending=newest_first)
        found = heapq.merge(found, beats, key=lambda record: record.at, reverse=newest_first)
    shown = (
        record
        for record in found
        if asked.fits(record.at) and state.shows(record, head, now) and all(test(record) for test in tests)
    )
    page = list(islice(shown, most))
    anchor = page[-1].at if len(page) == most else cut
    link = None if anchor is None else params.next_link(PATH, query, anchor, newest_first=newest_first)
    return {"transactions": [record.body for record in page], "links": {"next": link}}


def _tests(query: Query) -> tuple[set[int] | None, list[Test]]:
    """Return the accounts whose records are asked for, None for any, and what else must hold."""
    equal, ranges = _account_ids(query)
    tests: list[Test] = []
    if ranges:
        tests.append(lambda record: any(all(fits(num) for fits in ranges) for num in record.accounts))

    def meant(num: int) -> bool:
        return (equal is None or num in equal) and all(fits(num) for fits in ranges)

    kind = params.last(query, "type")
    if kind is not None:
        if kind.lower() not in ("credit", "debit"):
            raise params.invalid("type")
        side = "credited" if kind.lower() == "credit" else "debited"
        tests.append(lambda record: any(meant(num) for num in getattr(record, side)))
    if names := {value.upper() for value in query.getlist("transactiontype")}:
        if names - NAMES:
            raise params.invalid("transactiontype")
        tests.append(lambda record: record.body["name"] in names)
    result = params.last(query, "result")
    if result is not None:
        if result.lower() not in ("success", "fail"):
            raise params.invalid("result")
        tests.append(lambda record: record.succeeded == (result.lower() == "success"))
    return equal, tests


def _account_ids(query: Query) -> tuple[set[int] | None, list[Callable[[int], bool]]]:
    """Return the accounts named, and the comparisons; an EVM alias is not resolved: it names nobody."""
    equal: set[int] | None = None
    ranges: list[Callable[[int], bool]] = []
    for value in query.getlist("account.id"):
        sign, text = params.operator(value)
        num = None if "-" in text else ids.entity_num(text)
        if num is None and (address := ids.evm(text)):
            num = ids.num_of_long_zero(address)
            if num is None and sign == "eq":
                equal = equal or set()
                continue
        if num is None or sign == "ne":
            raise params.invalid("account.id")
        if sign == "eq":
            equal = (equal or set()) | {num}
        else:
            ranges.append(_comparison(sign, num))
    return equal, ranges


def _comparison(sign: str, bound: int) -> Callable[[int], bool]:
    return {
        "gt": lambda num: num > bound,
        "gte": lambda num: num >= bound,
        "lt": lambda num: num < bound,
        "lte": lambda num: num <= bound,
    }[sign]


def by_id(state: MirrorState, name: str, query: Query) -> tuple[dict[str, Any], int]:
    """Answer GET /transactions/{id or hash}: the body, and for how many seconds it may be kept. Hold the lock.

    :raises Refused: 400 for what is no id, 404 as long as nothing of it was ingested
    """
    params.only(query, "nonce", "scheduled")
    nonce, scheduled = params.last(query, "nonce"), params.last(query, "scheduled")
    if nonce is not None and not nonce.isdecimal():
        raise params.invalid("nonce")
    if scheduled is not None and scheduled.lower() not in ("true", "false"):
        raise params.invalid("scheduled")
    now, head = state.now(), state.head()

    def fits(record: Record) -> bool:
        return (
            state.shows(record, head, now)
            and (nonce is None or record.body["nonce"] == int(nonce))
            and (scheduled is None or record.body["scheduled"] == (scheduled.lower() == "true"))
        )

    found = _found(state, name, fits)
    if not found:
        raise Refused(404, "Not found")
    bodies = [{**record.body, "assessed_custom_fees": record.assessed} for record in found]
    fresh = any(record.body["name"] == "SCHEDULECREATE" and now - record.at < NEW_SCHEDULE for record in found)
    waiting = fresh and not any(record.body["scheduled"] for record in found)
    return {"transactions": bodies}, AFTER_SCHEDULE_MAX_AGE if waiting else BY_ID_MAX_AGE


def _found(state: MirrorState, name: str, fits: Test) -> list[Record]:
    if read := ids.read_mirror_id(name):
        own = ids.transaction_id(*read)
        beat = heartbeat.of_id(*read)
        return [beat] if beat and fits(beat) else state.records.where(state.records.of_id, own, fits)
    if digits := _digits(name):
        return state.records.where(state.records.of_hash, digits, fits)
    raise Refused(400, NO_ID)


def _digits(name: str) -> str | None:
    """Return the hex digits of a transaction hash in hex or base64, or None."""
    if found := _HEX.fullmatch(name):
        return found[1].lower()
    if not _BASE64.fullmatch(name):
        return None
    try:
        return base64.b64decode(name.replace("-", "+").replace("_", "/"), validate=True).hex()
    except binascii.Error:
        return None
