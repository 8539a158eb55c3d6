"""The hosted card page: what a payer sees at `session.url`. Works without scripts.

What the payer may see of a decline, and the wait for the webhook's answer before the redirect, follow
https://docs.stripe.com/payments/checkout, checked 2026-11-22.
"""

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from provvypay.sandbox import fiat
from provvypay.sandbox.stripe import delivery, payments, sessions
from provvypay.sandbox.stripe.cards import Payer
from provvypay.sandbox.stripe.payments import Result
from provvypay.sandbox.stripe.state import StripeState

FIELDS = ("email", "name", "method", "card", "expiry", "cvc", "postal_code", "account_number")
LONGEST_FIELD = 200
TEST_CARDS = (
    ("4242 4242 4242 4242", "is paid"),
    ("4000 0025 0000 3155", "asks for 3-D Secure first"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "is declined: insufficient funds"),
    ("4000 0000 0000 0069", "is declined: expired card"),
    ("4000 0000 0000 0127", "is declined: wrong security code"),
    ("4100 0000 0000 0019", "is blocked as too risky"),
    ("4000 0082 6000 3178", "asks for 3-D Secure, then is declined"),
)


def blueprint(state: StripeState) -> Blueprint:
    """Return the page's routes, bound to a state."""
    bp = Blueprint("checkout", __name__, url_prefix="/stripe/checkout")

    @bp.get("/<session_id>")
    def show(session_id: str) -> AnyResponse:
        session = _session(state, session_id)
        if session["status"] != "open":
            return _closed(state, session)
        fill = request.args.get("fill", "")[:LONGEST_FIELD]
        typed = {"email": session["customer_email"] or ""}
        if fill:
            typed = {"email": typed["email"] or "payer@example.com", "card": fill, "expiry": "12 / 34", "cvc": "123"}
            typed |= {"name": "Jenny Rosen", "postal_code": "2000"}
        return _form(state, session, typed)

    @bp.post("/<session_id>")
    def pay(session_id: str) -> AnyResponse:
        session = _session(state, session_id)
        typed = {name: request.form.get(name, "")[:LONGEST_FIELD].strip() for name in FIELDS}
        typed["method"] = typed["method"] or "card"
        if typed["method"] not in ("card", "us_bank_account") or typed["method"] not in session["payment_method_types"]:
            return _form(state, session, typed, message="This method cannot be used here. Choose another one.")
        return _after(state, session, payments.submit(state, session, Payer(**typed)), typed)

    @bp.get("/<session_id>/authentication")
    def challenge(session_id: str) -> AnyResponse:
        session = _session(state, session_id)
        if session["status"] != "open" or "authentication" not in state.notes[session_id]:
            return redirect(f"/stripe/checkout/{session_id}", 303)
        return _page("checkout_challenge.html", **_shown(state, session))

    @bp.post("/<session_id>/authentication")
    def answer_challenge(session_id: str) -> AnyResponse:
        session = _session(state, session_id)
        passed = request.form.get("answer") == "complete"
        return _after(state, session, payments.authenticate(state, session, passed=passed), {})

    return bp


def _after(state: StripeState, session: dict[str, Any], result: Result, typed: dict[str, str]) -> AnyResponse:
    if result.kind in ("succeeded", "processing") and result.completed_event:
        delivery.wait_answered(state, result.completed_event, state.settings.redirect_wait_seconds)
        return redirect(sessions.return_address(session), 303)
    if result.kind == "requires_action":
        return redirect(f"/stripe/checkout/{session['id']}/authentication", 303)
    if result.kind == "closed":
        return _closed(state, session)
    typed = typed or {"email": session["customer_email"] or ""}
    if result.kind == "rejected":
        return _form(state, session, typed, problems=result.problems or {}, http_status=422)
    return _form(state, session, typed, message=result.message, http_status=402)


def _session(state: StripeState, session_id: str) -> dict[str, Any]:
    state.core.run_due()
    with state.core.lock:
        if not (session := state.table("sessions").get(session_id)):
            raise NotFound("There is no checkout session of this name.")
        return session


def _shown(state: StripeState, session: dict[str, Any]) -> dict[str, Any]:
    with state.core.lock:
        rows = state.table("line_items").values()
        items = [item for item in rows if state.notes[item["id"]]["session"] == session["id"]]
        description = state.notes[session["id"]]["payment_intent_data"].get("description")
    return {
        "session": session,
        "items": [(item["description"], item["quantity"], _amount(item["amount_total"], item)) for item in items],
        "description": description,
        "amount": _amount(session["amount_total"], session),
    }


def _amount(minor: int, of: dict[str, Any]) -> str:
    return fiat.formatted(minor, of["currency"])


def _form(
    state: StripeState,
    session: dict[str, Any],
    typed: dict[str, str],
    *,
    message: str = "",
    problems: dict[str, str] | None = None,
    http_status: int = 200,
) -> Response:
    return _page(
        "checkout.html",
        http_status=http_status,
        typed=typed,
        message=message,
        problems=problems or {},
        test_cards=TEST_CARDS,
        **_shown(state, session),
    )


def _closed(state: StripeState, session: dict[str, Any]) -> Response:
    return _page(
        "checkout_closed.html", http_status=410, go_on=sessions.return_address(session), **_shown(state, session)
    )


def _page(template: str, *, session: dict[str, Any], http_status: int = 200, **context: Any) -> Response:
    """Render a page of the payer's. Its forms lead, by redirect, to the merchant, so the policy names that origin."""
    response = make_response(render_template(template, session=session, **context), http_status)
    targets = {_origin(session["success_url"]), _origin(session["cancel_url"] or session["success_url"])}
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {' '.join(sorted(targets))}"
    )
    return response


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
