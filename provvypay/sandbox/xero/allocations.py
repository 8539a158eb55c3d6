"""Allocations: credit of a credit note or an overpayment set against an unpaid invoice."""

from typing import Any

from provvypay.sandbox.xero import documents, errors, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.documents import ZERO
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

TOO_MUCH = "The allocation amount exceeds the amount outstanding"


def add(call: Call, credit: Row, id_name: str) -> dict[str, Any]:
    """Set credit against invoices and return the allocations.

    :raises XeroError: ValidationException, and nothing is set against anything
    """
    rows = call.elements("Allocations")
    try:
        made = _all_checked(call, credit, rows)
    except Invalid as problem:
        raise errors.validation([errors.failed(rows[0], "AllocationID", problem)]) from problem
    credit["_allocations"] += made
    _settle(call, credit, id_name, made)
    return {"Allocations": [shown(call.tenant, item) for item in made]}


def remove(call: Call, credit: Row, id_name: str, allocation_id: str) -> dict[str, Any]:
    """Take credit back from an invoice."""
    gone = [item for item in credit["_allocations"] if item["AllocationID"] == allocation_id.lower()]
    if not gone:
        raise not_found()
    credit["_allocations"] = [item for item in credit["_allocations"] if item not in gone]
    _settle(call, credit, id_name, gone)
    return {"Allocations": [{"AllocationID": gone[0]["AllocationID"], "IsDeleted": True}]}


def _settle(call: Call, credit: Row, id_name: str, changed: list[Row]) -> None:
    documents.settle_credit(call, credit, id_name)
    place = ["credit_notes" if id_name == "CreditNoteID" else "overpayments", credit[id_name]]
    for item in changed:
        invoice = call.tenant.table("invoices")[item["_invoice"]]
        if place not in invoice.setdefault("_credits", []):
            invoice["_credits"].append(place)
        documents.settle_invoice(call, invoice)
    documents.note(call, credit[id_name], "Credit applied", str(documents.sum_of(changed)))
    call.state.core.touch()


def _all_checked(call: Call, credit: Row, rows: list[Row]) -> list[Row]:
    made = [_checked(call, credit, row) for row in rows]
    if credit["Status"] != "AUTHORISED" or documents.sum_of(made) > credit["RemainingCredit"]:
        raise Invalid(TOO_MUCH)
    return made


def _checked(call: Call, credit: Row, given: Row) -> Row:
    named = given.get("Invoice") or {}
    rows = call.tenant.table("invoices")
    invoice = rows.get(str(named.get("InvoiceID", "")).lower()) or next(
        (row for row in rows.values() if row["InvoiceNumber"] == named.get("InvoiceNumber", "")), None
    )
    if invoice is None:
        raise Invalid("Invoice could not be found")
    amount = wire.cents(wire.number(given.get("Amount", given.get("AppliedAmount")), "Amount"))
    if amount <= ZERO or amount > invoice["AmountDue"] or invoice["Status"] != "AUTHORISED":
        raise Invalid(TOO_MUCH)
    if invoice["CurrencyCode"] != credit["CurrencyCode"] or invoice["_contact"] != credit["_contact"]:
        raise Invalid("Credit can only be allocated to invoices of the same contact and currency")
    day = documents.day(call, given)
    return {"AllocationID": new_id(), "Amount": amount, "Date": day, "_invoice": invoice["InvoiceID"]}


def shown(tenant: Tenant, item: Row) -> Row:
    """Return an allocation as it travels."""
    invoice = tenant.table("invoices")[item["_invoice"]]
    part = {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"], "HasErrors": False}
    return {**wire.shown(item), "Invoice": part}
