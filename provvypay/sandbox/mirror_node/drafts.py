"""A transaction as it is handed to the network: what it moves, for whom, and what shall become of it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from provvypay.sandbox.mirror_node.seed import NODE


class Move(NamedTuple):
    """One line: an amount that leaves (below zero) or reaches an account."""

    account: int
    amount: int
    token: int | None = None
    """None: HBAR."""
    approval: bool = False
    """Moved under an allowance."""


class NftMove(NamedTuple):
    """One NFT that changes hands."""

    token: int
    serial: int
    sender: int
    receiver: int


class ContractMove(NamedTuple):
    """One ERC-20 transfer."""

    contract: int
    sender: int
    receiver: int
    amount: int
    topic: str
    """The receiver's address in the log, 40 hex digits."""


@dataclass
class Draft:
    """One record to be."""

    payer: int
    """Pays the fee; the account in the transaction's id."""
    at: int
    """Consensus time in nanoseconds."""
    valid_start: int
    name: str = "CRYPTOTRANSFER"
    memo: bytes = b""
    moves: list[Move] = field(default_factory=list)
    nfts: list[NftMove] = field(default_factory=list)
    contract_moves: list[ContractMove] = field(default_factory=list)
    result: str | None = None
    """What shall come out; None: what the ledger finds."""
    spurious: bool = False
    """Show the transfers although it failed, as some records of mainnet do."""
    doubled: bool = False
    """Show every token line twice, as an old importer did."""
    rewards: dict[int, int] = field(default_factory=dict)
    """Staking rewards paid out on this occasion, in tinybar by account."""
    fractional: dict[str, Any] | None = None
    """A fractional fee for this transaction alone, as in Token.fractional_fees."""
    synthetic_log: bool = False
    """Show token transfers as logs too."""
    fee: int | None = None
    """In tinybar; None: what such a transaction costs."""
    node: int | None = NODE
    nonce: int = 0
    scheduled: bool = False
    parent: int | None = None
    entity: int | None = None
    batch_key: bool = False
    part_of: str | None = None
    """The id of the batch it belongs to."""
    visible_from: int = 0
    short_hash: bool = False
    """An ethereum transaction's hash has 32 bytes."""
    kind: str = "transfer"
    """What the truth calls it."""
