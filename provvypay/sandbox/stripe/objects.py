"""Stripe's checkout objects with every key, so that nothing is missing that a real answer would have.

Reference: https://docs.stripe.com/api/checkout/sessions, version 2026-10-28.endive, checked 2026-11-22.
"""

from typing import Any

from provvypay.sandbox.stripe.state import new_id


def checkout_session(params: dict[str, Any], items: list[dict[str, Any]], now: int) -> dict[str, Any]:
    """Return a new open session.

    :param params: checked parameters of the create call
    :param items: its line items, all of one currency
    """
    total = sum(item["amount_total"] for item in items)
    allowed = params.get("allowed_payment_method_types")
    types = allowed or (["card", "us_bank_account"] if items[0]["currency"] == "usd" else ["card"])
    return {
        "id": new_id("cs_test_a1", 56),
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": allowed,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "branding_settings": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": items[0]["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": params.get("custom_text", {}).get("submit"),
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": customer_details(params.get("customer_email")) if params.get("customer_email") else None,
        "customer_email": params.get("customer_email"),
        "discounts": None,
        "excluded_payment_method_types": None,
        "expires_at": params["expires_at"],
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "line_items": None,
        "livemode": False,
        "locale": params.get("locale"),
        "managed_payments": None,
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "name_collection": None,
        "optional_items": None,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}} if "card" in types else {},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "presentment_details": None,
        "recovered_from": None,
        "redirect_on_completion": None,
        "return_url": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "tax_id_collection": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }


def customer_details(
    email: str | None, name: str | None = None, address: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the payer told the card page."""
    return {
        "address": address,
        "email": email,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [] if address else None,
        "business_name": None,
        "individual_name": None,
    }


def line_item(params: dict[str, Any], now: int) -> dict[str, Any]:
    """Return one line of a session, with the price made for it inline."""
    data = params["price_data"]
    quantity = params.get("quantity", 1)
    amount = data["unit_amount"] * quantity
    return {
        "id": new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": data["currency"],
        "description": data["product_data"]["name"],
        "metadata": {},
        "price": _inline_price(data, now),
        "quantity": quantity,
    }


def _inline_price(data: dict[str, Any], now: int) -> dict[str, Any]:
    return {
        "id": new_id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": data["currency"],
        "currency_options": None,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod_", 14),
        "recurring": None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "tiers": None,
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": data["unit_amount"],
        "unit_amount_decimal": str(data["unit_amount"]),
    }
