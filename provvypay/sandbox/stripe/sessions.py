"""Checkout Sessions: create, read, list, expire.

Reference: https://docs.stripe.com/api/checkout/sessions, version 2026-10-28.endive, checked 2026-11-22.
"""

from typing import Any

from provvypay.sandbox.stripe import amounts, events, lists, objects, params
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import StripeError, missing, no_such
from provvypay.sandbox.stripe.params import array, boolean, choice, integer, shape, text
from provvypay.sandbox.stripe.state import StripeState

SOONEST_EXPIRY_SECONDS = 30 * 60
LATEST_EXPIRY_SECONDS = 24 * 60 * 60
LOCALES = (
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR "
    "ro ru sk sl sv th tr vi zh zh-HK zh-TW"
).split()

_PRICE_DATA = shape(
    {
        "currency": amounts.currency,
        "unit_amount": integer(0, params.BIGGEST_AMOUNT),
        "product_data": shape(
            {
                "name": text(1500),
                "description": text(40000),
                "images": array(params.url, most=8),
                "metadata": params.metadata,
                "unit_label": text(12),
            },
            required=("name",),
            elsewhere=("tax_code", "tax_details"),
        ),
        "tax_behavior": choice("exclusive", "inclusive", "unspecified"),
    },
    required=("currency", "unit_amount", "product_data"),
    elsewhere=("product", "recurring", "unit_amount_decimal"),
)
_LINE_ITEM = shape(
    {"price_data": _PRICE_DATA, "quantity": integer(1, 999_999)},
    required=("price_data",),
    elsewhere=("adjustable_quantity", "dynamic_tax_rates", "metadata", "price", "tax_rates"),
)
_INTENT_DATA = shape(
    {
        "capture_method": choice("automatic", "automatic_async"),
        "description": text(1000),
        "metadata": params.metadata,
        "receipt_email": params.email,
        "statement_descriptor": text(22),
        "statement_descriptor_suffix": text(22),
    },
    elsewhere=("application_fee_amount on_behalf_of setup_future_usage shipping transfer_data transfer_group".split()),
)
_CREATE = shape(
    {
        "mode": choice("payment", "setup", "subscription"),
        "ui_mode": choice("hosted_page", "embedded_page", "elements", "form", code="parameter_unknown"),
        "line_items": array(_LINE_ITEM, most=100),
        "success_url": params.url,
        "cancel_url": params.url,
        "client_reference_id": text(200),
        "customer_email": params.email,
        "metadata": params.metadata,
        "payment_intent_data": _INTENT_DATA,
        "expires_at": integer(),
        "allowed_payment_method_types": array(text(50)),
        "adaptive_pricing": shape({"enabled": boolean}),
        "billing_address_collection": choice("auto", "required"),
        "custom_text": shape(
            {"submit": shape({"message": text(1200)}, required=("message",))},
            elsewhere=("after_submit", "shipping_address", "terms_of_service_acceptance"),
        ),
        "locale": choice(*LOCALES),
        "submit_type": choice("auto", "book", "donate", "pay", "subscribe"),
        "expand": params.expand,
    },
    elsewhere=(
        "after_expiration allow_promotion_codes automatic_tax branding_settings consent_collection currency "
        "custom_fields customer customer_account customer_creation customer_update discounts "
        "excluded_payment_method_types integration_identifier invoice_creation managed_payments name_collection "
        "optional_items origin_context payment_method_collection payment_method_configuration payment_method_data "
        "payment_method_options permissions phone_number_collection redirect_on_completion return_url "
        "saved_payment_method_options setup_intent_data shipping_address_collection shipping_options "
        "subscription_data tax_id_collection wallet_options"
    ).split(),
)
_READ = shape({"expand": params.expand})
_LIST = shape(
    {
        **params.PAGE,
        "created": params.moment,
        "payment_intent": text(),
        "status": choice("complete", "expired", "open"),
        "customer_details": shape({"email": text()}, required=("email",)),
    },
    elsewhere=("customer", "customer_account", "payment_link", "subscription"),
)
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
PAYMENT_METHODS = ("card", "us_bank_account")


def create(call: Call) -> dict[str, Any]:
    """Answer POST /v1/checkout/sessions."""
    given = call.check(_CREATE, "checkout.session")
    now = call.state.core.clock.now()
    _check_create(given, now)
    items = [objects.line_item(item, now) for item in given["line_items"]]
    amounts.check_total(sum(item["amount_total"] for item in items), items[0]["currency"])
    given.setdefault("expires_at", now + LATEST_EXPIRY_SECONDS)
    session = objects.checkout_session(given, items, now)
    session["url"] = f"{call.origin}/stripe/checkout/{session['id']}"
    call.state.put("sessions", session)
    for item in items:
        call.state.put("line_items", item)
        call.state.notes[item["id"]] = {"session": session["id"]}
    call.state.notes[session["id"]] = {"payment_intent_data": given.get("payment_intent_data", {}), "error": None}
    call.state.core.timers.add(session["expires_at"], "stripe.expire", session["id"])
    return session


