"""GET /contracts/{…} and POST /contracts/call: whether an ERC-20 contract is there, and what it says of itself."""

from collections.abc import Callable
from typing import Any

from provvypay.sandbox.mirror_node import ids, params
from provvypay.sandbox.mirror_node.params import Query, Refused
from provvypay.sandbox.mirror_node.seed import CREATED
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import Contract


def shown(state: MirrorState, name: str, query: Query) -> dict[str, Any]:
    """Answer GET /contracts/{id or EVM address}. Hold the lock.

    :raises Refused: 400 for what is neither, 404 for no contract
    """
    params.only(query, "timestamp")
    if "-" in name or (ids.entity_num(name) is None and not ids.evm(name)):
        raise params.invalid("contractIdOrAddress")
    if not (found := state.world.contract_of(name)):
        raise Refused(404, "Not found")
    return {
        "admin_key": None,
        "auto_renew_account": None,
        "auto_renew_period": 7_776_000,
        "bytecode": "0x6080",
        "contract_id": ids.entity(found.num),
        "created_timestamp": ids.stamp(CREATED),
        "deleted": False,
        "evm_address": f"0x{found.evm_address}",
        "expiration_timestamp": None,
        "file_id": None,
        "max_automatic_token_associations": 0,
        "memo": "",
        "nonce": 1,
        "obtainer_id": None,
        "permanent_removal": None,
        "proxy_account_id": None,
        "runtime_bytecode": "0x6080",
        "timestamp": {"from": ids.stamp(CREATED), "to": None},
    }


def call(state: MirrorState, wanted: Any) -> dict[str, Any]:
    """Answer POST /contracts/call for the reading functions of an ERC-20. Hold the lock.

    :raises Refused: 400 for anything else, as a contract that reverts
    """
    asked = wanted if isinstance(wanted, dict) else {}
    address, data = ids.evm(str(asked.get("to", ""))), str(asked.get("data") or "").removeprefix("0x").lower()
    if address is None:
        raise Refused(400, "Bad Request", "to field must be 20 bytes hexadecimal")
    contract, function = state.world.contract_of(address), _FUNCTIONS.get(data[:8])
    if contract is None or not contract.symbol or function is None:
        raise Refused(400, "CONTRACT_REVERT_EXECUTED", "")
    return {"result": f"0x{function(state, contract, data[8:])}"}


def _string(text: str) -> str:
    raw = text.encode().hex()
    return f"{32:064x}{len(text.encode()):064x}{raw.ljust((len(raw) + 63) // 64 * 64, '0')}"


def _balance(state: MirrorState, contract: Contract, data: str) -> str:
    account = state.world.account_of(data[24:64]) if len(data) >= 64 else None
    return f"{contract.balances.get(account.num, 0) if account else 0:064x}"


_FUNCTIONS: dict[str, Callable[[MirrorState, Contract, str], str]] = {
    "06fdde03": lambda _, contract, __: _string(contract.symbol),
    "95d89b41": lambda _, contract, __: _string(contract.symbol),
    "313ce567": lambda _, contract, __: f"{contract.decimals:064x}",
    "18160ddd": lambda _, contract, __: f"{sum(contract.balances.values()):064x}",
    "70a08231": _balance,
}
"""By selector: name, symbol, decimals, totalSupply, balanceOf."""
