"""What a declined card means, in words for people. One table, so that customer and merchant read the same.

Stripe's codes: docs.stripe.com/declines/codes and docs.stripe.com/error-codes, read November 2026. A lost, stolen or
suspected card is told like any other refusal: Stripe asks for it, because the one who holds it may not be its owner.
"""

from __future__ import annotations

_REASONS = {
    "insufficient_funds": "not enough funds",
    "withdrawal_count_limit_exceeded": "the card’s limit is reached",
    "card_velocity_exceeded": "the card’s limit is reached",
    "expired_card": "the card has expired",
    "invalid_expiry_month": "the expiry date is wrong",
    "invalid_expiry_year": "the expiry date is wrong",
    "incorrect_cvc": "the security code is wrong",
    "invalid_cvc": "the security code is wrong",
    "incorrect_number": "the card number is wrong",
    "invalid_number": "the card number is wrong",
    "incorrect_zip": "the postal code is wrong",
    "incorrect_pin": "the PIN is wrong",
    "authentication_required": "the bank wants the payment to be confirmed",
    "payment_intent_authentication_failure": "the confirmation with the bank did not succeed",
    "card_not_supported": "the card can’t be used for this payment",
    "currency_not_supported": "the card can’t be used in this currency",
    "processing_error": "the bank could not be reached",
    "issuer_not_available": "the bank could not be reached",
    "try_again_later": "the bank could not be reached",
}


def reason(code: str) -> str | None:
    """Return why a card was declined, as the end of a sentence; None when the bank gave no reason to pass on."""
    return _REASONS.get(code)
