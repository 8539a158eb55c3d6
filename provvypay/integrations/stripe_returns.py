"""Stripe's refunds, disputes and early fraud warnings, read into our words; stripe.py makes the calls.

Reference: docs.stripe.com/api/refunds and /disputes, API version 2026-10-28.endive, read November 2026. A refund's fee
is not given back. A dispute's balance transactions come with it, whole: what was withdrawn, and what came back.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from provvypay.kit.clock import from_unix

REFUND_KEY = "provvypay_refund_id"
"""where a refund of ours names itself in its metadata"""


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One of Stripe's own ledger lines, in the settlement currency."""

    id: str
    amount: int
    """negative where money leaves"""
    fee: int
    """negative where it is given back"""
    currency: str
    exchange_rate: str | None
    available_on: dt.datetime
    created: dt.datetime


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund we ask for; repeated with the same key it is the same refund."""

    payment_intent_id: str
    amount: int
    """in Stripe's digits of the payment's currency"""
    refund_id: str
    """our row's id: the idempotency key, and what the refund carries in its metadata"""
    reason: str | None = None
    """duplicate, fraudulent or requested_by_customer"""


@dataclass(frozen=True, slots=True)
class RefundReport:
    """A refund as Stripe sees it now."""

    id: str
    payment_intent_id: str | None
    amount: int
    currency: str
    status: str
    """pending, requires_action, succeeded, failed or canceled"""
    pending_reason: str | None
    failure_reason: str | None
    reason: str | None
    refund_id: str | None
    """our row's id, when we asked for it"""
    created: dt.datetime
    balance: BalanceLine | None
    """None until its money has left"""
    failure_balance: BalanceLine | None
    """what came back of one that bounced"""


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """A dispute as Stripe sees it now."""

    id: str
    payment_intent_id: str | None
    amount: int
    currency: str
    status: str
    reason: str
    evidence_due_by: dt.datetime | None
    created: dt.datetime
    lines: tuple[BalanceLine, ...]
    """withdrawn (negative), and reinstated"""


@dataclass(frozen=True, slots=True)
class WarningReport:
    """A card network's word that a charge looks like fraud; it moves no money."""

    id: str
    payment_intent_id: str | None
    fraud_type: str
    created: dt.datetime


def params_of(wanted: RefundRequest) -> dict[str, Any]:
    """Return what is sent to make a refund."""
    params: dict[str, Any] = {
        "payment_intent": wanted.payment_intent_id,
        "amount": wanted.amount,
        "metadata": {REFUND_KEY: wanted.refund_id},
        "expand": ["balance_transaction", "failure_balance_transaction"],
    }
    return params | ({"reason": wanted.reason} if wanted.reason else {})


def read_refund(raw: dict[str, Any]) -> RefundReport:
    """Read a refund whose balance transactions are expanded."""
    return RefundReport(
        id=raw["id"],
        payment_intent_id=_id_of(raw["payment_intent"]),
        amount=int(raw["amount"]),
        currency=raw["currency"].upper(),
        status=raw["status"],
        pending_reason=raw.get("pending_reason"),
        failure_reason=raw.get("failure_reason"),
        reason=raw.get("reason"),
        refund_id=(raw.get("metadata") or {}).get(REFUND_KEY),
        created=from_unix(raw["created"]),
        balance=_line(raw.get("balance_transaction")),
        failure_balance=_line(raw.get("failure_balance_transaction")),
    )


def read_dispute(raw: dict[str, Any]) -> DisputeReport:
    """Read a dispute."""
    due = (raw.get("evidence_details") or {}).get("due_by")
    return DisputeReport(
        id=raw["id"],
        payment_intent_id=_id_of(raw.get("payment_intent")),
        amount=int(raw["amount"]),
        currency=raw["currency"].upper(),
        status=raw["status"],
        reason=raw["reason"],
        evidence_due_by=from_unix(due) if due else None,
        created=from_unix(raw["created"]),
        lines=tuple(line for raw_line in raw["balance_transactions"] if (line := _line(raw_line))),
    )


def read_warning(raw: dict[str, Any]) -> WarningReport:
    """Read the early fraud warning an event carries."""
    return WarningReport(
        id=str(raw["id"]),
        payment_intent_id=_id_of(raw.get("payment_intent")),
        fraud_type=str(raw["fraud_type"]),
        created=from_unix(raw["created"]),
    )


def _id_of(reference: Any) -> str | None:
    """Return the id of what may be expanded."""
    found = reference["id"] if isinstance(reference, dict) else reference
    return str(found) if found else None


def _line(raw: Any) -> BalanceLine | None:
    if not isinstance(raw, dict):
        return None
    rate = raw["exchange_rate"]
    return BalanceLine(
        id=raw["id"],
        amount=int(raw["amount"]),
        fee=int(raw["fee"]),
        currency=raw["currency"].upper(),
        exchange_rate=None if rate is None else str(rate),
        available_on=from_unix(raw["available_on"]),
        created=from_unix(raw["created"]),
    )
