"""Routes of the Stripe stand-in below /stripe/v1."""

from collections.abc import Callable

from flask import Blueprint, Response, request

from provvypay.sandbox.stripe import disputes, endpoints, events, gate, refunds, sessions
from provvypay.sandbox.stripe.call import Call
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.gate import Endpoint
from provvypay.sandbox.stripe.state import StripeState

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/checkout/sessions", sessions.create),
    ("GET", "/v1/checkout/sessions", sessions.listed),
    ("GET", "/v1/checkout/sessions/<session_id>", sessions.read),
    ("POST", "/v1/checkout/sessions/<session_id>/expire", sessions.expire),
    ("GET", "/v1/checkout/sessions/<session_id>/line_items", sessions.line_items),
    ("GET", "/v1/payment_intents", endpoints.list_intents),
    ("GET", "/v1/payment_intents/<intent_id>", endpoints.read_intent),
    ("GET", "/v1/charges/<charge_id>", endpoints.read_charge),
    ("GET", "/v1/balance_transactions", endpoints.list_transactions),
    ("GET", "/v1/balance_transactions/<transaction_id>", endpoints.read_transaction),
    ("GET", "/v1/charges/<charge_id>/refunds", refunds.of_charge),
    ("POST", "/v1/refunds", refunds.create),
    ("GET", "/v1/refunds", refunds.listed),
    ("GET", "/v1/refunds/<refund_id>", refunds.read),
    ("GET", "/v1/disputes", disputes.listed),
    ("GET", "/v1/disputes/<dispute_id>", disputes.read),
    ("GET", "/v1/events", events.listed),
    ("GET", "/v1/events/<event_id>", events.read),
    ("POST", "/v1/webhook_endpoints", endpoints.create_webhook_endpoint),
    ("GET", "/v1/webhook_endpoints", endpoints.list_webhook_endpoints),
    ("GET", "/v1/webhook_endpoints/<endpoint_id>", endpoints.read_webhook_endpoint),
    ("GET", "/v1/account", endpoints.account),
)


def blueprint(state: StripeState) -> Blueprint:
    """Return the API's routes, bound to a state."""
    bp = Blueprint("stripe_api", __name__, url_prefix="/stripe")
    for method, rule, endpoint in ROUTES:
        bp.add_url_rule(rule, f"{method} {rule}", _view(state, endpoint), methods=[method])
    methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    bp.add_url_rule("/v1/<path:rest>", "unknown", _view(state, _unknown), methods=methods)
    return bp


def _view(state: StripeState, endpoint: Endpoint) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        return gate.serve(state, request.path.removeprefix("/stripe"), endpoint, ids)

    return view


def _unknown(_: Call, rest: str) -> dict[str, object]:
    raise StripeError(
        f"Unrecognized request URL ({request.method}: /v1/{rest}). Please see https://stripe.com/docs or we can help "
        "at https://support.stripe.com/.",
        status=404,
    )
