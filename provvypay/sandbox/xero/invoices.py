"""Invoices and bills: PUT creates, POST creates or overwrites; DRAFT → SUBMITTED → AUTHORISED → PAID or VOIDED."""

from typing import Any

from provvypay.sandbox.xero import contacts, documents, lines, listing, rates, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.documents import CLOSED, HAS_PAYMENT, NOT_CHANGEABLE, ZERO
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

FILTERS = {
    "ids": "InvoiceID",
    "invoicenumbers": "InvoiceNumber",
    "statuses": "Status",
    "contactids": "Contact.ContactID",
}
OPEN = ("DRAFT", "SUBMITTED")
UNIQUE = "Invoice # must be unique."
LIMIT = "You have reached the limit of invoices you can approve"
HARMLESS = {"InvoiceID", "InvoiceNumber", "Reference", "DueDate", "Url", "SentToContact", "Status", "Type",
            "ExpectedPaymentDate", "HasErrors", "HasAttachments", "HasValidationErrors"}  # fmt: skip
"""What may change on an invoice that has a payment."""


def write(call: Call, invoice_id: str = "") -> dict[str, Any]:
    """Answer PUT and POST /Invoices, and POST /Invoices/{id}."""
    if invoice_id:
        known = find(call.tenant, invoice_id)["InvoiceID"]
        return call.save_all("Invoices", "InvoiceID", lambda c, row: save(c, {**row, "InvoiceID": known}))
    return call.save_all("Invoices", "InvoiceID", save)


