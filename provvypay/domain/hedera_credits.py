"""What a record of the ledger brought an account, or took from it: one movement for each asset, or none.

An account's own lines are added up, never matched by their place; staking rewards that came along are no payment, and
a fee the account paid itself is added back. Reference: docs/explanation/crypto-payments.md, "Reading a credit".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from provvypay.domain.hedera_ids import long_zero, of_long_zero
from provvypay.domain.hedera_records import Line, LogEntry, TransactionRecord
from provvypay.domain.statuses import TransferConcern

SUCCESS = "SUCCESS"
HBAR = "HBAR"
STAKING_REWARDS = "0.0.800"
"""pays staking rewards out, within other people's records"""
MOST_UNITS = 2**63 - 1
"""of an asset of ours; more of it than that there cannot be"""
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256 of Transfer(address,address,uint256)"""

_BY_NAME = {
    "CRYPTOTRANSFER": None,
    "TOKENAIRDROP": TransferConcern.AIRDROP,
    "TOKENCLAIMAIRDROP": TransferConcern.AIRDROP,
    "CONTRACTCALL": TransferConcern.CONTRACT,
    "CONTRACTCREATEINSTANCE": TransferConcern.CONTRACT,
    "ETHEREUMTRANSACTION": TransferConcern.CONTRACT,
    "ATOMICBATCH": TransferConcern.BATCH,
}
_CALLS = ("CONTRACTCALL", "ETHEREUMTRANSACTION")

Registry = Mapping[tuple[str, str], str]
"""(kind, entity id) → which of our assets it is; whatever is not in it is unknown, whatever it calls itself"""


@dataclass(frozen=True, slots=True)
class Movement:
    """What one record did to one account in one asset."""

    direction: str
    """IN or OUT as the account saw it; SELF when it paid itself"""
    kind: str
    """native, hts, erc20 or nft"""
    entity_id: str
    """HBAR, or the token's or contract's id"""
    asset: str | None
    """which of ours that is by the registry"""
    amount_units: int
    """smallest units, above zero"""
    sender: str | None
    """who lost it, when it is one account; as an address when only that is known"""
    concern: TransferConcern | None
    """why it may not settle a link by itself"""


def movements(record: TransactionRecord, account: str, registry: Registry) -> tuple[Movement, ...]:
    """Return what a record moved to or from an account, one movement for each asset, HBAR first.

    Nothing moved unless the result is SUCCESS, exactly: failed records have been seen with transfers.
    """
    if record.result != SUCCESS:
        return ()
    found = [_hbar(record, account, registry)]
    for token in sorted({line.token_id for line in record.token_transfers if line.account == account}):
        lines = [Line(one.account, one.amount_units) for one in record.token_transfers if one.token_id == token]
        found.append(_movement(record, account, ("hts", token), lines, registry))
    found += _nfts(record, account)
    return tuple(one for one in found if one is not None)


def credited(record: TransactionRecord, entity_id: str) -> dict[str, int]:
    """Return who got how much of an asset in a record, by account: whom an outgoing transfer went to.

    :param entity_id: HBAR, or the token's id
    """
    lines = record.transfers if entity_id == HBAR else record.token_transfers
    found: dict[str, int] = defaultdict(int)
    for line in lines:
        if entity_id == HBAR or getattr(line, "token_id", None) == entity_id:
            found[line.account] += line.amount_units
    return {account: units for account, units in found.items() if units > 0}


def concern_of(record: TransactionRecord) -> TransferConcern | None:
    """Return what about a record's kind keeps its money from settling a link by itself."""
    if record.nonce > 0:
        return TransferConcern.CHILD
    if record.parent_consensus_timestamp is not None and not record.scheduled:
        return TransferConcern.BATCH
    return _BY_NAME.get(record.name, TransferConcern.OTHER_KIND)


def _hbar(record: TransactionRecord, account: str, registry: Registry) -> Movement | None:
    """Leave out what is no money moved: rewards, where they came from, and the fee of whoever paid it."""
    rewards = sum(line.amount_units for line in record.staking_rewards)
    corrections = [Line(line.account, -line.amount_units) for line in record.staking_rewards]
    if rewards:
        corrections.append(Line(STAKING_REWARDS, rewards))
    # A child's fee is paid in its parent. Who is credited the fee is of no interest: no merchant is.
    if record.nonce == 0:
        corrections.append(Line(record.payer, record.charged_fee_units))
    return _movement(record, account, ("native", HBAR), record.transfers, registry, corrections=corrections)


