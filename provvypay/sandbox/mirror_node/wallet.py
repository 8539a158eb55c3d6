"""A stand-in wallet's door to the network: it submits a decoded transaction and gets a code back.

As on the network, some faults are found before consensus and leave no record, others cost the fee and leave one.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from provvypay.sandbox.mirror_node import ids, orders
from provvypay.sandbox.mirror_node.drafts import ContractMove, Draft, Move
from provvypay.sandbox.mirror_node.execute import execute
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.wishes import CannotDo

NAMES = (
    "transaction_id", "memo", "memo_base64", "transfers", "token_transfers", "contract_call", "fail_with",
    "strict_time", "visible_after_seconds",
)  # fmt: skip
TRANSFER_SELECTOR = "a9059cbb"
"""transfer(address,uint256)"""
LEAST_GAS = 30_000
VALID = 120 * ids.NANOS


class Precheck(Exception):
    """Refused before consensus: no record, no fee."""


@dataclass
class _Asked:
    payer: int
    valid_start: int
    memo: bytes
    moves: list[Move] = field(default_factory=list)
    contract_moves: list[ContractMove] = field(default_factory=list)
    entity: int | None = None
    code: str | None = None


def submit(state: MirrorState, wanted: dict[str, Any]) -> dict[str, Any]:
    """Hand a transaction in, and return its status, SUCCESS or a failure's code. Hold the lock.

    :raises CannotDo: when the wish cannot be understood
    """
    if unknown := set(wanted) - set(NAMES):
        raise CannotDo(f"Unknown name {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    named = ids.read_any_id(str(wanted.get("transaction_id", "")))
    if named is None:
        raise CannotDo("transaction_id must be one such as 0.0.2001@1767300030.500000000")
    answer: dict[str, Any] = {"transaction_id": ids.sdk_id(*named), "node_id": "0.0.3"}
    nothing: dict[str, Any] = {"transaction_hash": None, "consensus_timestamp": None, "credits": []}
    before = len(state.credits)
    try:
        draft = _draft(state, _read(state, named, wanted), wanted)
    except Precheck as refused:
        return {"status": str(refused), **answer, **nothing}
    try:
        record = execute(state, draft)
    except CannotDo:  # the one thing that stops it before consensus
        return {"status": "INSUFFICIENT_PAYER_BALANCE", **answer, **nothing}
    return {
        "status": record.body["result"],
        **answer,
        "transaction_hash": record.hash,
        "consensus_timestamp": record.body["consensus_timestamp"],
        "credits": state.credits[before:],
    }


def _draft(state: MirrorState, asked: _Asked, wanted: dict[str, Any]) -> Draft:
    return Draft(
        asked.payer,
        state.now(),
        asked.valid_start,
        "CONTRACTCALL" if wanted.get("contract_call") else "CRYPTOTRANSFER",
        memo=asked.memo,
        moves=asked.moves,
        contract_moves=asked.contract_moves,
        entity=asked.entity,
        result=wanted.get("fail_with") or asked.code,
        visible_from=orders.shown_from(state, wanted),
        kind="wallet",
    )


def _read(state: MirrorState, named: tuple[int, int], wanted: dict[str, Any]) -> _Asked:
    payer, start = named
    _check_id(state, payer, start, strict=bool(wanted.get("strict_time")))
    try:
        memo = orders.memo(wanted)
    except CannotDo as wrong:
        raise Precheck("MEMO_TOO_LONG") if "MEMO_TOO_LONG" in str(wrong) else wrong from None
    asked = _Asked(payer, start, memo)
    for row in _rows(wanted, "transfers"):
        asked.moves.append(_move(state, row, None))
    for row in _rows(wanted, "token_transfers"):
        token = ids.entity_num(str(row.get("token_id", "")))
        if token not in state.world.tokens:
            raise Precheck("INVALID_TOKEN_ID")
        asked.moves.append(_move(state, row, token))
    for token in {move.token for move in asked.moves}:
        if sum(move.amount for move in asked.moves if move.token == token):
            raise Precheck("INVALID_ACCOUNT_AMOUNTS" if token is None else "TRANSFERS_NOT_ZERO_SUM_FOR_TOKEN")
    if wanted.get("contract_call"):
        _call(state, asked, wanted["contract_call"])
    return asked


def _check_id(state: MirrorState, payer: int, start: int, *, strict: bool) -> None:
    """Refuse an id nobody can pay for, that was used before, or (if strict) of another time.

    Not strict, because a browser keeps the machine's time while the sandbox may play another.
    """
    if payer not in state.world.accounts:
        raise Precheck("PAYER_ACCOUNT_NOT_FOUND")
    if ids.transaction_id(payer, start) in state.records.of_id:
        raise Precheck("DUPLICATE_TRANSACTION")
    if strict and start > state.now():
        raise Precheck("INVALID_TRANSACTION_START")
    if strict and start + VALID < state.now():
        raise Precheck("TRANSACTION_EXPIRED")


def _rows(wanted: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = wanted.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CannotDo(f"{name} must be a list of objects")
    return rows


def _move(state: MirrorState, row: dict[str, Any], token: int | None) -> Move:
    account = state.world.account_of(str(row.get("account", "")))
    if account is None:
        raise Precheck("INVALID_ACCOUNT_ID")
    try:
        # JavaScript writes what is beyond its whole numbers as text
        return Move(account.num, int(row["amount"]), token, bool(row.get("is_approval")))
    except (KeyError, TypeError, ValueError):
        raise CannotDo("amount must be a whole number of smallest units") from None


def _call(state: MirrorState, asked: _Asked, call: object) -> None:
    """Understand an ERC-20 transfer; any other call of a contract is reverted."""
    if not isinstance(call, dict):
        raise CannotDo("contract_call must be an object")
    contract = state.world.contract_of(str(call.get("contract_id", "")))
    if contract is None:
        raise Precheck("INVALID_CONTRACT_ID")
    asked.entity = contract.num
    gas = str(call.get("gas") or LEAST_GAS)
    if not gas.isdecimal():
        raise CannotDo("gas must be a whole number")
    if int(gas) < LEAST_GAS:
        asked.code = "INSUFFICIENT_GAS"
        return
    digits = _hex(str(call.get("function_parameters", "")))
    address, amount = digits[32:72], digits[72:136]
    receiver = state.world.account_of(address) if len(digits) == 136 else None
    if not contract.symbol or digits[:8] != TRANSFER_SELECTOR or receiver is None or receiver.deleted:
        asked.code = "CONTRACT_REVERT_EXECUTED"
        return
    asked.contract_moves.append(ContractMove(contract.num, asked.payer, receiver.num, int(amount, 16), address))


def _hex(text: str) -> str:
    """Return the hex digits of function parameters in hex or base64."""
    plain = text.removeprefix("0x").lower()
    try:
        return bytes.fromhex(plain).hex()
    except ValueError:
        pass
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        raise CannotDo("function_parameters must be hex or base64") from None
