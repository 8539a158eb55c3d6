"""Stripe's payment objects with every key: payment intent, payment method, charge, balance transaction.

Reference: https://docs.stripe.com/api/payment_intents and /charges, version 2026-10-28.endive, checked 2026-11-22.
"""

import hashlib
from typing import Any

from provvypay.sandbox.stripe.state import new_id


def payment_intent(session: dict[str, Any], data: dict[str, Any], now: int) -> dict[str, Any]:
    """Return the intent a session gets at the payer's first submission.

    :param data: the session's `payment_intent_data` as it was created
    """
    intent_id = new_id("pi_3", 23)
    options: dict[str, Any] = {}
    if "card" in session["payment_method_types"]:
        card = {"request_three_d_secure": "automatic", "installments": None, "mandate_options": None, "network": None}
        options["card"] = card
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": None,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": data.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{new_id('', 20)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": session["currency"],
        "customer": None,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "hooks": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": dict(data.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": options,
        "payment_method_types": list(session["payment_method_types"]),
        "payment_record": None,
        "presentment_details": None,
        "processing": None,
        "receipt_email": data.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def payment_method(kind: str, details: dict[str, Any], billing: dict[str, Any], now: int) -> dict[str, Any]:
    """Return the method a payer used once."""
    shown = {key: details.get(key) for key in ("brand", "country", "exp_month", "exp_year", "funding", "last4")}
    if kind != "card":
        shown = {key: details.get(key) for key in ("account_type", "bank_name", "last4", "routing_number")}
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing,
        kind: shown,
        "created": now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }


def charge(
    intent: dict[str, Any],
    *,
    method: dict[str, Any],
    details: dict[str, Any],
    outcome: dict[str, Any],
    status: str,
    failure: tuple[str, str] | None,
    now: int,
) -> dict[str, Any]:
    """Return one attempt to take the money.

    :param status: succeeded, pending or failed
    :param failure: code and message of a failed one
    """
    taken = status != "failed"
    return {
        "id": new_id("ch_3", 23),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if taken else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "authorization_code": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": None,
        "captured": taken,
        "created": now,
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": failure[0] if failure else None,
        "failure_message": failure[1] if failure else None,
        "fraud_details": {},
        "level3": None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": outcome,
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: details},
        "presentment_details": None,
        "radar_options": None,
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{new_id('', 24)}" if status == "succeeded" else None,
        "refunded": False,
        "refunds": None,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer": None,
        "transfer_data": None,
        "transfer_group": None,
    }


def outcome(
    kind: str, *, network_status: str, reason: str | None, message: str, advice: str | None = None, risk: str = "normal"
) -> dict[str, Any]:
    """Return why a charge went as it went."""
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": reason,
        "risk_level": risk,
        "risk_score": 80 if risk == "highest" else 12,
        "rule": None,
        "seller_message": message,
        "type": kind,
    }


def card_details(
    number: str, *, brand: str, country: str, exp_month: int, exp_year: int, amount: int, three_d_secure: str | None
) -> dict[str, Any]:
    """Return what a charge shows of a card; never more of its number than the last four digits."""
    return {
        "amount_authorized": amount,
        "authorization_code": None,
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": "pass", "cvc_check": "pass"},
        "country": country,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": hashlib.sha256(number.encode()).hexdigest()[:16],
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": number[-4:],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": brand,
        "network_token": {"used": False},
        "network_transaction_id": "104102978678771",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": _three_d_secure(three_d_secure),
        "transaction_link_id": None,
        "wallet": None,
    }


def _three_d_secure(result: str | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "exemption_indicator_applied": None,
        "result": result,
        "result_reason": None,
        "transaction_id": new_id("", 32),
        "version": "2.2.0",
    }


def bank_details(account_number: str) -> dict[str, Any]:
    """Return what a charge shows of a bank account."""
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "expected_debit_date": None,
        "fingerprint": hashlib.sha256(account_number.encode()).hexdigest()[:16],
        "last4": account_number[-4:],
        "mandate": new_id("mandate_1"),
        "payment_reference": None,
        "routing_number": "110000000",
    }
