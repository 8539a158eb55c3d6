"""The oracle: what stands in the books of every organisation, amounts as text, dates as ISO."""

import datetime as dt
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import contacts, documents
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import XeroState

NAMES = {"invoices": "InvoiceID", "credit_notes": "CreditNoteID", "payments": "PaymentID",
         "bank_transactions": "BankTransactionID", "overpayments": "OverpaymentID"}  # fmt: skip
SIGNS = {
    "ACCRECPAYMENT": 1, "ACCPAYPAYMENT": -1, "ARCREDITPAYMENT": -1, "APCREDITPAYMENT": 1,
    "AROVERPAYMENTPAYMENT": -1, "APOVERPAYMENTPAYMENT": 1,
}  # fmt: skip


def books(state: XeroState, tenant_id: str | None = None) -> dict[str, Any]:
    """Return the books of one organisation, or of all. Hold the lock."""
    chosen = [state.tenants[tenant_id]] if tenant_id else list(state.tenants.values())
    return {"tenants": {tenant.id: of_tenant(state, tenant) for tenant in chosen}}


def of_tenant(state: XeroState, tenant: Tenant) -> dict[str, Any]:
    """Return one organisation's documents, the movements of its bank accounts, and what its lines add up to."""
    return {
        "name": tenant.organisation["Name"],
        "base_currency": tenant.base,
        "connected": [row["id"] for row in state.connections.values() if row["tenantId"] == tenant.id],
        "contacts": [_plain(row) for row in tenant.table("contacts").values()],
        "invoices": [_invoice(tenant, row) for row in tenant.table("invoices").values()],
        "credit_notes": [_credit(tenant, row) for row in tenant.table("credit_notes").values()],
        "payments": [_payment(tenant, row) for row in tenant.table("payments").values()],
        "bank_transactions": [_bank(tenant, row) for row in tenant.table("bank_transactions").values()],
        "overpayments": [_credit(tenant, row) for row in tenant.table("overpayments").values()],
        "balances": balances(tenant),
        "counts": {name: len(tenant.table(name)) for name in (*NAMES, "contacts")},
    }


def balances(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Return what came in less what went out of each account that money passes through, in its own currency."""
    sums: dict[str, Decimal] = {}
    for row in tenant.table("payments").values():
        if row["Status"] == "AUTHORISED":
            _add(sums, row["_account"], SIGNS[row["PaymentType"]] * row["BankAmount"])
    for row in tenant.table("bank_transactions").values():
        if row["Status"] == "AUTHORISED":
            _add(sums, row["_account"], (1 if row["Type"].startswith("RECEIVE") else -1) * row["Total"])
    accounts = tenant.table("accounts")
    return {
        str(accounts[name]["Code"]): {
            "account_id": name,
            "name": accounts[name]["Name"],
            "currency": accounts[name].get("CurrencyCode") or tenant.base,
            "amount": str(amount),
        }
        for name, amount in sums.items()
    }


def _add(sums: dict[str, Decimal], name: str, amount: Decimal) -> None:
    sums[name] = sums.get(name, Decimal("0.00")) + amount


def _invoice(tenant: Tenant, row: Row) -> dict[str, Any]:
    paid = documents.payments_of(tenant, row["InvoiceID"])
    return _with_contact(tenant, row) | {"Payments": [payment["PaymentID"] for payment in paid]}


def _credit(tenant: Tenant, row: Row) -> dict[str, Any]:
    allocations = [
        {"AllocationID": item["AllocationID"], "InvoiceID": item["_invoice"], "Amount": str(item["Amount"])}
        for item in row["_allocations"]
    ]
    return _with_contact(tenant, row) | {"Allocations": allocations}


def _payment(tenant: Tenant, row: Row) -> dict[str, Any]:
    document = tenant.table(row["_table"])[row["_document"]]
    account = tenant.table("accounts")[row["_account"]]
    return _plain(row) | {
        NAMES[row["_table"]]: row["_document"],
        "Number": document.get("InvoiceNumber") or document.get("CreditNoteNumber"),
        "CurrencyCode": document["CurrencyCode"],
        "AccountCode": account["Code"],
        "AccountID": account["AccountID"],
    }


def _bank(tenant: Tenant, row: Row) -> dict[str, Any]:
    account = tenant.table("accounts")[row["_account"]]
    return _with_contact(tenant, row) | {"AccountCode": account["Code"], "AccountID": account["AccountID"]}


def _with_contact(tenant: Tenant, row: Row) -> dict[str, Any]:
    return _plain(row) | {"Contact": contacts.brief(tenant.table("contacts")[row["_contact"]])}


def _plain(value: Any) -> Any:
    """Return a row without private names and nulls; decimals as text, moments as ISO."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if not name.startswith("_") and item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float):
        return dt.datetime.fromtimestamp(value, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
