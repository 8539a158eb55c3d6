"""Let a transaction reach consensus: judge it, move the balances, and write its record and the truth."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from provvypay.sandbox.mirror_node import ids, render
from provvypay.sandbox.mirror_node.custom_fees import Assessed, assess
from provvypay.sandbox.mirror_node.drafts import Draft, Move
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import Account, Token
from provvypay.sandbox.wishes import CannotDo

Net = dict[tuple[int | None, int], Move]
"""One line for each token and account."""
STAKING_REWARDS = 800
FEES = {"CONTRACTCALL": 15_000_000, "ETHEREUMTRANSACTION": 15_000_000, "SCHEDULECREATE": 14_000_000}
PLAIN_FEE, TOKEN_FEE = 140_000, 1_400_000
SPLIT = ((3, 5), (98, 80), (800, 10))
"""Shares of an older record's fee in hundredths; the rest goes to 0.0.801."""


def execute(state: MirrorState, draft: Draft) -> Record:
    """Carry a transaction out at its consensus time, or at the next free nanosecond. Hold the lock.

    :raises CannotDo: when its payer cannot even pay the fee: such a transaction leaves no record
    """
    draft.at = state.records.free_moment(draft.at)
    fee = _fee(draft)
    payer = state.world.accounts[draft.payer]
    if payer.balance < fee:
        raise CannotDo(f"INSUFFICIENT_PAYER_BALANCE: {ids.entity(draft.payer)} cannot pay the fee", 409)
    fee_moves = _fee_moves(state, draft.payer, fee)
    for move in fee_moves:
        state.world.accounts[move.account].balance += move.amount
    assessed = assess(state.world, draft)
    lines = netted(assessed.moves)
    # a failure can be ordered, a success cannot: the ledger decides
    result = _judged(state, draft, lines) if draft.result in (None, "SUCCESS") else draft.result
    settled = result == "SUCCESS"
    if settled:
        _apply(state, draft, lines)
        _remember(state, draft, lines)
    shown = dict(lines) if settled or draft.spurious else {}
    rewards = draft.rewards if settled else {}
    for account, amount in rewards.items():
        state.world.accounts[account].balance += amount
        state.world.accounts[STAKING_REWARDS].balance -= amount
        _plus(shown, Move(account, amount))
        _plus(shown, Move(STAKING_REWARDS, -amount))
    for move in fee_moves:
        _plus(shown, move)
    body = render.body(draft, result, fee, list(shown.values()))
    record = _record(state, draft, body, shown, assessed if settled else Assessed([]))
    state.records.add(record, {log["num"] for log in record.logs})
    state.core.touch()
    return record


def netted(moves: list[Move]) -> Net:
    """Return one line for each token and account, without those that come to nothing."""
    lines: Net = {}
    for move in moves:
        _plus(lines, move)
    return lines


def _plus(lines: Net, move: Move) -> None:
    key = (move.token, move.account)
    before = lines.get(key)
    amount = move.amount + (before.amount if before else 0)
    if amount:
        lines[key] = Move(move.account, amount, move.token, move.approval or bool(before and before.approval))
    else:
        lines.pop(key, None)


def _fee(draft: Draft) -> int:
    if draft.fee is not None:
        return draft.fee
    tokens = bool(draft.nfts) or any(move.token is not None for move in draft.moves)
    return FEES.get(draft.name, TOKEN_FEE if tokens or draft.name != "CRYPTOTRANSFER" else PLAIN_FEE)


