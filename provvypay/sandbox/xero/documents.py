"""What invoices, bills, credit notes and bank transactions share: dates, locks, currencies, numbers, history."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import rates, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid
from provvypay.sandbox.xero.organisations import Row, Tenant

ZERO = Decimal("0.00")
CLOSED = ("PAID", "VOIDED", "DELETED")
NOT_CHANGEABLE = "Invoice not of valid status for modification"
HAS_PAYMENT = "This document cannot be edited as it has a payment or credit note allocated to it."
_PRINTABLE = re.compile(r"[ -~]{1,255}")


def gathered(*parts: Callable[[], Row]) -> Row:
    """Return the fields every part gives.

    :raises Invalid: with what is wrong with any of them, not only the first
    """
    fields: Row = {}
    problems: list[str] = []
    for part in parts:
        try:
            fields |= part()
        except Invalid as problem:
            problems += problem.messages
    if problems:
        raise Invalid(*dict.fromkeys(problems))
    return fields


def check_locks(tenant: Tenant, day: str) -> None:
    """Refuse a date in a closed period.

    :raises Invalid: with the lock date in words
    """
    for name, words in (("PeriodLockDate", "period lock date"), ("EndOfYearLockDate", "end of year lock date")):
        lock = tenant.organisation.get(name)
        if lock and day <= lock:
            shown = wire.spoken_date(lock)
            raise Invalid(f"The document date cannot be before the {words}, currently set at {shown}.")


def day(call: Call, given: Row, name: str = "Date") -> str:
    """Return a date of the request, today when it has none.

    :raises Invalid: when it is none, or lies in a closed period
    """
    found = wire.day_of(given[name], name) if given.get(name) else wire.today(call.now)
    check_locks(call.tenant, found)
    return found


def currency(call: Call, given: Row) -> tuple[str, Decimal]:
    """Return the currency and its rate: foreign units per base unit.

    :raises Invalid: for a currency the organisation does not have, or a rate that is none
    """
    code = str(given.get("CurrencyCode") or call.tenant.base)
    foreign_allowed = call.tenant.multicurrency or code == call.tenant.base
    if code not in call.tenant.table("currencies") or not foreign_allowed:
        raise Invalid(f"Organisation is not subscribed to currency {code}")
    if code == call.tenant.base or given.get("CurrencyRate") is None:
        return code, rates.of_the_day(call.tenant, code)
    rate = wire.number(given["CurrencyRate"], "CurrencyRate")
    if rate <= 0:
        raise Invalid("The currency rate must be greater than 0")
    return code, wire.rate(rate)


def document_number(given: Any, name: str) -> str:
    """Return a number a document was given.

    :raises Invalid: when it is longer than 255 printable characters
    """
    if not _PRINTABLE.fullmatch(str(given)):
        raise Invalid(f"{name} must be at most 255 printable ASCII characters")
    return str(given)


def next_number(tenant: Tenant, prefix: str, taken: set[str]) -> str:
    """Return the next number of a series, INV-0001 and so on."""
    while True:
        tenant.numbers[prefix] = tenant.numbers.get(prefix, 0) + 1
        found = f"{prefix}-{tenant.numbers[prefix]:04}"
        if found not in taken:
            return found


def web_address(given: Row) -> str | None:
    """Return the document's Url, which must not contain the vendor's name.

    :raises Invalid: otherwise
    """
    address = given.get("Url")
    if address is not None and (not re.match(r"https?://", str(address)) or "xero" in str(address).lower()):
        raise Invalid("Url must be a valid absolute URL")
    return None if address is None else str(address)


def note(call: Call, document_id: str, changes: str, details: str = "", *, user: str = "") -> None:
    """Write a line into a document's history."""
    row = {
        "Changes": changes,
        "DateUTC": call.now,
        "User": user or "System Generated",
        "Details": details,
    }
    call.tenant.table("history").setdefault(document_id, {"records": []})["records"].append(row)


def payments_of(tenant: Tenant, document_id: str) -> list[Row]:
    """Return the payments of a document that stand."""
    tables = (tenant.table(name) for name in ("invoices", "credit_notes", "overpayments"))
    document = next((table[document_id] for table in tables if document_id in table), {})
    rows = [tenant.table("payments")[name] for name in document.get("_payments", [])]
    return [row for row in rows if row["Status"] == "AUTHORISED"]


def payment_in_brief(row: Row) -> Row:
    """Return a payment as its document lists it: neither its status nor its account."""
    names = ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate")
    return wire.shown({name: row[name] for name in names}) | {"HasAccount": False, "HasValidationErrors": False}


def allocations_to(tenant: Tenant, invoice_id: str) -> list[Row]:
    """Return what credit notes and overpayments have put against an invoice."""
    credits_ = [tenant.table(table)[name] for table, name in tenant.table("invoices")[invoice_id].get("_credits", [])]
    return [
        {**allocation, "_of": credit}
        for credit in credits_
        for allocation in credit["_allocations"]
        if allocation["_invoice"] == invoice_id
    ]


def sum_of(rows: list[Row], name: str = "Amount") -> Decimal:
    return sum((row[name] for row in rows), ZERO)


def settle_invoice(call: Call, invoice: Row) -> None:
    """Work out anew what is paid, credited and due, and whether the invoice is PAID."""
    paid = payments_of(call.tenant, invoice["InvoiceID"])
    credited = allocations_to(call.tenant, invoice["InvoiceID"])
    invoice["AmountPaid"], invoice["AmountCredited"] = sum_of(paid), sum_of(credited)
    if invoice["Status"] in {"VOIDED", "DELETED"}:
        invoice.update(AmountDue=ZERO, FullyPaidOnDate=None)
    else:
        invoice["AmountDue"] = invoice["Total"] - invoice["AmountPaid"] - invoice["AmountCredited"]
        done = invoice["AmountDue"] == 0 and invoice["Status"] in {"AUTHORISED", "PAID"}
        if done or invoice["Status"] == "PAID":
            invoice["Status"] = "PAID" if done else "AUTHORISED"
        invoice["FullyPaidOnDate"] = (
            max(row["Date"] for row in [*paid, *credited]) if done and (paid or credited) else None
        )
    invoice["UpdatedDateUTC"] = call.now


def settle_credit(call: Call, credit: Row, id_name: str) -> None:
    """Work out anew what remains of a credit note or overpayment, and whether it is used up."""
    used = sum_of(credit["_allocations"]) + sum_of(payments_of(call.tenant, credit[id_name]))
    credit["AppliedAmount"] = sum_of(credit["_allocations"])
    credit["RemainingCredit"] = ZERO if credit["Status"] in {"VOIDED", "DELETED"} else credit["Total"] - used
    if credit["Status"] in {"AUTHORISED", "PAID"}:
        credit["Status"] = "PAID" if credit["RemainingCredit"] == 0 else "AUTHORISED"
    credit["UpdatedDateUTC"] = call.now
