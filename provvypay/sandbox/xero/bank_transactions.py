"""Money spent and received: SPEND and RECEIVE on bank accounts, and overpayments, which are credit of their own.

Nothing makes a bank transaction unique: whoever writes twice has two.
"""

from typing import Any

from provvypay.sandbox.xero import contacts, documents, lines, listing, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.documents import ZERO
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

FILTERS = {"ids": "BankTransactionID", "references": "Reference"}
PLAIN, OVERPAYMENTS = ("SPEND", "RECEIVE"), ("SPEND-OVERPAYMENT", "RECEIVE-OVERPAYMENT")


def write(call: Call, transaction_id: str = "") -> dict[str, Any]:
    """Answer PUT and POST /BankTransactions, and POST /BankTransactions/{id}."""
    if transaction_id:
        find(call.tenant, transaction_id)
        return call.save_all(
            "BankTransactions",
            "BankTransactionID",
            lambda c, row: save(c, {**row, "BankTransactionID": transaction_id}),
        )
    return call.save_all("BankTransactions", "BankTransactionID", save)


def save(call: Call, given: Row) -> Row:
    """Create a bank transaction, or with POST delete or change the one of the id.

    :raises Invalid: when account, contact, lines or total do not allow it
    """
    transaction_id = given.get("BankTransactionID")
    if not transaction_id:
        return full(call.tenant, _create(call, given))
    found = call.tenant.table("bank_transactions").get(str(transaction_id).lower())
    if found is None or call.method == "PUT":
        raise Invalid("Bank transaction not found")
    _change(call, found, given)
    return full(call.tenant, found)


def _create(call: Call, given: Row) -> Row:
    kind = given.get("Type")
    if kind not in {*PLAIN, *OVERPAYMENTS}:
        raise Invalid("The Type field is not valid; the sandbox knows SPEND, RECEIVE and their overpayments")
    fields, contact, account = _checked(call, given, str(kind))
    row: Row = {
        "BankTransactionID": new_id(),
        "Type": kind,
        "Status": "AUTHORISED",
        **fields,
        "IsReconciled": bool(given.get("IsReconciled", False)),
        "HasAttachments": False,
        "UpdatedDateUTC": call.now,
        "_account": account["AccountID"],
    }
    row["_contact"] = contact.store(call)["ContactID"]
    if kind in OVERPAYMENTS:
        row["OverpaymentID"] = _overpayment(call, row)
    call.tenant.table("bank_transactions")[row["BankTransactionID"]] = row
    documents.note(call, row["BankTransactionID"], "Created", row["Reference"])
    return row


def _overpayment(call: Call, of: Row) -> str:
    """Make the credit an overpayment is, and return its id."""
    names = ("Type", "Date", "CurrencyCode", "CurrencyRate", "Reference", "LineAmountTypes", "LineItems", "SubTotal",
             "TotalTax", "Total", "Status", "_contact")  # fmt: skip
    row = {name: of[name] for name in names} | {
        "OverpaymentID": new_id(), "RemainingCredit": of["Total"], "AppliedAmount": ZERO, "UpdatedDateUTC": call.now,
        "_allocations": [], "_transaction": of["BankTransactionID"],
    }  # fmt: skip
    call.tenant.table("overpayments")[row["OverpaymentID"]] = row
    return str(row["OverpaymentID"])


def _checked(call: Call, given: Row, kind: str) -> tuple[Row, contacts.Chosen, Row]:
    """Return the fields, the contact and the account, checked and not yet stored.

    :raises Invalid: with one message for each thing that is wrong
    """
    account = _account(call.tenant, given)
    code = account.get("CurrencyCode") or call.tenant.base
    chosen: list[contacts.Chosen] = []

    def contact() -> Row:
        chosen.append(contacts.choose(call, given.get("Contact")))
        return {"Reference": str(given.get("Reference") or "")}

    def currency() -> Row:
        if given.get("CurrencyCode") not in {None, code} and kind in PLAIN:
            raise Invalid("The currency of a bank transaction is that of its bank account")
        used = documents.currency(call, {**given, "CurrencyCode": code})
        return {"CurrencyCode": used[0], "CurrencyRate": used[1]}

    def read_lines() -> Row:
        over = kind in OVERPAYMENTS
        sent = {**given, "LineAmountTypes": "NoTax"} if over else given
        return lines.read(call, sent, default_kind="Inclusive", complete=True, accounts=not over).fields()

    fields = documents.gathered(
        contact, lambda: {"Date": documents.day(call, given)}, currency, lambda: {"Url": documents.web_address(given)},
        read_lines,
    )  # fmt: skip
    if fields["Total"] <= 0:
        raise Invalid("The total of a bank transaction must be greater than zero")
    return fields, chosen[0], account


