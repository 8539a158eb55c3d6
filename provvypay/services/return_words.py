"""The words for money that goes back: how its events read, and what a provider's own words mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from provvypay.domain.assets import ASSETS
from provvypay.services.told import Told, money

REASONS = {
    "requested_by_customer": "The customer asked for it",
    "duplicate": "It was paid twice",
    "fraudulent": "It was fraud",
}
"""why a refund is made, in the provider's words and in ours"""

_PENDING = {
    "processing": "Stripe is working on it",
    "insufficient_funds": "your balance at Stripe is too low; it goes on when money comes in",
    "charge_pending": "the payment itself is not final yet",
    "requires_action": "the customer has to tell Stripe where to send it",
}
_FAILED = {
    "lost_or_stolen_card": "the card was reported lost or stolen",
    "expired_or_canceled_card": "the card has expired or was canceled",
    "insufficient_funds": "your balance at Stripe was too low",
    "declined": "the customer’s bank declined it",
    "merchant_request": "it was taken back at your request",
    "charge_for_pending_refund_disputed": "the payment came to be disputed meanwhile",
    "charge_already_refunded": "all of it is refunded already",
    "charge_disputed": "the payment is disputed",
    "no_answer": "Stripe never answered, and has no such refund",
    "processor_error": "Stripe had an error, and has no such refund",
}
_DISPUTED = {
    "fraudulent": "the cardholder says they did not pay this",
    "product_not_received": "the customer says they did not receive it",
    "product_unacceptable": "the customer says it was not as described",
    "duplicate": "the customer says they paid twice",
    "credit_not_processed": "the customer says a refund is missing",
    "subscription_canceled": "the customer says they had canceled",
    "unrecognized": "the cardholder does not recognize it",
    "made_with_stolen_card": "the card may be stolen",
}


def pending(code: str | None) -> str:
    """Say why a refund waits."""
    return _PENDING.get(code or "", "Stripe is working on it")


def failed(code: str | None) -> str:
    """Say why a refund failed."""
    return _FAILED.get(code or "", "Stripe gives no reason")


def disputed(code: str | None) -> str:
    """Say why a payment is disputed."""
    return _DISPUTED.get(code or "", "the bank gives no reason")


def _amount(row: Any) -> str:
    return money(row.data, "amount_minor")


def _pending(row: Any) -> str:
    return f"{_amount(row)}: {pending(row.data.get('reason'))}. Nothing is booked before its money has left."


def _failed(row: Any) -> str:
    return f"{_amount(row)}: {failed(row.data.get('reason'))}. Your customer does not have it."


def _refused(row: Any) -> str:
    return f"{_amount(row)}: {failed(row.data.get('code'))}. Nothing was refunded."


def _disputed(row: Any) -> str:
    return f"{_amount(row)}: {disputed(row.data.get('reason'))}."


def _with_fee(row: Any) -> str:
    fee = int(row.data["fee_minor"])
    if not fee:
        return _amount(row)
    given_back = {**row.data, "fee_minor": abs(fee)}
    words = "and a fee of" if fee > 0 else "and the fee of"
    return f"{_amount(row)} {words} {money(given_back, 'fee_minor', 'fee_currency')}"


def _tokens(row: Any) -> str:
    asset, units = str(row.data["asset"]), int(row.data["asset_amount"])
    known = ASSETS.get(asset)
    sent = f"{Decimal(units).scaleb(-known.decimals):f} {asset}" if known else f"{units} smallest units of {asset}"
    return f"{sent}, for {_amount(row)}"


TOLD: dict[str, Told] = {
    "refund.requested": Told("undo", None, "Refund asked for", _amount),
    "refund.approved": Told("check", None, "Refund approved", _amount),
    "refund.declined": Told("ban", None, "Refund declined", _amount),
    "refund.refused": Told("circle-cross", "bad", "Refund not accepted", _refused),
    "refund.external": Told("undo", "warn", "Refunded in Stripe’s dashboard", _amount),
    "refund.pending": Told("clock", "accent", "Refund on its way", _pending),
    "refund.booked": Told("book", None, "Refund booked", _with_fee),
    "refund.failed": Told("circle-alert", "bad", "Refund failed", _failed),
    "refund.reversed": Told("book", None, "Refund taken back in the books", _amount),
    "refund.canceled": Told("ban", None, "Refund canceled in Stripe’s dashboard", _amount),
    "refund.recorded": Told("book", None, "Refund made outside written down", _amount),
    "refund.called_off": Told("ban", None, "Refund called off", _amount),
    "refund.sent": Told("circle-check", "good", "Refund seen on Hedera, and booked", _tokens),
    "refund.mismatch": Told("circle-alert", "bad", "Tokens sent otherwise than agreed", _tokens),
    "dispute.warning": Told("alert", "warn", "Fraud warning of the card network", _disputed),
    "dispute.inquiry": Told("flag", "warn", "The customer’s bank inquires", _disputed),
    "dispute.inquiry_closed": Told("check", None, "Inquiry closed", _amount),
    "dispute.opened": Told("flag", "bad", "Payment disputed", _disputed),
    "dispute.withdrawn": Told("book", None, "Disputed money withdrawn", _with_fee),
    "dispute.won": Told("circle-check", "good", "Dispute won", _amount),
    "dispute.reinstated": Told("book", None, "Disputed money came back", _with_fee),
    "dispute.lost": Told("circle-cross", "bad", "Dispute lost", _amount),
}
"""the events of money that goes back, as a timeline tells them"""
