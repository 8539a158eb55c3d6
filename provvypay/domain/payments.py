"""Money that has arrived, as one value: every way it can arrive ends in this shape."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from provvypay.domain.statuses import ExceptionKind, PaymentOutcome


@dataclass(frozen=True, slots=True)
class IncomingPayment:
    """What a provider says has reached us, matched to a link by the flow that saw it."""

    organization_id: uuid.UUID
    link_id: uuid.UUID
    provider: str
    """STRIPE, HEDERA or MANUAL"""
    provider_reference: str
    """unique for the provider, worldwide: the payment intent, later the transaction with account and token"""
    value_minor: int
    """minor units of `currency`: what was charged, or what the tokens were worth at their consensus time"""
    currency: str
    occurred_at: dt.datetime
    """when it happened at the source, never when we saw it"""
    clearing_account: str
    """the account that received it: 1050 for cards, 1051–1054 for tokens"""
    asset: str | None = None
    asset_amount: int | None = None
    """smallest units of `asset`"""
    payer: str | None = None
    """who paid, as the provider names them: an account, never an address or a name"""
    attempt_id: uuid.UUID | None = None
    transfer_id: uuid.UUID | None = None
    """the stored transfer it is, for money from Hedera"""
    consensus_timestamp: str | None = None
    """Hedera's own time of it, with its nanoseconds"""
    tolerance_minor: int | None = None
    """how much may be missing; None for money that must be exact, such as a card's"""
    held_as: ExceptionKind | None = None
    """why it may not settle by itself, whatever the link says; None for money that may"""
    evidence: dict[str, str] = field(default_factory=dict)
    """what the decision rests on: session, charge, transaction"""


@dataclass(frozen=True, slots=True)
class HeldPart:
    """Money that came for a link before and was not enough: it waits in 2100 for the rest."""

    exception_id: uuid.UUID
    payment_id: uuid.UUID
    amount_minor: int
    """how much of it a settlement takes, in the link's currency: all that is left, unless a person decided otherwise"""
    left_minor: int = 0
    """what remains held after that"""


@dataclass(frozen=True, slots=True)
class Completion:
    """How a link's amount is made up: parts held before, what has come now, and small differences."""

    amount_minor: int
    parts: tuple[HeldPart, ...]
    taken_minor: int
    """of what has come now"""
    written_off_minor: int = 0
    """missing, within the tolerance"""
    rounded_off_minor: int = 0
    """too much, by rounding alone"""
    surplus_minor: int = 0
    """too much, and a credit of the customer"""

    @property
    def held_minor(self) -> int:
        """What parts held before bring."""
        return sum(part.amount_minor for part in self.parts)


@dataclass(frozen=True, slots=True)
class SettleResult:
    """What settle() did."""

    payment_id: uuid.UUID
    outcome: PaymentOutcome
    is_new: bool
    """False for a duplicate: nothing was written"""
    exception_kind: ExceptionKind | None = None
