"""What a mirror node tells, in our words: frozen, exact integers, timestamps as text; mirror_reading.py reads it.

Amounts are integers of the smallest unit, tinybar for HBAR.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """HBAR that one account lost (negative) or got, fees and staking rewards included."""

    account: str
    amount_units: int
    is_approval: bool = False


@dataclass(frozen=True, slots=True)
class TokenLine:
    """The same of a fungible token."""

    token_id: str
    account: str
    amount_units: int
    is_approval: bool = False


@dataclass(frozen=True, slots=True)
class NftLine:
    """One NFT that changed hands; a mint has no sender, a burn no receiver."""

    token_id: str
    serial_number: int
    sender: str | None
    receiver: str | None


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """One record: what reached consensus at one nanosecond. Several records may share a transaction id."""

    consensus_timestamp: str
    """canonical: ten digits, a point, nine digits"""
    transaction_id: str
    """the mirror node's form, 0.0.2002-1767300030-500000000"""
    valid_start: str
    nonce: int
    scheduled: bool
    parent_consensus_timestamp: str | None
    name: str
    """the transaction's type, CRYPTOTRANSFER and many more"""
    result: str
    """SUCCESS, exactly, is the only one under which money moved"""
    payer: str
    """who paid the fee, out of the transaction's id: not always who sent the money"""
    entity_id: str | None
    charged_fee_units: int
    memo: bytes
    """up to 100 bytes, not always UTF-8; empty for none. A child's is empty, it stands on its parent"""
    memo_base64: str
    transaction_hash: str
    """base64"""
    transfers: tuple[Line, ...]
    token_transfers: tuple[TokenLine, ...]
    nft_transfers: tuple[NftLine, ...]
    staking_rewards: tuple[Line, ...]
    """already within `transfers`"""
    raw: str = field(compare=False)
    """the record's own JSON, for evidence; a question by id is answered with more of it"""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; an empty one may be followed by others."""

    records: tuple[TransactionRecord, ...]
    since: str
    until: str
    """the window asked about, both ends included; read whole only once its last page is"""
    is_last: bool
    """whether nothing follows it in its window"""


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as the mirror node knows it."""

    account: str
    evm_address: str | None
    """its alias, in small letters; None when it only has the address made of its number"""
    deleted: bool
    receiver_sig_required: bool
    max_automatic_token_associations: int
    """-1: any number"""
    balance_units: int
    """tinybar"""


@dataclass(frozen=True, slots=True)
class AccountToken:
    """An account's association with a token."""

    token_id: str
    balance_units: int
    decimals: int | None
    automatic: bool
    freeze_status: str
    """NOT_APPLICABLE, FROZEN or UNFROZEN"""
    kyc_status: str
    """NOT_APPLICABLE, GRANTED or REVOKED"""


@dataclass(frozen=True, slots=True)
class FixedFee:
    """What a sender pays on top of each transfer of a token."""

    amount_units: int
    denominating_token_id: str | None
    """None: in HBAR"""


@dataclass(frozen=True, slots=True)
class FractionalFee:
    """What is taken of each transfer: from the receiver, unless it is net of transfers."""

    numerator: int
    denominator: int
    minimum: int
    maximum: int | None
    net_of_transfers: bool


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token of the token service. Symbol and name are anybody's to choose: they identify nothing."""

    token_id: str
    symbol: str
    name: str
    decimals: int
    type: str
    treasury: str | None
    deleted: bool
    paused: bool
    has_freeze_key: bool
    has_kyc_key: bool
    freeze_default: bool
    fixed_fees: tuple[FixedFee, ...]
    fractional_fees: tuple[FractionalFee, ...]


@dataclass(frozen=True, slots=True)
class ContractState:
    """A smart contract, and what it says of itself as an ERC-20 token."""

    contract_id: str
    evm_address: str
    deleted: bool
    symbol: str | None = None
    """None: it does not say, or the mirror node does not let us ask"""
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event a contract emitted."""

    contract_id: str
    consensus_timestamp: str
    transaction_hash: str
    index: int
    topics: tuple[str, ...]
    """32 bytes each, as 0x and 64 hex digits in small letters"""
    data: bytes
    raw: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far the mirror node has got: its own clock."""

    consensus_timestamp: str
