"""Credit notes: like invoices, and then refunded by a payment or set against an unpaid invoice."""

from typing import Any

from provvypay.sandbox.xero import allocations, contacts, documents, lines, listing, rates, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.documents import CLOSED, HAS_PAYMENT, NOT_CHANGEABLE, ZERO
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

FILTERS = {"ids": "CreditNoteID", "creditnotenumbers": "CreditNoteNumber", "statuses": "Status"}
OPEN = ("DRAFT", "SUBMITTED")
UNIQUE = "Credit Note # must be unique."


def write(call: Call, credit_note_id: str = "") -> dict[str, Any]:
    """Answer PUT and POST /CreditNotes, and POST /CreditNotes/{id}."""
    if credit_note_id:
        known = find(call.tenant, credit_note_id)["CreditNoteID"]
        return call.save_all("CreditNotes", "CreditNoteID", lambda c, row: save(c, {**row, "CreditNoteID": known}))
    return call.save_all("CreditNotes", "CreditNoteID", save)


def save(call: Call, given: Row) -> Row:
    """Create a credit note, or with POST change the one that is meant.

    :raises Invalid: with everything that is wrong with it
    """
    found = _meant(call, given)
    if found is None:
        return full(call.tenant, _create(call, given))
    if call.method == "PUT":
        raise Invalid(UNIQUE)
    _change(call, found, given)
    return full(call.tenant, found)


def _meant(call: Call, given: Row) -> Row | None:
    if credit_note_id := given.get("CreditNoteID"):
        if not (found := call.tenant.table("credit_notes").get(str(credit_note_id).lower())):
            raise Invalid("Credit Note not found")
        return found
    if not given.get("CreditNoteNumber") or given.get("Type", "ACCRECCREDIT") != "ACCRECCREDIT":
        return None
    return _numbered(call.tenant, str(given["CreditNoteNumber"]))


def _numbered(tenant: Tenant, number: str) -> Row | None:
    rows = tenant.table("credit_notes").values()
    return next((row for row in rows if row["CreditNoteNumber"] == number and row["Status"] != "DELETED"), None)


def _create(call: Call, given: Row) -> Row:
    kind, status = given.get("Type"), str(given.get("Status") or "DRAFT")
    if kind not in {"ACCRECCREDIT", "ACCPAYCREDIT"}:
        raise Invalid("The Type field must be ACCRECCREDIT or ACCPAYCREDIT")
    if status not in {*OPEN, "AUTHORISED"}:
        raise Invalid("Credit note not of valid status for creation")
    fields, contact = _checked(call, given, status)
    number = given.get("CreditNoteNumber")
    taken = {row["CreditNoteNumber"] for row in call.tenant.table("credit_notes").values()}
    row: Row = {
        "Type": kind,
        "CreditNoteID": new_id(),
        "CreditNoteNumber": documents.document_number(number, "CreditNoteNumber")
        if number
        else documents.next_number(call.tenant, "CN", taken),
        "Status": status,
        "SentToContact": bool(given.get("SentToContact", False)),
        **fields,
        "RemainingCredit": fields["Total"],
        "AppliedAmount": ZERO,
        "UpdatedDateUTC": call.now,
        "_allocations": [],
        "_contact": contact.store(call)["ContactID"],
    }
    call.tenant.table("credit_notes")[row["CreditNoteID"]] = row
    documents.note(
        call, row["CreditNoteID"], "Approved" if status == "AUTHORISED" else "Created", row["CreditNoteNumber"]
    )
    return row


def _checked(call: Call, given: Row, status: str) -> tuple[Row, contacts.Chosen]:
    """Return the fields of a credit note and its contact, both checked and not yet stored.

    :raises Invalid: with one message for each thing that is wrong
    """
    chosen: list[contacts.Chosen] = []

    def contact() -> Row:
        chosen.append(contacts.choose(call, given.get("Contact")))
        return {"Reference": str(given.get("Reference") or "")}

    def currency() -> Row:
        code, rate = documents.currency(call, given)
        return {"CurrencyCode": code, "CurrencyRate": rate, "Warnings": rates.warnings(call.tenant, code, rate) or None}

    def read_lines() -> Row:
        if any(row.get("DiscountRate") for row in given.get("LineItems") or []):
            raise Invalid("Discounts are not allowed on credit notes")
        return lines.read(call, given, default_kind="Exclusive", complete=status == "AUTHORISED").fields()

    fields = documents.gathered(contact, lambda: {"Date": documents.day(call, given)}, currency, read_lines)
    if fields["Total"] < 0:
        raise Invalid("The credit note total must not be negative")
    return fields, chosen[0]


