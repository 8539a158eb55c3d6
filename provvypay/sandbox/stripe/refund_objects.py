"""Stripe's objects of money that goes back: refund, dispute, early fraud warning, with every key.

Reference: https://docs.stripe.com/api/refunds, /disputes and /radar/early_fraud_warnings, version 2026-10-28.endive,
checked 2026-11-22.
"""

from typing import Any

from provvypay.sandbox.stripe.state import new_id

EVIDENCE_DAYS = 7
INQUIRY_STATUSES = ("warning_needs_response", "warning_under_review", "warning_closed")
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
).split()
_NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6", "general": "11.3"}


def refund(charge: dict[str, Any], amount: int, given: dict[str, Any], now: int) -> dict[str, Any]:
    """Return a refund whose status is still to be decided.

    :param amount: in minor units of the charge's currency
    :param given: reason and metadata, if any
    """
    kind = charge["payment_method_details"]["type"]
    details: dict[str, Any] = {"type": kind}
    if kind == "card":
        details["card"] = {
            "type": "refund",
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
        }
    return {
        "id": new_id("re_3", 23),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "description": None,
        "destination_details": details,
        "failure_balance_transaction": None,
        "failure_reason": None,
        "instructions_email": None,
        "metadata": given.get("metadata", {}),
        "next_action": None,
        "payment_intent": charge["payment_intent"],
        "payment_method": None,
        "pending_reason": None,
        "presentment_details": None,
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def dispute(charge: dict[str, Any], amount: int, reason: str, now: int, *, inquiry: bool) -> dict[str, Any]:
    """Return a dispute that needs a response and has moved no money yet."""
    shown = charge["payment_method_details"]
    brand = shown["card"]["brand"] if shown["type"] == "card" else None
    return {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + EVIDENCE_DAYS * 24 * 60 * 60,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand or "visa",
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": brand or "visa",
                "network_reason_code": _NETWORK_REASONS.get(reason),
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def early_fraud_warning(charge: dict[str, Any], now: int) -> dict[str, Any]:
    """Return the word of a card network that a charge looks like fraud; it moves no money."""
    return {
        "id": new_id("issfr_1"),
        "object": "radar.early_fraud_warning",
        "actionable": not (charge["refunded"] or charge["disputed"]),
        "charge": charge["id"],
        "created": now,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }


def movement(
    source: str,
    *,
    kind: str,
    category: str,
    amount: int,
    currency: str,
    rate: Any,
    description: str,
    now: int,
    available_on: int,
    fee: tuple[int, str] | None = None,
) -> dict[str, Any]:
    """Return the balance transaction of a refund or a dispute.

    :param amount: in minor units of the settlement currency; negative when money leaves
    :param fee: its amount and Stripe's name for it; negative when a fee is given back
    """
    taken = fee[0] if fee else 0
    details = [{"amount": taken, "application": None, "currency": currency, "description": fee[1]}] if fee else []
    return {
        "id": new_id("txn_3", 23),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": description,
        "exchange_rate": rate,
        "fee": taken,
        "fee_details": [{**line, "type": "stripe_fee"} for line in details],
        "net": amount - taken,
        "reporting_category": category,
        "source": source,
        "status": "pending" if available_on > now else "available",
        "type": kind,
    }