def _check_create(given: dict[str, Any], now: int) -> None:
    for name in ("mode", "line_items"):
        if not given.get(name):
            raise missing(name)
    if given["mode"] != "payment":
        raise StripeError("The sandbox acts out mode=payment only.", code="sandbox_unsupported", param="mode")
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise StripeError("The sandbox acts out ui_mode=hosted_page only.", code="sandbox_unsupported", param="ui_mode")
    if "success_url" not in given:
        raise missing("success_url")
    if len({item["price_data"]["currency"] for item in given["line_items"]}) > 1:
        raise StripeError("All line items must have the same currency.", param="line_items")
    _check_methods(given)
    _check_expiry(given, now)


def _check_methods(given: dict[str, Any]) -> None:
    """Keep, of the allowed methods, those the sandbox acts out."""
    types = given.get("allowed_payment_method_types")
    if types is not None and not set(types) & set(PAYMENT_METHODS):
        words = "None of the allowed payment method types can be used for this Checkout Session."
        raise StripeError(words, param="allowed_payment_method_types")
    if types is not None:
        given["allowed_payment_method_types"] = [name for name in types if name in PAYMENT_METHODS]


def _check_expiry(given: dict[str, Any], now: int) -> None:
    if "expires_at" in given:
        left = given["expires_at"] - now
        if left < SOONEST_EXPIRY_SECONDS:
            words = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
            raise StripeError(words)
        if left > LATEST_EXPIRY_SECONDS:
            words = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
            raise StripeError(words, param="expires_at")


def read(call: Call, session_id: str) -> dict[str, Any]:
    """Answer GET /v1/checkout/sessions/{id}."""
    call.check(_READ, "checkout.session")
    return require(call.state, session_id)


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /v1/checkout/sessions."""
    given = call.check(_LIST, "list of checkout.session")

    def keep(session: dict[str, Any]) -> bool:
        email = given.get("customer_details", {}).get("email")
        return (
            given.get("payment_intent") in (None, session["payment_intent"])
            and given.get("status") in (None, session["status"])
            and email in (None, (session["customer_details"] or {}).get("email"))
        )

    return lists.page(call.state.table("sessions").values(), given, "/v1/checkout/sessions", keep)


def line_items(call: Call, session_id: str) -> dict[str, Any]:
    """Answer GET /v1/checkout/sessions/{id}/line_items."""
    given = call.check(shape(params.PAGE), "list of item")
    session = require(call.state, session_id)
    rows = call.state.table("line_items").values()
    mine = [item for item in rows if call.state.notes[item["id"]]["session"] == session["id"]]
    return lists.page(mine, given, f"/v1/checkout/sessions/{session_id}/line_items", newest_first=False)


def expire(call: Call, session_id: str) -> dict[str, Any]:
    """Answer POST /v1/checkout/sessions/{id}/expire."""
    call.check(_READ, "checkout.session")
    session = require(call.state, session_id)
    if session["status"] != "open":
        raise StripeError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`.",
            stored=True,
        )
    end(call.state, session, call)
    return session


def end(state: StripeState, session: dict[str, Any], call: Call | None = None) -> None:
    """Expire an open session and cancel the intent it may have. Hold the lock."""
    session["status"] = "expired"
    session["url"] = None
    intent = state.table("payment_intents").get(session["payment_intent"] or "")
    if intent is not None:
        intent["status"] = "canceled"
        intent["canceled_at"] = state.core.clock.now()
        intent["cancellation_reason"] = "expired" if call is None else "abandoned"
        intent["next_action"] = None
        events.emit(state, "payment_intent.canceled", intent, call=call)
    events.emit(state, "checkout.session.expired", session, call=call)


def end_in_time(state: StripeState, session_id: str) -> None:
    """Expire a session whose time is over, unless it is closed already. Hold the lock."""
    session = state.table("sessions").get(session_id)
    if session is not None and session["status"] == "open":
        end(state, session)


def require(state: StripeState, session_id: str) -> dict[str, Any]:
    """Return a session.

    :raises StripeError: resource_missing
    """
    if not (session := state.table("sessions").get(session_id)):
        raise no_such("checkout.session", session_id, param="session")
    return session


def return_address(session: dict[str, Any]) -> str:
    """Return where the payer goes after paying, with the session's id filled in."""
    return str(session["success_url"]).replace(PLACEHOLDER, session["id"])
