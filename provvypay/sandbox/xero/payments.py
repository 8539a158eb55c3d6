"""Payments: of invoices and bills, of credit notes and overpayments back to the customer. Nothing edits a payment."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import documents, listing, rates, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

FILTERS = {"ids": "PaymentID"}
NOT_APPROVED = "Payments can only be made against Authorised documents"
TOO_MUCH = "Payment amount exceeds the amount outstanding on this document"
NO_ACCOUNT = "Account could not be found"
NOT_PAYABLE = "Account does not accept payments: it is no bank account, and payments to it are not enabled"
TWO_FOREIGN = "The currency of the account must be the base currency or the currency of the document"


@dataclass(frozen=True, slots=True)
class Target:
    """What a payment is made against."""

    row: Row
    id_name: str
    number: str
    kind: str
    left: Decimal


def write(call: Call) -> dict[str, Any]:
    """Answer PUT and POST /Payments, which both create."""
    return call.save_all("Payments", "PaymentID", save)


def save(call: Call, given: Row) -> Row:
    """Make a payment.

    :raises Invalid: when document, account, amount, date or currencies do not allow it
    """
    if given.get("PaymentID") and given.get("Status") == "DELETED":
        return _deleted(call, str(given["PaymentID"]))
    target = _target(call.tenant, given)
    account = _account(call.tenant, given)
    amount = wire.cents(wire.number(given.get("Amount"), "Amount"))
    if target.row["Status"] != "AUTHORISED":
        extra = (TOO_MUCH,) if target.row["Status"] == "PAID" else ()
        raise Invalid(NOT_APPROVED, *extra)
    if amount <= 0:
        raise Invalid("The payment amount must be greater than zero")
    if amount > target.left:
        raise Invalid(TOO_MUCH)
    day = documents.day(call, given)
    bank_amount, rate = _currencies(call, given, target.row, account, amount)
    row: Row = {
        "PaymentID": new_id(),
        "Date": day,
        "BankAmount": bank_amount,
        "Amount": amount,
        "Reference": str(given.get("Reference") or ""),
        "CurrencyRate": rate,
        "PaymentType": target.kind,
        "Status": "AUTHORISED",
        "UpdatedDateUTC": call.now,
        "HasAccount": True,
        "IsReconciled": bool(given.get("IsReconciled", False)),
        "_account": account["AccountID"],
        "_document": target.row[target.id_name],
        "_table": _TABLES[target.id_name],
    }
    call.tenant.table("payments")[row["PaymentID"]] = row
    target.row.setdefault("_payments", []).append(row["PaymentID"])
    _settle(call, row)
    documents.note(call, row["_document"], "Paid", f"Payment of {amount} {target.row['CurrencyCode']}")
    return full(call.tenant, row)


_TABLES = {"InvoiceID": "invoices", "CreditNoteID": "credit_notes", "OverpaymentID": "overpayments"}
_PAYABLE = (
    ("Invoice", "InvoiceID", "InvoiceNumber", {"ACCREC": "ACCRECPAYMENT", "ACCPAY": "ACCPAYPAYMENT"}),
    ("CreditNote", "CreditNoteID", "CreditNoteNumber",
     {"ACCRECCREDIT": "ARCREDITPAYMENT", "ACCPAYCREDIT": "APCREDITPAYMENT"}),
    ("Overpayment", "OverpaymentID", "OverpaymentID",
     {"RECEIVE-OVERPAYMENT": "AROVERPAYMENTPAYMENT", "SPEND-OVERPAYMENT": "APOVERPAYMENTPAYMENT"}),
)  # fmt: skip


def _target(tenant: Tenant, given: Row) -> Target:
    """Return the document a payment names.

    :raises Invalid: when it names none that exists
    """
    for name, id_name, number_name, kinds in _PAYABLE:
        named = given.get(name) or ({number_name: given[number_name]} if given.get(number_name) else None)
        if not isinstance(named, dict):
            continue
        rows = tenant.table(_TABLES[id_name])
        found = rows.get(str(named.get(id_name, "")).lower()) or next(
            (
                row
                for row in rows.values()
                if named.get(number_name) and row.get(number_name) == named[number_name] and row["Status"] != "DELETED"
            ),
            None,
        )
        if found is None:
            raise Invalid(f"{name} could not be found")
        left = found["AmountDue"] if name == "Invoice" else found["RemainingCredit"]
        return Target(found, id_name, number_name, kinds[found["Type"]], left)
    raise Invalid("An Invoice, CreditNote, Prepayment or Overpayment must be specified")


def _account(tenant: Tenant, given: Row) -> Row:
    """Return the account the money goes to or comes from.

    :raises Invalid: when it does not exist, is archived, or takes no payments
    """
    named = given.get("Account")
    found = None
    if isinstance(named, dict):
        account_id, code = named.get("AccountID"), named.get("Code")
        found = tenant.account(AccountID=str(account_id).lower()) if account_id else tenant.account(Code=code)
    if found is None or found["Status"] != "ACTIVE":
        raise Invalid(NO_ACCOUNT)
    if found["Type"] != "BANK" and not found["EnablePaymentsToAccount"]:
        raise Invalid(NOT_PAYABLE)
    return found


def _currencies(call: Call, given: Row, document: Row, account: Row, amount: Decimal) -> tuple[Decimal, Decimal]:
    """Return what arrives in the account's currency, and the rate: foreign units per base unit.

    :raises Invalid: between two different foreign currencies, or for a rate that is none
    """
    base, of_document = call.tenant.base, document["CurrencyCode"]
    of_account = account.get("CurrencyCode") or base
    if base not in {of_account, of_document} and of_account != of_document:
        raise Invalid(TWO_FOREIGN)
    foreign = of_document if of_document != base else of_account
    if foreign == base:
        return amount, rates.ONE
    rate = wire.number(given["CurrencyRate"], "CurrencyRate") if given.get("CurrencyRate") is not None else None
    if rate is not None and rate <= 0:
        raise Invalid("The currency rate must be greater than 0")
    if of_account == of_document:
        return amount, wire.rate(rate or document["CurrencyRate"])
    if given.get("BankAmount") is not None:
        arrived = wire.cents(wire.number(given["BankAmount"], "BankAmount"))
        if arrived <= 0:
            raise Invalid("The bank amount must be greater than zero")
        return arrived, wire.rate(amount / arrived if of_account == base else arrived / amount)
    used = rate or rates.of_the_day(call.tenant, foreign)
    return wire.cents(amount / used if of_account == base else amount * used), wire.rate(used)


def _settle(call: Call, payment: Row) -> None:
    document = call.tenant.table(payment["_table"])[payment["_document"]]
    if payment["_table"] == "invoices":
        documents.settle_invoice(call, document)
    else:
        documents.settle_credit(
            call, document, "CreditNoteID" if payment["_table"] == "credit_notes" else "OverpaymentID"
        )


def delete(call: Call, payment_id: str) -> dict[str, Any]:
    """Answer POST /Payments/{id} with the status DELETED, the only change there is."""
    find(call.tenant, payment_id)

    def one(inner: Call, given: Row) -> Row:
        if given.get("Status") != "DELETED":
            raise Invalid("Payments can only be deleted: send the status DELETED alone")
        return _deleted(inner, payment_id)

    return call.save_all("Payments", "PaymentID", one)


def _deleted(call: Call, payment_id: str) -> Row:
    row = call.tenant.table("payments").get(payment_id.lower())
    if row is None:
        raise Invalid("Payment not found")
    if row["Status"] == "DELETED":
        raise Invalid("Payment has already been deleted")
    if row["IsReconciled"]:
        raise Invalid("Payment has been reconciled and cannot be deleted")
    documents.check_locks(call.tenant, row["Date"])
    row.update(Status="DELETED", UpdatedDateUTC=call.now)
    _settle(call, row)
    documents.note(call, row["_document"], "Payment deleted", f"Payment of {row['Amount']}")
    return full(call.tenant, row)


def find(tenant: Tenant, payment_id: str) -> Row:
    """Return a payment.

    :raises XeroError: 404
    """
    if found := tenant.table("payments").get(payment_id.lower()):
        return found
    raise not_found()


def read(call: Call, payment_id: str) -> dict[str, Any]:
    """Answer GET /Payments/{id}."""
    return {"Payments": [full(call.tenant, find(call.tenant, payment_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /Payments."""
    rows = [_joined(call.tenant, row) for row in call.tenant.table("payments").values()]
    page, head = listing.paged(call, listing.chosen(call, rows, FILTERS))
    return {**head, "Payments": [{**wire.shown(row), "HasValidationErrors": False} for row in page]}


