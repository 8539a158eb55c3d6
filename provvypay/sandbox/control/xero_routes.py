"""The part of the control door that concerns Xero."""

from dataclasses import asdict

from flask import Blueprint, Response

from provvypay.sandbox.control.body import answer, flag, given, number, text, words
from provvypay.sandbox.xero import books, hand, hand_app
from provvypay.sandbox.xero.state import USERS, XeroState

PATH = "/xero/tenants/<tenant_id>"


def register(bp: Blueprint, state: XeroState) -> None:
    """Add the routes below /_control/xero."""
    _app(bp, state)
    _watched(bp, state)
    _tenants(bp, state)
    _chart(bp, state)
    _documents(bp, state)


def _app(bp: Blueprint, state: XeroState) -> None:
    @bp.get("/xero/settings")
    def xero_settings() -> Response:
        with state.core.lock:
            return answer(asdict(state.settings))

    @bp.post("/xero/settings")
    def tune_xero() -> Response:
        with state.core.lock:
            hand_app.tune(state, given())
            return answer(asdict(state.settings))

    @bp.post("/xero/consent")
    def xero_consent() -> Response:
        wanted = given("tenant_id", "tenant_ids", "redirect_uri", "scope", "user", "code_challenge")
        with state.core.lock:
            return answer(hand_app.consent(state, wanted), 201)

    @bp.post("/xero/tokens/expire")
    def expire_tokens() -> Response:
        with state.core.lock:
            return answer({"expired": hand_app.expire_tokens(state)})

    @bp.post("/xero/tokens/revoke")
    def revoke_tokens() -> Response:
        with state.core.lock:
            return answer({"revoked": hand_app.revoke(state)})


def _watched(bp: Blueprint, state: XeroState) -> None:
    @bp.get("/xero/books")
    @bp.get(f"{PATH}/books")
    def xero_books(tenant_id: str = "") -> Response:
        with state.core.lock:
            wanted = hand.tenant(state, tenant_id).id if tenant_id else None
            return answer(books.books(state, wanted))

    @bp.get("/xero/calls")
    def xero_calls() -> Response:
        with state.core.lock:
            tenants = {name: state.limits.summary(name) for name in state.tenants}
            return answer({"tenants": tenants, "app": state.limits.summary("app"), "tokens": state.token_calls})

    @bp.get("/xero/requests")
    def xero_requests() -> Response:
        with state.core.lock:
            return answer({"requests": list(state.requests)})

    @bp.delete("/xero/requests")
    def forget_xero_requests() -> Response:
        with state.core.lock:
            forgotten = len(state.requests)
            state.requests.clear()
            state.limits.forget()
            state.token_calls.clear()
            return answer({"forgotten": forgotten})


def _tenants(bp: Blueprint, state: XeroState) -> None:
    @bp.get("/xero/tenants")
    def tenants() -> Response:
        with state.core.lock:
            return answer({"users": USERS, "tenants": [hand.shown(state, row) for row in state.tenants.values()]})

    @bp.post("/xero/tenants")
    def add_tenant() -> Response:
        wanted = given("name", "country", "currencies")
        with state.core.lock:
            made = hand.add_tenant(
                state, text(wanted, "name"), text(wanted, "country", "AU"), words(wanted, "currencies") or []
            )
            return answer(made, 201)

    @bp.post(PATH)
    def change_tenant(tenant_id: str) -> Response:
        with state.core.lock:
            return answer(hand.change_organisation(state, hand.tenant(state, tenant_id), given()))

    @bp.post(f"{PATH}/reset")
    def empty_tenant(tenant_id: str) -> Response:
        with state.core.lock:
            return answer(hand.empty(state, hand.tenant(state, tenant_id)))

    @bp.post(f"{PATH}/disconnect")
    def disconnect(tenant_id: str) -> Response:
        with state.core.lock:
            return answer({"disconnected": hand.disconnect(state, hand.tenant(state, tenant_id))})


def _chart(bp: Blueprint, state: XeroState) -> None:
    @bp.post(f"{PATH}/accounts/<account>")
    def change_account(tenant_id: str, account: str) -> Response:
        wanted = given("Status", "EnablePaymentsToAccount", "TaxType")
        with state.core.lock:
            return answer(hand.change_account(state, hand.tenant(state, tenant_id), account, wanted))

    @bp.post(f"{PATH}/tax-rates/<tax_type>")
    def change_tax_rate(tenant_id: str, tax_type: str) -> Response:
        wanted = given("Status")
        with state.core.lock:
            return answer(hand.change_tax_rate(state, hand.tenant(state, tenant_id), tax_type, wanted))

    @bp.post(f"{PATH}/currencies/<code>")
    def change_currency(tenant_id: str, code: str) -> Response:
        enabled = flag(given("enabled"), "enabled", default=True)
        with state.core.lock:
            owner = hand.tenant(state, tenant_id)
            return answer({"currencies": hand.change_currency(state, owner, code, enabled=enabled)})

    @bp.post(f"{PATH}/contacts/<contact_id>")
    def change_contact(tenant_id: str, contact_id: str) -> Response:
        wanted = given("ContactStatus", "Name", "EmailAddress", "MergedToContactID")
        with state.core.lock:
            return answer(hand.change_contact(state, hand.tenant(state, tenant_id), contact_id, wanted))


def _documents(bp: Blueprint, state: XeroState) -> None:
    @bp.post(f"{PATH}/invoices/<invoice_id>/void")
    def void(tenant_id: str, invoice_id: str) -> Response:
        with state.core.lock:
            return answer(hand.void(state, hand.tenant(state, tenant_id), invoice_id))

    @bp.post(f"{PATH}/invoices/<invoice_id>/edit")
    def edit(tenant_id: str, invoice_id: str) -> Response:
        wanted = given("Reference", "DueDate", "Contact", "LineItems", "InvoiceNumber", "UnitAmount", "AccountCode")
        with state.core.lock:
            return answer(hand.edit(state, hand.tenant(state, tenant_id), invoice_id, wanted))

    @bp.post(f"{PATH}/invoices/<invoice_id>/pay")
    def pay_by_hand(tenant_id: str, invoice_id: str) -> Response:
        wanted = given("account", "amount")
        amount = number(wanted, "amount") if "amount" in wanted else None
        with state.core.lock:
            owner = hand.tenant(state, tenant_id)
            return answer(hand.pay(state, owner, invoice_id, text(wanted, "account", "090"), amount))

    @bp.post(f"{PATH}/payments/<payment_id>/delete")
    def unpay(tenant_id: str, payment_id: str) -> Response:
        with state.core.lock:
            return answer(hand.unpay(state, hand.tenant(state, tenant_id), payment_id))

    @bp.post(f"{PATH}/payments/<payment_id>/reconcile")
    def reconcile(tenant_id: str, payment_id: str) -> Response:
        with state.core.lock:
            return answer(hand.reconcile(state, hand.tenant(state, tenant_id), payment_id))