def save(call: Call, given: Row) -> Row:
    """Create an invoice, or with POST change the one that is meant.

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
    """Return the invoice a document names by id, or a sales invoice by number.

    :raises Invalid: for an id nobody has
    """
    if invoice_id := given.get("InvoiceID"):
        if not (found := call.tenant.table("invoices").get(str(invoice_id).lower())):
            raise Invalid("Invoice not found")
        return found
    number = given.get("InvoiceNumber")
    if not number or given.get("Type", "ACCREC") != "ACCREC":
        return None
    return _numbered(call.tenant, str(number))


def _numbered(tenant: Tenant, number: str) -> Row | None:
    """Return the sales invoice of a number; a deleted draft gives its number free, a voided invoice does not."""
    rows = tenant.table("invoices").values()
    return next(
        (
            row
            for row in rows
            if row["InvoiceNumber"] == number and row["Type"] == "ACCREC" and row["Status"] != "DELETED"
        ),
        None,
    )


def _create(call: Call, given: Row) -> Row:
    kind, status = given.get("Type"), str(given.get("Status") or "DRAFT")
    if kind not in {"ACCREC", "ACCPAY"}:
        raise Invalid("The Type field must be ACCREC or ACCPAY")
    if status not in {*OPEN, "AUTHORISED"}:
        raise Invalid("Invoice not of valid status for creation")
    fields, contact = _checked(call, given, status)
    number = given.get("InvoiceNumber")
    row: Row = {
        "Type": kind,
        "InvoiceID": new_id(),
        "InvoiceNumber": documents.document_number(number, "InvoiceNumber") if number else "",
        "Status": status,
        "SentToContact": bool(given.get("SentToContact", False)),
        "BrandingThemeID": given.get("BrandingThemeID"),
        "AmountPaid": ZERO,
        "AmountCredited": ZERO,
        **fields,
        "AmountDue": fields["Total"],
        "FullyPaidOnDate": None,
        "UpdatedDateUTC": call.now,
    }
    _use_approval(call, kind, status)
    if not row["InvoiceNumber"] and kind == "ACCREC":
        taken = {other["InvoiceNumber"] for other in call.tenant.table("invoices").values()}
        row["InvoiceNumber"] = documents.next_number(call.tenant, "INV", taken)
    row["_contact"] = contact.store(call)["ContactID"]
    call.tenant.table("contacts")[row["_contact"]]["IsCustomer" if kind == "ACCREC" else "IsSupplier"] = True
    call.tenant.table("invoices")[row["InvoiceID"]] = row
    documents.note(call, row["InvoiceID"], "Created" if status != "AUTHORISED" else "Approved", row["InvoiceNumber"])
    documents.settle_invoice(call, row)
    return row


def _use_approval(call: Call, kind: str, status: str) -> None:
    """Count an approved sales invoice against the plan.

    :raises Invalid: when it has none left
    """
    if kind != "ACCREC" or status != "AUTHORISED" or call.tenant.approvals_left is None:
        return
    if call.tenant.approvals_left < 1:
        raise Invalid(LIMIT)
    call.tenant.approvals_left -= 1


def _checked(call: Call, given: Row, status: str) -> tuple[Row, contacts.Chosen]:
    """Return the fields of an invoice and its contact, both checked and not yet stored.

    :raises Invalid: with one message for each thing that is wrong
    """
    approved = status == "AUTHORISED"
    chosen: list[contacts.Chosen] = []

    def currency() -> Row:
        code, rate = documents.currency(call, given)
        odd = rates.warnings(call.tenant, code, rate)
        return {"CurrencyCode": code, "CurrencyRate": rate, "Warnings": odd or None}

    def contact() -> Row:
        chosen.append(contacts.choose(call, given.get("Contact")))
        return {"Reference": str(given.get("Reference") or "")}

    fields = documents.gathered(
        contact,
        lambda: {"Date": documents.day(call, given)},
        lambda: {"DueDate": _due(given, approved=approved)},
        currency,
        lambda: {"Url": documents.web_address(given)},
        lambda: lines.read(call, given, default_kind="Exclusive", complete=approved).fields(),
    )
    if fields["Total"] < 0:
        raise Invalid("The invoice total must not be negative")
    return fields, chosen[0]


def _due(given: Row, *, approved: bool) -> str | None:
    if given.get("DueDate"):
        return wire.day_of(given["DueDate"], "DueDate")
    if approved:
        raise Invalid("The due date is required for an approved invoice")
    return None


def _change(call: Call, found: Row, given: Row) -> None:
    """Overwrite an invoice with what is sent, or move its status.

    :raises Invalid: when its status, a payment or a lock forbids it
    """
    wanted = str(given.get("Status") or found["Status"])
    if found["Status"] in CLOSED or wanted == "PAID":
        raise Invalid(NOT_CHANGEABLE)
    documents.check_locks(call.tenant, found["Date"])
    touched = bool(documents.payments_of(call.tenant, found["InvoiceID"])) or found["AmountCredited"] > 0
    if wanted in {"VOIDED", "DELETED"}:
        _end(call, found, wanted, touched=touched)
        return
    if wanted in OPEN and found["Status"] == "AUTHORISED":
        raise Invalid(NOT_CHANGEABLE)
    if touched and set(given) - HARMLESS:
        raise Invalid(HAS_PAYMENT)
    merged = {**_as_sent(found), **{name: value for name, value in given.items() if value is not None}}
    fields, contact = _checked(call, merged, wanted)
    if number := given.get("InvoiceNumber"):
        holder = _numbered(call.tenant, str(number))
        if holder is not None and holder is not found:
            raise Invalid(UNIQUE)
        found["InvoiceNumber"] = documents.document_number(number, "InvoiceNumber")
    if found["Status"] != "AUTHORISED":
        _use_approval(call, found["Type"], wanted)
    found.update(fields, Status=wanted, SentToContact=bool(merged.get("SentToContact")))
    found["_contact"] = contact.store(call)["ContactID"]
    documents.note(call, found["InvoiceID"], "Edited", found["InvoiceNumber"])
    documents.settle_invoice(call, found)


def _end(call: Call, found: Row, wanted: str, *, touched: bool) -> None:
    if touched:
        raise Invalid(HAS_PAYMENT)
    if (wanted == "DELETED") != (found["Status"] in OPEN):
        raise Invalid(NOT_CHANGEABLE)
    found["Status"] = wanted
    documents.note(call, found["InvoiceID"], "Voided" if wanted == "VOIDED" else "Deleted", found["InvoiceNumber"])
    documents.settle_invoice(call, found)


def _as_sent(found: Row) -> Row:
    """Return an invoice as a request would say it, to lay a change over."""
    return {name: value for name, value in found.items() if not name.startswith("_")} | {
        "Contact": {"ContactID": found["_contact"]}
    }


def find(tenant: Tenant, invoice_id: str) -> Row:
    """Return an invoice by id or number.

    :raises XeroError: 404
    """
    rows = tenant.table("invoices")
    if found := rows.get(invoice_id.lower()) or _numbered(tenant, invoice_id):
        return found
    raise not_found()


def read(call: Call, invoice_id: str) -> dict[str, Any]:
    """Answer GET /Invoices/{id or number}."""
    return {"Invoices": [full(call.tenant, find(call.tenant, invoice_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /Invoices; without a page the lines are left out."""
    rows = [{**row, "Contact": _contact(call.tenant, row)} for row in call.tenant.table("invoices").values()]
    if term := call.args.get("searchterm", "").casefold():
        searched = ("InvoiceNumber", "Reference")
        rows = [row for row in rows if any(term in str(row.get(name, "")).casefold() for name in searched)]
    page, head = listing.paged(call, listing.chosen(call, rows, FILTERS))
    shown = [full(call.tenant, row) for row in page]
    if "page" not in call.args:
        shown = [{name: value for name, value in row.items() if name != "LineItems"} for row in shown]
    return {**head, "Invoices": shown}


def _contact(tenant: Tenant, row: Row) -> Row:
    return contacts.brief(tenant.table("contacts")[row["_contact"]])


def full(tenant: Tenant, row: Row) -> Row:
    """Return an invoice as it travels, with its payments and credits."""
    payments = documents.payments_of(tenant, row["InvoiceID"])
    credits_ = documents.allocations_to(tenant, row["InvoiceID"])
    return {
        **wire.shown({**row, "Contact": _contact(tenant, row)}, "Date", "DueDate"),
        "Payments": [documents.payment_in_brief(payment) for payment in payments],
        "CreditNotes": [_credit(item, "CreditNoteID") for item in credits_ if "CreditNoteID" in item["_of"]],
        "Prepayments": [],
        "Overpayments": [_credit(item, "OverpaymentID") for item in credits_ if "OverpaymentID" in item["_of"]],
        "HasAttachments": False,
        "HasErrors": False,
        "IsDiscounted": False,
    }


def _credit(item: Row, id_name: str) -> Row:
    of = item["_of"]
    row = {id_name: of[id_name], "CreditNoteNumber": of.get("CreditNoteNumber"), "Total": of["Total"]}
    return wire.shown({**row, "AppliedAmount": item["Amount"], "Date": item["Date"]}, "Date")
