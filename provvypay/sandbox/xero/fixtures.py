"""What the mapping screen reads: organisation, accounts, tax rates, currencies, tracking, branding themes."""

from typing import Any

from provvypay.sandbox.xero import listing, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import not_found
from provvypay.sandbox.xero.organisations import Row

ACTIONS = ("CreateApprovedBill", "CreateApprovedInvoice", "CreateDraftBill", "CreateDraftInvoice",
           "CreatePurchaseOrder", "CreateQuote", "CreateRepeatingInvoice", "UseMulticurrency")  # fmt: skip


def organisation(call: Call) -> dict[str, Any]:
    """Answer GET /Organisation, an array of one."""
    return {"Organisations": [wire.shown(call.tenant.organisation)]}


def actions(call: Call) -> dict[str, Any]:
    """Answer GET /Organisation/Actions: what the plan allows."""
    tenant = call.tenant
    closed = set() if tenant.multicurrency else {"UseMulticurrency"}
    if tenant.approvals_left is not None and tenant.approvals_left < 1:
        closed.add("CreateApprovedInvoice")
    return {"Actions": [{"Name": name, "Status": "NOT-ALLOWED" if name in closed else "ALLOWED"} for name in ACTIONS]}


def accounts(call: Call) -> dict[str, Any]:
    """Answer GET /Accounts, never in pages, archived ones included unless a filter leaves them out."""
    return {"Accounts": _all(call, "accounts")}


def account(call: Call, account_id: str) -> dict[str, Any]:
    """Answer GET /Accounts/{id}."""
    return {"Accounts": [wire.shown(_one(call, "accounts", account_id))]}


def tax_rates(call: Call, tax_type: str = "") -> dict[str, Any]:
    """Answer GET /TaxRates and /TaxRates/{type}; who is not registered for tax has only those of nothing."""
    if tax_type:
        return {"TaxRates": [wire.shown(_one(call, "tax_rates", tax_type))]}
    rows, registered = _all(call, "tax_rates"), call.tenant.organisation["PaysTax"]
    return {"TaxRates": [row for row in rows if registered or row["EffectiveRate"] == 0]}


def currencies(call: Call) -> dict[str, Any]:
    """Answer GET /Currencies."""
    return {"Currencies": _all(call, "currencies")}


def tracking(call: Call) -> dict[str, Any]:
    """Answer GET /TrackingCategories; archived ones only when asked for."""
    rows = _all(call, "tracking_categories")
    if call.args.get("includearchived", "").lower() != "true":
        rows = [row for row in rows if row["Status"] == "ACTIVE"]
    return {"TrackingCategories": rows}


def branding_themes(call: Call) -> dict[str, Any]:
    """Answer GET /BrandingThemes."""
    return {"BrandingThemes": _all(call, "branding_themes")}


def _all(call: Call, table: str) -> list[Row]:
    return [wire.shown(row) for row in listing.chosen(call, call.tenant.table(table).values())]


def _one(call: Call, table: str, key: str) -> Row:
    rows = call.tenant.table(table)
    if found := rows.get(key.lower()) or rows.get(key):
        return found
    raise not_found()
