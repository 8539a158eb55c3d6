"""Where vendors call us. They sign what they send, so no form token is asked here, and nowhere else is it left out."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response, request

from provvypay.flows import stripe_webhook

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@bp.post("/stripe")
def stripe() -> Response:
    """Store what Stripe says, once, and answer at once; a worker finds out what it means.

    Anything that is not signed by Stripe, unreadable or not, is answered 400.
    """
    received = stripe_webhook.receive(request.get_data(cache=False), request.headers.get("Stripe-Signature", ""))
    return make_response(jsonify(received=True, event=received.event_id))
