"""What the pay page says of paying with a token: choices, the quote to send by hand, what came, what was reported.

Nothing here knows where it is read from; pay_crypto.py fills it.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal

from provvypay.domain.rates import SOURCE_NAMES

ORDER = ("USDC", "AUDD", "USDT", "HBAR")
"""as they stand on the page: what follows a currency first"""

NETWORK_NAMES = {"mainnet": "Hedera", "testnet": "Hedera testnet", "previewnet": "Hedera previewnet"}
_EXPLORER = "https://hashscan.io/{network}/transaction/{consensus_timestamp}"
MIRROR_IS_LATE = dt.timedelta(seconds=60)
"""A transaction that was reported and has not been seen for this long needs a word of explanation."""
LONG = dt.timedelta(days=1)
"""A price that is kept for longer is not counted down."""


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One token among the ways to pay: what it would cost now, or why it is not offered."""

    asset: str
    units: int | None
    """smallest units; None while it is not offered"""
    rate: Decimal | None
    reason: str
    """why it is not offered, in a sentence; else empty"""

    @property
    def available(self) -> bool:
        """Say whether it may be chosen."""
        return self.units is not None

    @property
    def rate_text(self) -> str:
        """Return the rate with all its digits."""
        return plain(self.rate) if self.rate is not None else ""


@dataclass(frozen=True, slots=True)
class Sending:
    """A quote on the page: what to send where, until when."""

    number: int
    asset: str
    units: int
    """what is still to be sent"""
    rate: Decimal
    source: str
    rate_as_of: dt.datetime
    made_from: str
    valid_until: dt.datetime
    lasts_seconds: int
    left_seconds: int
    """0 once it has ended"""
    hedera_account_id: uuid.UUID
    """never shown"""
    account_id: str
    """0.0.x, the merchant's"""
    network: str
    entity_id: str
    """HBAR, or the id of the token or contract"""
    kind: str = ""
    """native, hts or erc20; empty for a token that is not in use any more"""
    evm_address: str = ""
    """where a contract credits the account; empty while nobody has looked"""

    @property
    def is_live(self) -> bool:
        """Say whether it may be sent now."""
        return self.left_seconds > 0

    @property
    def is_contract(self) -> bool:
        """Say whether the token is a contract (ERC-20), which not every wallet can send."""
        return self.kind == "erc20"

    @property
    def counts_down(self) -> bool:
        """Say whether the time left is worth watching."""
        return self.is_live and self.left_seconds <= LONG.total_seconds()

    @property
    def token_id(self) -> str:
        """Return the token's id, or an empty text for HBAR."""
        return "" if self.entity_id == "HBAR" else self.entity_id

    @property
    def network_name(self) -> str:
        """Return the network as people call it."""
        return NETWORK_NAMES[self.network]

    @property
    def rate_text(self) -> str:
        """Return the rate with all its digits."""
        return plain(self.rate)

    @property
    def source_name(self) -> str:
        """Return who said the rate."""
        return SOURCE_NAMES.get(self.source, self.source)

    @property
    def clock(self) -> str:
        """Return the time left as it stands on a clock: `13:24`, `2 h 5 min`."""
        hours, rest = divmod(self.left_seconds, 3600)
        return f"{hours} h {rest // 60} min" if hours else f"{rest // 60}:{rest % 60:02}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Money from Hedera that came for this link: a part, or what waits for the payee."""

    kind: str
    """an ExceptionKind; empty for what settled the link"""
    asset: str | None
    """None for a token nobody knows"""
    units: int | None
    amount_minor: int | None
    """what it is worth; None while that is not known"""
    currency: str
    occurred_at: dt.datetime
    transaction_id: str
    """as wallets write it"""
    consensus_timestamp: str
    network: str
    rate: Decimal | None = None

    @property
    def rate_text(self) -> str:
        """Return the rate it was taken at, with all its digits; empty where none is known."""
        return plain(self.rate) if self.rate is not None else ""

    @property
    def network_name(self) -> str:
        """Return the network as people call it."""
        return NETWORK_NAMES[self.network]

    @property
    def explorer_url(self) -> str:
        """Return where anybody can look this transaction up."""
        return explorer_url(self.network, self.consensus_timestamp)


@dataclass(frozen=True, slots=True)
class Claim:
    """A transaction somebody reported on this page."""

    transaction_id: str
    """as wallets write it"""
    state: str
    """PENDING, ATTACHED or REFUSED"""
    answer: str
    """why it was refused, in a sentence"""
    is_late: bool
    """whether it waits for longer than usual"""


@dataclass(frozen=True, slots=True)
class Crypto:
    """All of it."""

    due_minor: int
    """what is still missing of the link's amount"""
    choices: tuple[TokenChoice, ...] = ()
    sending: Sending | None = None
    parts: tuple[Arrived, ...] = ()
    """received and not enough: they wait for the rest"""
    held: tuple[Arrived, ...] = ()
    """received and waiting for the payee"""
    settled: tuple[Arrived, ...] = ()
    """what paid the link"""
    claims: tuple[Claim, ...] = ()
    """the newest first"""
    watched: bool = True
    """whether the network's public record answers"""
    ever: bool = False
    """whether a customer was given a quote for this link"""
    window: dt.timedelta = dt.timedelta(0)
    """how long a price is kept that is chosen now; zero: for the link's life"""

    @property
    def waits(self) -> bool:
        """Say whether a reported transaction is being looked for."""
        return any(claim.state == "PENDING" for claim in self.claims)

    @property
    def can_choose(self) -> bool:
        """Say whether any token may be chosen."""
        return any(choice.available for choice in self.choices)


NOTHING = Crypto(due_minor=0)


def explorer_url(network: str, consensus_timestamp: str) -> str:
    """Return where anybody can look a transaction up."""
    return _EXPLORER.format(network=network, consensus_timestamp=consensus_timestamp)


def plain(value: Decimal) -> str:
    """Return a figure with all its digits and no zeros at its end."""
    return f"{value.normalize():f}"


def wallet_form(transaction_id: str) -> str:
    """Return a transaction id as wallets write it: `0.0.2002@1767300030.500000000`, from the mirror node's form."""
    account, _, moment = transaction_id.partition("-")
    return f"{account}@{moment.replace('-', '.')}" if moment else transaction_id


def seconds_left(valid_until: dt.datetime, now: dt.datetime) -> int:
    """Return whole seconds, rounded up, so that a page never says that a price has ended which has not."""
    return max(0, math.ceil((valid_until - now).total_seconds()))
