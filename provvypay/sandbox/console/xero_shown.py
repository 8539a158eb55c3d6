"""What the Xero pages show, as plain rows: read from an organisation's books, formatted for people. Hold the lock."""

import datetime as dt
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import books as oracle
from provvypay.sandbox.xero import documents, hand
from provvypay.sandbox.xero.limits import DAY, MINUTE
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import XeroState

MOST_ROWS = 100
SHOWN = {
    "invoices": ("Invoices and bills", "InvoiceID", "InvoiceNumber"),
    "payments": ("Payments", "PaymentID", "Reference"),
    "credit_notes": ("Credit notes", "CreditNoteID", "CreditNoteNumber"),
    "bank_transactions": ("Bank transactions", "BankTransactionID", "Reference"),
    "overpayments": ("Overpayments", "OverpaymentID", "Reference"),
}
TONES = {"PAID": "good", "AUTHORISED": "accent", "DRAFT": "quiet", "VOIDED": "bad", "DELETED": "bad"}


def organisation(state: XeroState, tenant: Tenant) -> dict[str, Any]:
    """Return one organisation's line: who it is, whether it is connected, what stands in its books."""
    now = state.core.clock.exact()
    users = [row["user"] for row in state.connections.values() if row["tenantId"] == tenant.id]
    return {
        **hand.shown(state, tenant),
        "users": ", ".join(users),
        "counts": [(SHOWN[name][0], len(tenant.table(name))) for name in SHOWN if tenant.table(name)],
        "minute": state.limits.used(state.limits.minutes, tenant.id, MINUTE, now),
        "day": state.limits.used(state.limits.days, tenant.id, DAY, now),
        "settings": state.settings,
    }


def books(state: XeroState, tenant: Tenant) -> dict[str, Any]:
    """Return the variables of an organisation's page."""
    return {
        "org": organisation(state, tenant),
        "tables": [(name, SHOWN[name][0], _lines(tenant, name)) for name in SHOWN],
        "balances": list(oracle.balances(tenant).items()),
        "accounts": list(tenant.table("accounts").values()),
        "currencies": list(tenant.table("currencies")),
    }


def _lines(tenant: Tenant, table: str) -> list[dict[str, Any]]:
    rows = list(tenant.table(table).values())[-MOST_ROWS:]
    return [_line(tenant, table, row) for row in reversed(rows)]


def _line(tenant: Tenant, table: str, row: Row) -> dict[str, Any]:
    _, id_name, number = SHOWN[table]
    target = tenant.table(row["_table"])[row["_document"]] if table == "payments" else row
    contact = tenant.table("contacts").get(target["_contact"], {})
    account = tenant.table("accounts").get(row.get("_account", ""))
    left = {"invoices": "AmountDue", "credit_notes": "RemainingCredit", "overpayments": "RemainingCredit"}.get(table)
    return {
        "id": row[id_name],
        "number": row.get(number) or row[id_name],
        "reference": row.get("Reference", "") if number != "Reference" else "",
        "kind": row.get("PaymentType") or row["Type"],
        "status": row["Status"],
        "tone": TONES.get(row["Status"], "quiet"),
        "contact": contact.get("Name", ""),
        "date": row["Date"],
        "total": _money(row["Amount"] if table == "payments" else row["Total"], target["CurrencyCode"]),
        "left": _money(row[left], row["CurrencyCode"]) if left else "",
        "against": target.get("InvoiceNumber") or target.get("CreditNoteNumber") if table == "payments" else "",
        "account": f"{account['Code']} {account['Name']}" if account else "",
    }


def document(state: XeroState, tenant: Tenant, table: str, document_id: str) -> dict[str, Any]:
    """Return the variables of one document's page."""
    row = tenant.table(table)[document_id]
    history = tenant.table("history").get(document_id, {"records": []})["records"]
    return {
        "org": organisation(state, tenant),
        "table": table,
        "kind": SHOWN[table][0],
        "line": _line(tenant, table, row),
        "facts": _facts(row),
        "rows": row.get("LineItems", []),
        "payments": [_line(tenant, "payments", item) for item in documents.payments_of(tenant, document_id)],
        "target": _target(row) if table == "payments" else None,
        "history": [(moment(item["DateUTC"]), item["Changes"], item["Details"], item["User"]) for item in history],
        "banks": _banks(tenant),
        "open": row["Status"] in {"DRAFT", "SUBMITTED", "AUTHORISED", "PAID"},
        "unpaid": row["Status"] in {"DRAFT", "SUBMITTED", "AUTHORISED"},
    }


def _target(row: Row) -> tuple[str, str]:
    return row["_table"], row["_document"]


def _banks(tenant: Tenant) -> list[Row]:
    """Return the accounts that take payments, banks before the others."""
    payable = [account for account in tenant.table("accounts").values() if _payable(account)]
    return sorted(payable, key=lambda account: (account["Type"] != "BANK", account["Code"]))


def _payable(account: Row) -> bool:
    return account["Status"] == "ACTIVE" and (account["Type"] == "BANK" or account["EnablePaymentsToAccount"])


def _facts(row: Row) -> list[tuple[str, str]]:
    """Return a document's own fields, as Xero names them."""
    hidden = {"LineItems", "Warnings"}
    shown = {name: value for name, value in row.items() if not name.startswith("_") and name not in hidden}
    return [(name, _text(value)) for name, value in shown.items() if value not in {None, ""}]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return moment(value)
    return f"{value:,}" if isinstance(value, Decimal) else str(value)


def moment(seconds: float) -> str:
    """Return a moment as people read it, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%d %b %Y %H:%M:%S")


def _money(amount: Decimal, currency: str) -> str:
    return f"{currency} {amount:,}"
