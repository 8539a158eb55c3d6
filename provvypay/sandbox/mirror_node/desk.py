"""The desk at which people, tests and the stand-in wallet deal with the ledger."""

from typing import Any

from provvypay.sandbox.mirror_node import assets, ids, orders
from provvypay.sandbox.mirror_node.kinds import KINDS, claim
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.wishes import CannotDo


def pay(state: MirrorState, wanted: dict[str, Any]) -> dict[str, Any]:
    """Send what a wish describes, and return what became of it. Hold the lock.

    :raises CannotDo: when the wish cannot be granted; nothing has moved then
    """
    order = orders.read(state, wanted)
    if order.kind not in KINDS:
        raise CannotDo(f"kind must be one of {', '.join(KINDS)}")
    before = len(state.credits)
    return outcome(state, KINDS[order.kind](state, order), before)


def claim_airdrop(state: MirrorState, name: str) -> dict[str, Any]:
    """Claim a pending airdrop, and return what became of it. Hold the lock.

    :raises CannotDo: when it is not there, or claimed already
    """
    before = len(state.credits)
    return outcome(state, claim(state, name), before)


def outcome(state: MirrorState, records: list[Record], before: int) -> dict[str, Any]:
    """Return the records that came of a wish, and what they really credited.

    :param before: how many credits there were
    """
    last = records[-1]
    payer = ids.read_mirror_id(last.body["transaction_id"]) or (0, 0)
    failed = next((record.body["result"] for record in records if record.body["result"] != "SUCCESS"), "SUCCESS")
    credited = state.credits[before:]
    return {
        "transaction_id": last.body["transaction_id"],
        "sdk_transaction_id": ids.sdk_id(*payer),
        "consensus_timestamp": last.body["consensus_timestamp"],
        "result": "SUCCESS" if credited else failed,
        "credits": credited,
        "records": [record.body for record in records],
    }


def truth(state: MirrorState, account: str | None = None) -> dict[str, Any]:
    """Return the truth: what an account really received, and the sum of it by asset. Hold the lock.

    :raises CannotDo: when there is no such account
    """
    own = ids.entity(orders.account(state, account, "account").num) if account else None
    rows = [row for row in state.credits if own in (None, row["account"])]
    totals: dict[str, dict[str, int]] = {}
    for row in rows:
        mine = totals.setdefault(row["account"], {})
        mine[row["asset"]] = mine.get(row["asset"], 0) + row["units"]
    return {"credits": rows, "totals": totals}


def balances(state: MirrorState, num: int) -> dict[str, int]:
    """Return what an account holds, in smallest units by asset."""
    account = state.world.accounts[num]
    held = {"HBAR": account.balance}
    held |= {f"0.0.{token}": relation.balance for token, relation in account.tokens.items()}
    for contract in state.world.contracts.values():
        if contract.symbol and num in contract.balances:
            held[f"0.0.{contract.num}"] = contract.balances[num]
    return held


def account_row(state: MirrorState, num: int) -> dict[str, Any]:
    """Return an account as the control door shows it."""
    account = state.world.accounts[num]
    return {
        "account": ids.entity(num),
        "name": account.name,
        "role": account.role,
        "evm_address": f"0x{account.evm_address}",
        "has_alias": account.evm_alias is not None,
        "receiver_sig_required": account.receiver_sig_required,
        "deleted": account.deleted,
        "max_automatic_token_associations": account.max_automatic_token_associations,
        "balances": balances(state, num),
        "associations": {
            f"0.0.{token}": {
                "automatic": relation.automatic,
                "freeze_status": relation.freeze_status,
                "kyc_status": relation.kyc_status,
            }
            for token, relation in account.tokens.items()
        },
    }


def asset_rows(state: MirrorState) -> list[dict[str, Any]]:
    """Return every asset there is, as the control door shows it."""
    networks = {num: network for network in assets.NETWORKS for num in assets.NAMED[network].values()}
    rows = [{"asset": "HBAR", "symbol": "HBAR", "kind": "native", "decimals": 8, "network": None}]
    for num in [*state.world.tokens, *(num for num, found in state.world.contracts.items() if found.symbol)]:
        asset = assets.find(state.world, str(num), "testnet")
        rows.append(
            {
                "asset": asset.key,
                "symbol": asset.symbol,
                "kind": asset.kind,
                "decimals": asset.decimals,
                "network": networks.get(num),
            }
        )
    return rows
