"""Manual journals: lines that add up to nothing, on accounts that are neither banks nor Xero's own."""

from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import documents, lines, listing, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row
from provvypay.sandbox.xero.state import new_id


def write(call: Call) -> dict[str, Any]:
    """Answer PUT and POST /ManualJournals."""
    return call.save_all("ManualJournals", "ManualJournalID", save)


def save(call: Call, given: Row) -> Row:
    """Post a journal.

    :raises Invalid: when it has no narration, does not balance, or names an account it may not
    """
    if not given.get("Narration"):
        raise Invalid("Narration must be specified")
    rows = [_line(call, row) for row in given.get("JournalLines") or []]
    if len(rows) < 2 or sum((row["LineAmount"] for row in rows), Decimal(0)) != 0:
        raise Invalid("The total debits must equal the total credits")
    status = str(given.get("Status") or "DRAFT")
    if status not in {"DRAFT", "POSTED"}:
        raise Invalid("The Status field must be DRAFT or POSTED")
    row: Row = {
        "ManualJournalID": new_id(), "Narration": str(given["Narration"]), "Date": documents.day(call, given),
        "Status": status, "LineAmountTypes": "NoTax", "JournalLines": rows, "ShowOnCashBasisReports": True,
        "HasAttachments": False, "UpdatedDateUTC": call.now,
    }  # fmt: skip
    call.tenant.table("manual_journals")[row["ManualJournalID"]] = row
    return wire.shown(row)


def _line(call: Call, given: Row) -> Row:
    code = str(given.get("AccountCode") or "")
    account = call.tenant.account(Code=code)
    if account is None or account["Type"] == "BANK" or account["SystemAccount"] or account["Status"] != "ACTIVE":
        raise Invalid(lines.NOT_VALID.format(code))
    amount = wire.cents(wire.number(given.get("LineAmount"), "LineAmount"))
    return {
        "LineAmount": amount, "AccountCode": code, "AccountID": account["AccountID"], "Tracking": [], "TaxType": "NONE",
        "Description": str(given.get("Description") or ""), "TaxAmount": Decimal("0.00"), "IsBlank": False,
    }  # fmt: skip


def read(call: Call, journal_id: str) -> dict[str, Any]:
    """Answer GET /ManualJournals/{id}."""
    if not (found := call.tenant.table("manual_journals").get(journal_id.lower())):
        raise not_found()
    return {"ManualJournals": [wire.shown(found)]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /ManualJournals."""
    page, head = listing.paged(call, listing.chosen(call, call.tenant.table("manual_journals").values()))
    return {**head, "ManualJournals": [wire.shown(row) for row in page]}
