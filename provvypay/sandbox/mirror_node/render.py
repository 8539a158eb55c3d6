"""Records and logs as the mirror node writes them: amounts are integers, max_fee and durations are strings."""

import base64
from typing import Any

from provvypay.sandbox.mirror_node import ids
from provvypay.sandbox.mirror_node.drafts import Draft, Move
from provvypay.sandbox.mirror_node.world import World

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256 of Transfer(address,address,uint256)."""
MAX_FEE, VALID_SECONDS = "100000000", "120"
FIRST_MOMENT = 1_568_411_631_396_440_000
"""Where the network's history begins."""
BLOCK = 2 * ids.NANOS


def body(draft: Draft, result: str, fee: int, moves: list[Move]) -> dict[str, Any]:
    """Return a record as lists show it, but for its hash."""
    moves = sorted(moves, key=lambda move: (move.token or 0, move.account))
    tokens = [move for move in moves if move.token is not None]
    repeats = 2 if draft.doubled else 1
    return {
        "batch_key": {"_type": "ED25519", "key": ids.derived("batch key", 32)} if draft.batch_key else None,
        "bytes": None,
        "charged_tx_fee": fee,
        "consensus_timestamp": ids.stamp(draft.at),
        "entity_id": ids.entity(draft.entity),
        "high_volume": False,
        "high_volume_pricing_multiplier": None,
        "max_custom_fees": [],
        "max_fee": MAX_FEE if draft.node is not None else "0",
        "memo_base64": base64.b64encode(draft.memo).decode(),
        "name": draft.name,
        "nft_transfers": _nfts(draft) if result == "SUCCESS" else [],
        "node": ids.entity(draft.node),
        "nonce": draft.nonce,
        "parent_consensus_timestamp": None if draft.parent is None else ids.stamp(draft.parent),
        "result": result,
        "scheduled": draft.scheduled,
        "staking_reward_transfers": [
            {"account": ids.entity(account), "amount": amount} for account, amount in sorted(draft.rewards.items())
        ]
        if result == "SUCCESS"
        else [],
        "token_transfers": [
            {"token_id": ids.entity(move.token), **_line(move)} for move in tokens for _ in range(repeats)
        ],
        "transaction_hash": "",
        "transaction_id": ids.transaction_id(draft.payer, draft.valid_start),
        "transfers": [_line(move) for move in moves if move.token is None],
        "valid_duration_seconds": VALID_SECONDS,
        "valid_start_timestamp": ids.stamp(draft.valid_start),
    }


def _line(move: Move) -> dict[str, Any]:
    return {"account": ids.entity(move.account), "amount": move.amount, "is_approval": move.approval}


def _nfts(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "is_approval": False,
            "receiver_account_id": ids.entity(nft.receiver),
            "sender_account_id": ids.entity(nft.sender),
            "serial_number": nft.serial,
            "token_id": ids.entity(nft.token),
        }
        for nft in draft.nfts
    ]


def assessed(fee: dict[str, Any]) -> dict[str, Any]:
    """Return a custom fee as /transactions/{id} shows it."""
    return {
        "amount": fee["amount"],
        "collector_account_id": ids.entity(fee["collector"]),
        "effective_payer_account_ids": [ids.entity(num) for num in fee["payers"]],
        "token_id": ids.entity(fee["token"]),
    }


def logs(world: World, draft: Draft, transaction_hash: str) -> list[dict[str, Any]]:
    """Return a transaction's Transfer logs: of ERC-20 contracts, and synthetic ones when it is to have them.

    `num` is the contract's number, for the index; it is not shown.
    """
    found = [
        (move.contract, world.contracts[move.contract].evm_address, move.sender, move.topic, move.amount)
        for move in draft.contract_moves
    ]
    if draft.synthetic_log:
        for move in draft.moves:
            if move.token is not None and move.amount > 0:
                sender = next((one.account for one in draft.moves if one.token == move.token and one.amount < 0), 0)
                receiver = world.accounts[move.account].evm_address
                found.append((move.token, ids.long_zero(move.token), sender, receiver, move.amount))
    return [
        {
            "num": num,
            "address": f"0x{address}",
            "bloom": f"0x{ids.derived(f'bloom {num} {draft.at}', 64) * 4}",
            "contract_id": ids.entity(num),
            "data": f"0x{amount:064x}",
            "index": place,
            "topics": [TRANSFER_TOPIC, f"0x{_address(world, sender):0>64}", f"0x{topic:0>64}"],
            "block_hash": block_hash(block_number(draft.at)),
            "block_number": block_number(draft.at),
            "root_contract_id": ids.entity(num),
            "timestamp": ids.stamp(draft.at),
            "transaction_hash": f"0x{transaction_hash[:64]}",
            "transaction_index": 1,
        }
        for place, (num, address, sender, topic, amount) in enumerate(found)
    ]


def _address(world: World, num: int) -> str:
    return world.accounts[num].evm_address if num in world.accounts else ids.long_zero(num)


def block_number(at: int) -> int:
    """Return the number of the block a moment falls into; there is one every two seconds."""
    return max((at - FIRST_MOMENT) // BLOCK, 0)


def block_hash(number: int) -> str:
    """Return a block's hash."""
    return f"0x{ids.derived(f'block {number}', 48)}"


def base64_of_hex(digits: str) -> str:
    """Return the base64 of hex digits."""
    return base64.b64encode(bytes.fromhex(digits)).decode()