def _movement(
    record: TransactionRecord,
    account: str,
    entity: tuple[str, str],
    lines: Sequence[Line],
    registry: Registry,
    *,
    corrections: Sequence[Line] = (),
) -> Movement | None:
    own = [line.amount_units for line in lines if line.account == account]
    if not own:
        return None
    # A record nets to one line per account and asset. The same line twice is a fault of the list, the money moved once.
    is_doubled = len(set(own)) < len(own)
    net = sum(set(own)) + sum(line.amount_units for line in corrections if line.account == account)
    direction, amount = ("IN", net) if net > 0 else ("OUT", -net)
    if net == 0:
        # Only a list that shows both sides says how much it was.
        if not min(own) < 0 < max(own):
            return None
        direction, amount = "SELF", sum(part for part in set(own) if part > 0)
    return Movement(
        direction,
        entity[0],
        entity[1],
        registry.get(entity) if amount <= MOST_UNITS else None,
        amount,
        account if direction == "SELF" else _sender([*lines, *corrections]),
        concern_of(record) or (TransferConcern.DOUBLED_LINES if is_doubled else None),
    )


def _sender(lines: Iterable[Line]) -> str | None:
    balance: dict[str, int] = defaultdict(int)
    for line in lines:
        balance[line.account] += line.amount_units
    losers = [account for account, amount in balance.items() if amount < 0]
    return losers[0] if len(losers) == 1 else None


def _nfts(record: TransactionRecord, account: str) -> list[Movement]:
    """Return the NFTs by token: never money, whatever they are called, but facts all the same."""
    found = []
    moved = [line for line in record.nft_transfers if account in {line.sender, line.receiver}]
    for token in sorted({line.token_id for line in moved}):
        ours = [line for line in moved if line.token_id == token]
        got = sum((line.receiver == account) - (line.sender == account) for line in ours)
        if got:
            senders = {line.sender for line in ours}
            sender = next(iter(senders)) if len(senders) == 1 else None
            found.append(Movement("IN" if got > 0 else "OUT", "nft", token, None, abs(got), sender, concern_of(record)))
    return found


# ------------------------------------------------------------------------------------------------- ERC-20 transfers


def addresses_of(account: str, evm_address: str | None) -> tuple[str, ...]:
    """Return the addresses a contract's log may name an account by: the one made of its number, and its alias."""
    own = [long_zero(account)] if account.startswith("0.0.") else []
    return (*own, *([evm_address.lower()] if evm_address else []))


def topic_of(address: str) -> str:
    """Return an address as logs have it: 32 bytes."""
    return f"0x{address.removeprefix('0x').lower():0>64}"


def logged_movements(
    record: TransactionRecord, logs: Sequence[LogEntry], account: str, addresses: Sequence[str], registry: Registry
) -> tuple[Movement, ...]:
    """Return what the Transfer logs in one record moved to an account, added up by contract.

    Logs of contracts that are not ours, other events and other receivers are passed over: anybody may emit anything,
    and transfers of the token service are shown as logs too.

    :param addresses: of the account, as addresses_of() gives them
    """
    if record.result != SUCCESS:
        return ()
    own = {topic_of(address) for address in addresses}
    by_contract: dict[str, dict[int, LogEntry]] = defaultdict(dict)
    for log in logs:
        if log.consensus_timestamp == record.consensus_timestamp and _is_transfer_to(log, own, registry):
            by_contract[log.contract_id][log.index] = log
    found = (
        _logged(record, contract, list(kept.values()), account, own=own, registry=registry)
        for contract, kept in sorted(by_contract.items())
    )
    return tuple(one for one in found if one is not None)


def _is_transfer_to(log: LogEntry, own: set[str], registry: Registry) -> bool:
    return (
        ("erc20", log.contract_id) in registry
        and len(log.topics) == 3
        and log.topics[0] == TRANSFER_TOPIC
        and log.topics[2] in own
        and len(log.data) == 32
    )


def _logged(
    record: TransactionRecord, contract: str, logs: list[LogEntry], account: str, *, own: set[str], registry: Registry
) -> Movement | None:
    foreign = [log for log in logs if log.topics[1] not in own]
    amount = sum(int.from_bytes(log.data) for log in foreign or logs)
    if amount == 0:
        return None
    senders = {_account_of(log.topics[1]) for log in foreign} or {account}
    is_plain = record.name in _CALLS and None not in senders
    return Movement(
        "IN" if foreign else "SELF",
        "erc20",
        contract,
        registry["erc20", contract] if amount <= MOST_UNITS else None,
        amount,
        next(iter(senders)) if len(senders) == 1 else None,
        None if is_plain else TransferConcern.OTHER_KIND,
    )


def _account_of(topic: str) -> str | None:
    """Return whom a topic names: an account's id, its address when that says nothing about the number, None for nobody.

    A mint comes from nobody.
    """
    address = f"0x{topic[-40:]}"
    return None if int(address, 16) == 0 else of_long_zero(address) or address
