"""The smaller API resources: payment intents, charges, balance transactions, webhook endpoints, account."""

from typing import Any
from urllib.parse import urlsplit

from provvypay.sandbox.stripe import lists, params
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import StripeError, no_such
from provvypay.sandbox.stripe.params import shape, text
from provvypay.sandbox.stripe.state import ACCOUNT_ID, API_VERSION, StripeState, new_id

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READ = shape({"expand": params.expand})
_READ_INTENT = shape({"expand": params.expand, "client_secret": text()})
_LIST_INTENTS = shape({**params.PAGE, "created": params.moment}, elsewhere=("customer", "customer_account"))
_LIST_TRANSACTIONS = shape(
    {**params.PAGE, "created": params.moment, "currency": text(), "source": text(), "type": text()},
    elsewhere=("payout",),
)
_CREATE_ENDPOINT = shape(
    {
        "url": params.url,
        "enabled_events": params.array(text(), most=300),
        "api_version": params.choice(API_VERSION),
        "description": text(),
        "metadata": params.metadata,
        "expand": params.expand,
    },
    required=("url", "enabled_events"),
    elsewhere=("connect",),
)


def read_intent(call: Call, intent_id: str) -> dict[str, Any]:
    """Answer GET /v1/payment_intents/{id}."""
    call.check(_READ_INTENT, "payment_intent")
    return _row(call, "payment_intents", "payment_intent", intent_id, "intent")


def list_intents(call: Call) -> dict[str, Any]:
    """Answer GET /v1/payment_intents."""
    given = call.check(_LIST_INTENTS, "list of payment_intent")
    return lists.page(call.state.table("payment_intents").values(), given, "/v1/payment_intents")


def read_charge(call: Call, charge_id: str) -> dict[str, Any]:
    """Answer GET /v1/charges/{id}."""
    call.check(_READ, "charge")
    return _row(call, "charges", "charge", charge_id)


def read_transaction(call: Call, transaction_id: str) -> dict[str, Any]:
    """Answer GET /v1/balance_transactions/{id}."""
    call.check(_READ, "balance_transaction")
    return _row(call, "balance_transactions", "balance transaction", transaction_id)


def list_transactions(call: Call) -> dict[str, Any]:
    """Answer GET /v1/balance_transactions."""
    given = call.check(_LIST_TRANSACTIONS, "list of balance_transaction")

    def keep(row: dict[str, Any]) -> bool:
        return all(given.get(name) in (None, row[name]) for name in ("currency", "source", "type"))

    rows = call.state.table("balance_transactions").values()
    return lists.page(rows, given, "/v1/balance_transactions", keep)


def create_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Answer POST /v1/webhook_endpoints; the only answer that ever shows the secret."""
    given = call.check(_CREATE_ENDPOINT, "webhook_endpoint")
    return add_webhook_endpoint(call.state, given["url"], new_id("whsec_", 32), given)


def list_webhook_endpoints(call: Call) -> dict[str, Any]:
    """Answer GET /v1/webhook_endpoints."""
    given = call.check(shape(params.PAGE), "list of webhook_endpoint")
    rows = call.state.table("webhook_endpoints").values()
    return lists.page([_without_secret(row) for row in rows], given, "/v1/webhook_endpoints")


def read_webhook_endpoint(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Answer GET /v1/webhook_endpoints/{id}."""
    call.check(_READ, "webhook_endpoint")
    return _without_secret(_row(call, "webhook_endpoints", "webhook endpoint", endpoint_id))


def add_webhook_endpoint(
    state: StripeState, url: str, secret: str, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Register where events go. Hold the lock.

    :raises StripeError: for an address that is not on this machine: the sandbox calls nobody else
    """
    if urlsplit(url).hostname not in LOOPBACK:
        raise StripeError("Invalid URL: the sandbox calls only addresses of this machine.", param="url")
    given = given or {}
    endpoint = {
        "id": new_id("we_1"),
        "object": "webhook_endpoint",
        "api_version": given.get("api_version", API_VERSION),
        "application": None,
        "created": state.core.clock.now(),
        "description": given.get("description"),
        "enabled_events": given.get("enabled_events", ["*"]),
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "secret": secret,
        "status": "enabled",
        "url": url,
    }
    return state.put("webhook_endpoints", endpoint)


def account(call: Call) -> dict[str, Any]:
    """Answer GET /v1/account."""
    call.check(_READ, "account")
    settings = call.state.settings
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {"mcc": None, "name": "Sandbox account", "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": settings.country,
        "created": 1_700_000_000,
        "default_currency": settings.default_currency,
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def _row(call: Call, table: str, kind: str, object_id: str, param: str = "id") -> dict[str, Any]:
    if not (row := call.state.table(table).get(object_id)):
        raise no_such(kind, object_id, param)
    return row


def _without_secret(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in endpoint.items() if key != "secret"}
