"""History and notes of a document: Xero's own lines, and those an app adds."""

from typing import Any

from provvypay.sandbox.xero import documents, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, bad_body, not_found, validation

TABLES = {
    "invoices": "invoices",
    "creditnotes": "credit_notes",
    "payments": "payments",
    "banktransactions": "bank_transactions",
    "overpayments": "overpayments",
    "contacts": "contacts",
}
LONGEST = 2500


def listed(call: Call, resource: str, document_id: str) -> dict[str, Any]:
    """Answer GET /{resource}/{id}/History, newest first."""
    found = _known(call, resource, document_id)
    rows = call.tenant.table("history").get(found, {"records": []})["records"]
    return {"HistoryRecords": [wire.shown(row) for row in reversed(rows)]}


def add(call: Call, resource: str, document_id: str) -> dict[str, Any]:
    """Answer PUT /{resource}/{id}/History: a note of the app's."""
    found = _known(call, resource, document_id)
    for row in call.elements("HistoryRecords"):
        details = row.get("Details")
        if not isinstance(details, str) or not 0 < len(details) <= LONGEST:
            problem = Invalid(f"Details must be 1 to {LONGEST} characters")
            raise validation([{"ValidationErrors": [{"Message": text} for text in problem.messages]}])
        documents.note(call, found, "Note", details, user=call.state.settings.provider_name)
    call.state.core.touch()
    rows = call.tenant.table("history")[found]["records"][-1:]
    return {"HistoryRecords": [wire.shown(row) for row in rows]}


def _known(call: Call, resource: str, document_id: str) -> str:
    if resource not in TABLES:
        raise bad_body("This resource has no history")
    if document_id.lower() not in call.tenant.table(TABLES[resource]):
        raise not_found()
    return document_id.lower()