def _fee_moves(state: MirrorState, payer: int, fee: int) -> list[Move]:
    if not fee:
        return []
    if state.settings.fee_style == "single":
        return [Move(payer, -fee), Move(802, fee)]
    shares = [(account, fee * share // 100) for account, share in SPLIT]
    rest = fee - sum(amount for _, amount in shares)
    return [Move(payer, -fee), *(Move(account, amount) for account, amount in shares), Move(801, rest)]


def _judged(state: MirrorState, draft: Draft, lines: Net) -> str:
    """Return the code the network would answer with: the first thing wrong."""
    troubles = chain(_account_troubles(state, draft, lines), _money_troubles(state, draft, lines))
    return next(troubles, "SUCCESS")


def _account_troubles(state: MirrorState, draft: Draft, lines: Net) -> Iterator[str]:
    accounts = state.world.accounts
    touched = {move.account for move in draft.moves} | {num for nft in draft.nfts for num in (nft.sender, nft.receiver)}
    if any(num not in accounts for num in touched):
        yield "INVALID_ACCOUNT_ID"
        return
    if any(accounts[num].deleted for num in touched):
        yield "ACCOUNT_DELETED"
    gains = {move.account for move in lines.values() if move.amount > 0} | {nft.receiver for nft in draft.nfts}
    if any(accounts[num].receiver_sig_required and num != draft.payer for num in gains):
        yield "INVALID_SIGNATURE"


def _money_troubles(state: MirrorState, draft: Draft, lines: Net) -> Iterator[str]:
    world = state.world
    for move in lines.values():
        if move.token is None:
            if world.accounts[move.account].balance + move.amount < 0:
                yield "INSUFFICIENT_ACCOUNT_BALANCE"
        else:
            yield from _token_troubles(world.accounts[move.account], world.tokens[move.token], move.amount)
    for nft in draft.nfts:
        for num, amount in ((nft.sender, -1), (nft.receiver, 1)):
            yield from _token_troubles(world.accounts[num], world.tokens[nft.token], amount)
        if nft.serial not in world.accounts[nft.sender].tokens[nft.token].serials:
            yield "SENDER_DOES_NOT_OWN_NFT_SERIAL_NO"
    for called in draft.contract_moves:
        if world.contracts[called.contract].balances.get(called.sender, 0) < called.amount:
            yield "CONTRACT_REVERT_EXECUTED"


def _token_troubles(account: Account, token: Token, amount: int) -> Iterator[str]:
    if token.deleted:
        yield "TOKEN_WAS_DELETED"
    if token.pause_status == "PAUSED":
        yield "TOKEN_IS_PAUSED"
    relation = account.tokens.get(token.num)
    if relation is None:
        if amount < 0 or account.max_automatic_token_associations == 0:
            yield "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"
        elif account.free_slots() == 0:
            yield "NO_REMAINING_AUTOMATIC_ASSOCIATIONS"
        return
    if relation.freeze_status == "FROZEN":
        yield "ACCOUNT_FROZEN_FOR_TOKEN"
    if relation.kyc_status == "REVOKED":
        yield "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN"
    if relation.balance + amount < 0:
        yield "INSUFFICIENT_TOKEN_BALANCE"


def _apply(state: MirrorState, draft: Draft, lines: Net) -> None:
    world = state.world
    for move in lines.values():
        account = world.accounts[move.account]
        if move.token is None:
            account.balance += move.amount
        else:
            relation = world.associate(account, world.tokens[move.token], at=draft.at, automatic=True)
            relation.balance += move.amount
    for nft in draft.nfts:
        sender = world.accounts[nft.sender].tokens[nft.token]
        receiver = world.associate(world.accounts[nft.receiver], world.tokens[nft.token], at=draft.at, automatic=True)
        sender.serials.remove(nft.serial)
        receiver.serials.append(nft.serial)
        sender.balance, receiver.balance = sender.balance - 1, receiver.balance + 1
    for contract_move in draft.contract_moves:
        balances = world.contracts[contract_move.contract].balances
        balances[contract_move.sender] -= contract_move.amount
        balances[contract_move.receiver] = balances.get(contract_move.receiver, 0) + contract_move.amount


def _remember(state: MirrorState, draft: Draft, lines: Net) -> None:
    """Write into the truth what each account gained: without fees, without rewards, whatever the record shows."""
    gains: dict[tuple[int | None, int], int] = defaultdict(int)
    for (token, account), move in lines.items():
        gains[token, account] += move.amount
    for moved in draft.contract_moves:
        gains[moved.contract, moved.sender] -= moved.amount
        gains[moved.contract, moved.receiver] += moved.amount
    for (asset, account), amount in gains.items():
        if amount > 0:
            state.credits.append(
                {
                    "account": ids.entity(account),
                    "asset": ids.entity(asset) or "HBAR",
                    "units": amount,
                    "consensus_timestamp": ids.stamp(draft.at),
                    "transaction_id": ids.transaction_id(draft.payer, draft.valid_start),
                    "kind": draft.kind,
                    "memo": draft.memo.decode("utf-8", "replace"),
                }
            )


def _record(state: MirrorState, draft: Draft, body: dict[str, Any], shown: Net, assessed: Assessed) -> Record:
    moved = list(shown.values())
    own = ids.transaction_id(draft.payer, draft.valid_start)
    digits = ids.derived(f"{own} {draft.nonce} {draft.scheduled} {draft.node}", 32 if draft.short_hash else 48)
    body["transaction_hash"] = render.base64_of_hex(digits)
    return Record(
        at=draft.at,
        body=body,
        accounts=sorted({draft.payer, *(move.account for move in moved)}),
        credited=sorted({move.account for move in moved if move.amount > 0}),
        debited=sorted({move.account for move in moved if move.amount < 0}),
        assessed=[render.assessed(fee) for fee in assessed.fees],
        visible_from=draft.visible_from,
        found_by=[own, *([draft.part_of] if draft.part_of else [])],
        hash=digits,
        logs=render.logs(state.world, draft, digits) if body["result"] == "SUCCESS" else [],
    )
