"""The Xero pages of the console: an organisation's books, one document, and what its merchant does in them.

Deep links of the product (XERO_APP_BASE) lead here too, as they lead to the document in Xero.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from provvypay.sandbox.console import xero_shown
from provvypay.sandbox.wishes import CannotDo
from provvypay.sandbox.xero import hand, hand_app
from provvypay.sandbox.xero.organisations import Tenant
from provvypay.sandbox.xero.state import XeroState

Form = dict[str, str]
WRONG = (CannotDo, LookupError, ValueError)
_LINKED = {
    "InvoiceID": "invoices",
    "CreditNoteID": "credit_notes",
    "BankTransactionID": "bank_transactions",
    "PaymentID": "payments",
    "OverpaymentID": "overpayments",
}


def blueprint(state: XeroState) -> Blueprint:
    """Return the pages' routes, bound to the state."""
    bp = Blueprint("xero_console", __name__)

    @bp.get("/console/xero/<tenant_id>")
    def books(tenant_id: str) -> Response:
        return _books(state, tenant_id)

    @bp.get("/console/xero/<tenant_id>/<table>/<document_id>")
    def document(tenant_id: str, table: str, document_id: str) -> Response:
        return _document(state, tenant_id, table, document_id)

    @bp.post("/console/xero/<tenant_id>/<name>")
    def act(tenant_id: str, name: str) -> Response:
        form = {key: value.strip() for key, value in request.form.items()}
        place = f"/console/xero/{tenant_id}"
        try:
            with state.core.lock:
                _ACTIONS[name](state, hand.tenant(state, tenant_id), form)
        except WRONG as error:
            words = "There is no such button, or it lacks something." if isinstance(error, LookupError) else str(error)
            status = error.status if isinstance(error, CannotDo) else 422
            if form.get("table"):
                return _document(state, tenant_id, form["table"], form.get("document", ""), error=words, status=status)
            return _books(state, tenant_id, words, status)
        if form.get("table"):
            place += f"/{form['table']}/{form['document']}"
        return redirect(f"{place}?said=done", 303)

    @bp.get("/xero/organisationlogin/default.aspx")
    def deep_link() -> Response:
        asked = parse_qs(urlsplit(request.args.get("redirecturl", "")).query)
        return _led(state, request.args.get("shortcode", ""), {name: values[0] for name, values in asked.items()})

    @bp.get("/xero/<area>/View.aspx")
    @bp.get("/xero/<area>/ViewTransaction.aspx")
    def plain_link(**_: str) -> Response:
        return _led(state, "", request.args.to_dict())

    return bp


def _led(state: XeroState, short_code: str, asked: dict[str, str]) -> Response:
    """Lead to the document a link names, in whichever organisation it stands."""
    lowered = {name.lower(): value for name, value in asked.items()}
    with state.core.lock:
        for name, table in _LINKED.items():
            document_id = lowered.get(name.lower(), "").lower()
            for tenant in state.tenants.values():
                if short_code in {"", tenant.organisation["ShortCode"]} and document_id in tenant.table(table):
                    return redirect(f"/console/xero/{tenant.id}/{table}/{document_id}", 303)
    raise NotFound("There is no such document in the sandbox's Xero.")


def _books(state: XeroState, tenant_id: str, error: str = "", status: int = 200) -> Response:
    with state.core.lock:
        if not (tenant := state.tenants.get(tenant_id.lower())):
            raise NotFound("There is no such organisation in the sandbox's Xero.")
        context = xero_shown.books(state, tenant)
    return _page("xero_books.html", status, error, **context)


def _document(
    state: XeroState, tenant_id: str, table: str, document_id: str, *, error: str = "", status: int = 200
) -> Response:
    with state.core.lock:
        tenant = state.tenants.get(tenant_id.lower())
        if tenant is None or table not in xero_shown.SHOWN or document_id.lower() not in tenant.table(table):
            raise NotFound("There is no such document in the sandbox's Xero.")
        context = xero_shown.document(state, tenant, table, document_id.lower())
    return _page("xero_document.html", status, error, **context)


def _page(template: str, status: int, error: str, **context: Any) -> Response:
    said = "Done." if request.args.get("said") == "done" else ""
    return make_response(render_template(template, error=error, said=said, **context), status)


def overview(state: XeroState) -> list[dict[str, Any]]:
    """Return the organisations as the first page of the console lists them. Hold the lock."""
    return [xero_shown.organisation(state, tenant) for tenant in state.tenants.values()]


def actions(state: XeroState) -> dict[tuple[str, str], Callable[[Form], str | None]]:
    """Return the buttons of the console's first page."""

    def locked(act: Callable[[], object]) -> None:
        with state.core.lock:
            act()

    return {
        ("xero", "expire"): lambda _: locked(lambda: hand_app.expire_tokens(state)),
        ("xero", "revoke"): lambda _: locked(lambda: hand_app.revoke(state)),
        ("xero", "add"): lambda form: locked(
            lambda: hand.add_tenant(state, form["name"], form["country"], form["currencies"].upper().split())
        ),
    }


def _amount(form: Form, name: str) -> Decimal | None:
    if not (text := form.get(name)):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CannotDo(f"{text} is not an amount") from None


def _edit(state: XeroState, tenant: Tenant, form: Form) -> None:
    wanted = {"Reference": form["reference"], "UnitAmount": _amount(form, "amount")}
    hand.edit(state, tenant, form["document"], {name: value for name, value in wanted.items() if value})


def _lock(state: XeroState, tenant: Tenant, form: Form) -> None:
    hand.change_organisation(state, tenant, {"period_lock_date": form["day"] or None})


def _account(state: XeroState, tenant: Tenant, form: Form) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "archive": {"Status": "ARCHIVED"},
        "restore": {"Status": "ACTIVE"},
        "no-payments": {"EnablePaymentsToAccount": False},
        "payments": {"EnablePaymentsToAccount": True},
    }
    hand.change_account(state, tenant, form["account"], wanted[form["change"]])


def _switch(state: XeroState, tenant: Tenant, form: Form) -> None:
    hand.change_organisation(state, tenant, {"offline": form["offline"] == "on"})


_ACTIONS: dict[str, Callable[[XeroState, Tenant, Form], object]] = {
    "void": lambda state, tenant, form: hand.void(state, tenant, form["document"]),
    "pay": lambda state, tenant, form: hand.pay(
        state, tenant, form["document"], form["account"], _amount(form, "amount")
    ),
    "edit": _edit,
    "unpay": lambda state, tenant, form: hand.unpay(state, tenant, form["payment"]),
    "reconcile": lambda state, tenant, form: hand.reconcile(state, tenant, form["payment"]),
    "lock": _lock,
    "account": _account,
    "currency": lambda state, tenant, form: hand.change_currency(
        state, tenant, form["code"].upper(), enabled=form["change"] == "enable"
    ),
    "disconnect": lambda state, tenant, _: hand.disconnect(state, tenant),
    "offline": _switch,
    "reset": lambda state, tenant, _: hand.empty(state, tenant),
}