def full(tenant: Tenant, row: Row) -> Row:
    """Return a payment as it travels, with its account and its document."""
    return {**wire.shown(_joined(tenant, row)), "HasValidationErrors": False}


def _joined(tenant: Tenant, row: Row) -> Row:
    account = tenant.table("accounts")[row["_account"]]
    document = tenant.table(row["_table"])[row["_document"]]
    shown = {name: account[name] for name in ("AccountID", "Code", "Name")}
    names = {
        "invoices": (
            "Type",
            "InvoiceID",
            "InvoiceNumber",
            "AmountDue",
            "AmountPaid",
            "Status",
            "Total",
            "CurrencyCode",
        ),
        "credit_notes": (
            "Type",
            "CreditNoteID",
            "CreditNoteNumber",
            "RemainingCredit",
            "Status",
            "Total",
            "CurrencyCode",
        ),
        "overpayments": ("Type", "OverpaymentID", "RemainingCredit", "Status", "Total", "CurrencyCode"),
    }[row["_table"]]
    part = {name: document[name] for name in names}
    if row["_table"] == "invoices":
        contact = tenant.table("contacts")[document["_contact"]]
        part |= {"Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]}}
        part |= {"HasErrors": False, "IsDiscounted": False}
    word = {"invoices": "Invoice", "credit_notes": "CreditNote", "overpayments": "Overpayment"}[row["_table"]]
    return {**row, "Account": shown, word: part}
