"""Overpayments: made by a bank transaction, set against invoices by allocations, paid back by a payment."""

from typing import Any

from provvypay.sandbox.xero import allocations, contacts, documents, listing, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import not_found
from provvypay.sandbox.xero.organisations import Row, Tenant

FILTERS = {"references": "Reference"}


def find(tenant: Tenant, overpayment_id: str) -> Row:
    """Return an overpayment.

    :raises XeroError: 404
    """
    if found := tenant.table("overpayments").get(overpayment_id.lower()):
        return found
    raise not_found()


def read(call: Call, overpayment_id: str) -> dict[str, Any]:
    """Answer GET /Overpayments/{id}."""
    return {"Overpayments": [full(call.tenant, find(call.tenant, overpayment_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /Overpayments."""
    page, head = listing.paged(call, listing.chosen(call, call.tenant.table("overpayments").values(), FILTERS))
    return {**head, "Overpayments": [full(call.tenant, row) for row in page]}


def allocate(call: Call, overpayment_id: str) -> dict[str, Any]:
    """Answer PUT /Overpayments/{id}/Allocations."""
    return allocations.add(call, find(call.tenant, overpayment_id), "OverpaymentID")


def release(call: Call, overpayment_id: str, allocation_id: str) -> dict[str, Any]:
    """Answer DELETE /Overpayments/{id}/Allocations/{allocation}."""
    return allocations.remove(call, find(call.tenant, overpayment_id), "OverpaymentID", allocation_id)


def full(tenant: Tenant, row: Row) -> Row:
    """Return an overpayment as it travels, with its allocations and what was paid back."""
    contact = contacts.brief(tenant.table("contacts")[row["_contact"]])
    return {
        **wire.shown({**row, "Contact": contact}, "Date"),
        "Allocations": [allocations.shown(tenant, item) for item in row["_allocations"]],
        "Payments": [documents.payment_in_brief(item) for item in documents.payments_of(tenant, row["OverpaymentID"])],
        "HasAttachments": False,
    }