def _account(tenant: Tenant, given: Row) -> Row:
    named = given.get("BankAccount") or {}
    account_id, code = named.get("AccountID"), named.get("Code")
    found = tenant.account(AccountID=str(account_id).lower()) if account_id else tenant.account(Code=code)
    if found is None or found["Status"] != "ACTIVE" or found["Type"] != "BANK":
        raise Invalid("BankAccount must be specified: an active account of type BANK")
    return found


def _change(call: Call, found: Row, given: Row) -> None:
    """Delete a bank transaction, or overwrite it.

    :raises Invalid: when it is reconciled, deleted, locked, or its credit has been used
    """
    if found["Status"] != "AUTHORISED" or found["IsReconciled"]:
        raise Invalid("This bank transaction has been reconciled or deleted and cannot be edited")
    documents.check_locks(call.tenant, found["Date"])
    credit = call.tenant.table("overpayments").get(found.get("OverpaymentID", ""))
    if credit and credit["RemainingCredit"] != credit["Total"]:
        raise Invalid(documents.HAS_PAYMENT)
    if given.get("Status") == "DELETED":
        found.update(Status="DELETED", UpdatedDateUTC=call.now)
        if credit:
            credit["Status"] = "VOIDED"
            documents.settle_credit(call, credit, "OverpaymentID")
        documents.note(call, found["BankTransactionID"], "Deleted", found["Reference"])
        return
    sent = {name: value for name, value in found.items() if not name.startswith("_")}
    merged = {
        **sent,
        "Contact": {"ContactID": found["_contact"]},
        "BankAccount": {"AccountID": found["_account"]},
        **given,
    }
    if credit:
        raise Invalid("Overpayments cannot be edited")
    fields, contact, account = _checked(call, merged, found["Type"])
    found.update(fields, UpdatedDateUTC=call.now, _account=account["AccountID"])
    found["_contact"] = contact.store(call)["ContactID"]
    documents.note(call, found["BankTransactionID"], "Edited", found["Reference"])


def find(tenant: Tenant, transaction_id: str) -> Row:
    """Return a bank transaction.

    :raises XeroError: 404
    """
    if found := tenant.table("bank_transactions").get(transaction_id.lower()):
        return found
    raise not_found()


def read(call: Call, transaction_id: str) -> dict[str, Any]:
    """Answer GET /BankTransactions/{id}."""
    return {"BankTransactions": [full(call.tenant, find(call.tenant, transaction_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /BankTransactions; without a page its lines are an empty list."""
    rows = [_joined(call.tenant, row) for row in call.tenant.table("bank_transactions").values()]
    page, head = listing.paged(call, listing.chosen(call, rows, FILTERS))
    empty: Row = {} if "page" in call.args else {"LineItems": []}
    return {**head, "BankTransactions": [{**wire.shown(row, "Date"), **empty} for row in page]}


def full(tenant: Tenant, row: Row) -> Row:
    """Return a bank transaction as it travels."""
    return wire.shown(_joined(tenant, row), "Date")


def _joined(tenant: Tenant, row: Row) -> Row:
    account = tenant.table("accounts")[row["_account"]]
    shown = {name: account[name] for name in ("AccountID", "Code", "Name")}
    return {**row, "Contact": contacts.brief(tenant.table("contacts")[row["_contact"]]), "BankAccount": shown}