def _change(call: Call, found: Row, given: Row) -> None:
    wanted = str(given.get("Status") or found["Status"])
    if found["Status"] in CLOSED or wanted == "PAID" or (wanted in OPEN and found["Status"] == "AUTHORISED"):
        raise Invalid(NOT_CHANGEABLE)
    documents.check_locks(call.tenant, found["Date"])
    touched = bool(documents.payments_of(call.tenant, found["CreditNoteID"]) or found["_allocations"])
    if touched and (wanted in CLOSED or set(given) - {"CreditNoteID", "Reference", "Status"}):
        raise Invalid(HAS_PAYMENT)
    if wanted in {"VOIDED", "DELETED"}:
        if (wanted == "DELETED") != (found["Status"] in OPEN):
            raise Invalid(NOT_CHANGEABLE)
        found["Status"] = wanted
        documents.note(call, found["CreditNoteID"], "Voided" if wanted == "VOIDED" else "Deleted")
    else:
        sent = {name: value for name, value in found.items() if not name.startswith("_")}
        merged = {**sent, "Contact": {"ContactID": found["_contact"]}, **given}
        fields, contact = _checked(call, merged, wanted)
        found.update(fields, Status=wanted)
        found["_contact"] = contact.store(call)["ContactID"]
        documents.note(call, found["CreditNoteID"], "Edited", found["CreditNoteNumber"])
    documents.settle_credit(call, found, "CreditNoteID")


def find(tenant: Tenant, credit_note_id: str) -> Row:
    """Return a credit note by id or number.

    :raises XeroError: 404
    """
    if found := tenant.table("credit_notes").get(credit_note_id.lower()) or _numbered(tenant, credit_note_id):
        return found
    raise not_found()


def read(call: Call, credit_note_id: str) -> dict[str, Any]:
    """Answer GET /CreditNotes/{id or number}."""
    return {"CreditNotes": [full(call.tenant, find(call.tenant, credit_note_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /CreditNotes; without a page the lines are left out."""
    rows = [{**row, "Contact": _contact(call.tenant, row)} for row in call.tenant.table("credit_notes").values()]
    page, head = listing.paged(call, listing.chosen(call, rows, FILTERS))
    left_out = set() if "page" in call.args else {"LineItems"}
    shown = [full(call.tenant, row) for row in page]
    return {**head, "CreditNotes": [{k: v for k, v in row.items() if k not in left_out} for row in shown]}


def allocate(call: Call, credit_note_id: str) -> dict[str, Any]:
    """Answer PUT /CreditNotes/{id}/Allocations."""
    return allocations.add(call, find(call.tenant, credit_note_id), "CreditNoteID")


def release(call: Call, credit_note_id: str, allocation_id: str) -> dict[str, Any]:
    """Answer DELETE /CreditNotes/{id}/Allocations/{allocation}."""
    return allocations.remove(call, find(call.tenant, credit_note_id), "CreditNoteID", allocation_id)


def _contact(tenant: Tenant, row: Row) -> Row:
    return contacts.brief(tenant.table("contacts")[row["_contact"]])


def full(tenant: Tenant, row: Row) -> Row:
    """Return a credit note as it travels, with its allocations and refunds."""
    return {
        **wire.shown({**row, "Contact": _contact(tenant, row)}, "Date"),
        "Allocations": [allocations.shown(tenant, item) for item in row["_allocations"]],
        "Payments": [documents.payment_in_brief(item) for item in documents.payments_of(tenant, row["CreditNoteID"])],
        "HasAttachments": False,
        "HasErrors": False,
    }
