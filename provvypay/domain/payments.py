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
    evidence: dict[str, str] = field(default_factory=dict)
    """what the decision rests on: session, charge, transaction"""


@dataclass(frozen=True, slots=True)
class SettleResult:
    """What settle() did."""

    payment_id: uuid.UUID
    outcome: PaymentOutcome
    is_new: bool
    """False for a duplicate: nothing was written"""
    exception_kind: ExceptionKind | None = None
