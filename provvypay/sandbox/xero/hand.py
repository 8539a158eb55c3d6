"""What a merchant does inside Xero, and a test to the stand-in: void, edit, pay by hand, archive, lock, disconnect."""

import re
from collections.abc import Callable
from typing import Any

from provvypay.sandbox import fiat
from provvypay.sandbox.wishes import CannotDo
from provvypay.sandbox.xero import documents, invoices, organisations, payments, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, XeroError
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import XeroState

COUNTRIES = ("AU", "NZ", "US")


def tenant(state: XeroState, tenant_id: str) -> Tenant:
    """Return an organisation.

    :raises CannotDo: when there is none of this id
    """
    if not (found := state.tenants.get(tenant_id.lower())):
        raise CannotDo(f"There is no organisation {tenant_id}", 404)
    return found


def as_merchant(state: XeroState, owner: Tenant, act: Callable[[Call], Any]) -> Any:
    """Do something in the books as the merchant would, past tokens and limits. Hold the lock.

    :raises CannotDo: in Xero's words, when the books do not allow it
    """
    try:
        done = act(Call(state, owner, "POST", {}, b""))
    except Invalid as problem:
        raise CannotDo("; ".join(problem.messages), 409) from problem
    except XeroError as error:
        raise CannotDo(str(error), error.status) from error
    state.core.touch()
    return done


def void(state: XeroState, owner: Tenant, invoice_id: str) -> Row:
    """Void an invoice, or delete a draft; its payments are removed first, as the merchant would have to."""

    def act(call: Call) -> Row:
        row = invoices.find(owner, invoice_id)
        for payment in documents.payments_of(owner, row["InvoiceID"]):
            payments.save(call, {"PaymentID": payment["PaymentID"], "Status": "DELETED"})
        status = "DELETED" if row["Status"] in invoices.OPEN else "VOIDED"
        return invoices.save(call, {"InvoiceID": row["InvoiceID"], "Status": status})

    return dict(as_merchant(state, owner, act))


def edit(state: XeroState, owner: Tenant, invoice_id: str, changes: dict[str, Any]) -> Row:
    """Change an invoice: Reference, DueDate, Contact, LineItems, or UnitAmount and AccountCode of its first line."""

    def act(call: Call) -> Row:
        row = invoices.find(owner, invoice_id)
        given = {name: value for name, value in changes.items() if name not in {"UnitAmount", "AccountCode"}}
        if {"UnitAmount", "AccountCode"} & set(changes):
            first = {name: value for name, value in row["LineItems"][0].items() if name not in _WORKED_OUT}
            account = {"AccountCode": changes["AccountCode"]} if "AccountCode" in changes else {}
            amount = {"UnitAmount": changes["UnitAmount"]} if "UnitAmount" in changes else {}
            given["LineItems"] = [{**first, **amount, **account}, *row["LineItems"][1:]]
        return invoices.save(call, {**given, "InvoiceID": row["InvoiceID"]})

    return dict(as_merchant(state, owner, act))


_WORKED_OUT = {"TaxAmount", "LineAmount", "AccountID"}


def pay(state: XeroState, owner: Tenant, invoice_id: str, account: str = "090", amount: Any = None) -> Row:
    """Pay an invoice by hand, as a merchant does who matches the bank's line against it."""

    def act(call: Call) -> Row:
        row = invoices.find(owner, invoice_id)
        wanted = {"Invoice": {"InvoiceID": row["InvoiceID"]}, "Account": {"Code": account}, "Reference": "By hand"}
        return payments.save(call, {**wanted, "Amount": amount or row["AmountDue"]})

    return dict(as_merchant(state, owner, act))


def unpay(state: XeroState, owner: Tenant, payment_id: str) -> Row:
    """Remove a payment by hand."""
    return dict(
        as_merchant(state, owner, lambda call: payments.save(call, {"PaymentID": payment_id, "Status": "DELETED"}))
    )


def reconcile(state: XeroState, owner: Tenant, payment_id: str) -> Row:
    """Match a payment with the bank's line, after which nothing can delete it."""

    def act(call: Call) -> Row:
        row = payments.find(owner, payment_id)
        row.update(IsReconciled=True, UpdatedDateUTC=call.now)
        return payments.full(owner, row)

    return dict(as_merchant(state, owner, act))


def change_account(state: XeroState, owner: Tenant, account: str, wanted: dict[str, Any]) -> Row:
    """Archive or restore an account, or let payments be made to it or not.

    :param account: id or code
    :param wanted: Status (ACTIVE, ARCHIVED), EnablePaymentsToAccount, TaxType
    """
    found = owner.table("accounts").get(account.lower()) or owner.account(Code=account)
    if found is None:
        raise CannotDo(f"There is no account {account}", 404)
    _status(wanted)
    found.update(wanted, UpdatedDateUTC=state.core.clock.exact())
    state.core.touch()
    return wire.shown(found)


def change_tax_rate(state: XeroState, owner: Tenant, tax_type: str, wanted: dict[str, Any]) -> Row:
    """Archive or restore a tax rate."""
    if not (found := owner.table("tax_rates").get(tax_type)):
        raise CannotDo(f"There is no tax rate {tax_type}", 404)
    _status(wanted)
    found.update(wanted)
    state.core.touch()
    return wire.shown(found)


def _status(wanted: dict[str, Any]) -> None:
    if wanted.get("Status", "ACTIVE") not in {"ACTIVE", "ARCHIVED"}:
        raise CannotDo("Status must be ACTIVE or ARCHIVED")


def change_contact(state: XeroState, owner: Tenant, contact_id: str, wanted: dict[str, Any]) -> Row:
    """Archive, restore or rename a contact, or merge it into another one (MergedToContactID), which archives it."""
    rows = owner.table("contacts")
    if not (found := rows.get(contact_id.lower())):
        raise CannotDo(f"There is no contact {contact_id}", 404)
    if "ContactStatus" in wanted:
        _status({"Status": wanted["ContactStatus"]})
    if into := wanted.get("MergedToContactID"):
        if into not in rows or into == found["ContactID"]:
            raise CannotDo(f"There is no other contact {into}", 404)
        wanted = {**wanted, "ContactStatus": "ARCHIVED"}
        for table in ("invoices", "credit_notes", "bank_transactions", "overpayments"):
            for row in owner.table(table).values():
                row["_contact"] = into if row["_contact"] == found["ContactID"] else row["_contact"]
    found.update(wanted, UpdatedDateUTC=state.core.clock.exact())
    state.core.touch()
    return wire.shown(found)


def change_organisation(state: XeroState, owner: Tenant, wanted: dict[str, Any]) -> dict[str, Any]:
    """Set lock dates, tax registration, plan and whether the organisation is offline.

    :param wanted: period_lock_date, end_of_year_lock_date (YYYY-MM-DD or null), pays_tax, multicurrency, offline,
        approvals_left (a number or null), name
    """
    known = {"period_lock_date": "PeriodLockDate", "end_of_year_lock_date": "EndOfYearLockDate",
             "pays_tax": "PaysTax", "name": "Name"}  # fmt: skip
    own = {"multicurrency", "offline", "approvals_left"}
    if unknown := set(wanted) - set(known) - own:
        raise CannotDo(f"Unknown name {', '.join(sorted(unknown))}; there are {', '.join(sorted([*known, *own]))}")
    for name, value in wanted.items():
        if name.endswith("lock_date") and value is not None:
            _day(name, value)
    for name, value in wanted.items():
        if name in known:
            owner.organisation[known[name]] = value
        else:
            setattr(owner, name, value)
    state.core.touch()
    return shown(state, owner)


def _day(name: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise CannotDo(f"{name} must be a day such as 2026-06-30, or null")
    try:
        wire.day_of(value, name)
    except Invalid as problem:
        raise CannotDo(str(problem)) from problem


def change_currency(state: XeroState, owner: Tenant, code: str, *, enabled: bool) -> list[str]:
    """Let documents be written in a currency, or not; return the currencies there are."""
    if code.lower() not in fiat.PER_DOLLAR or code != code.upper():
        raise CannotDo(f"{code} is not a currency the sandbox knows")
    if code == owner.base and not enabled:
        raise CannotDo("The base currency cannot be taken away", 409)
    if enabled:
        organisations.enable_currency(owner, code)
        owner.multicurrency = True
    else:
        owner.table("currencies").pop(code, None)
    state.core.touch()
    return list(owner.table("currencies"))


def add_tenant(state: XeroState, name: str, country: str, currencies: list[str]) -> dict[str, Any]:
    """Make a further organisation."""
    if country not in COUNTRIES:
        raise CannotDo(f"country must be one of {', '.join(COUNTRIES)}")
    made = organisations.make(name, country, state.core.clock.exact(), currencies=tuple(currencies))
    if made.id in state.tenants:
        raise CannotDo(f"There is an organisation {name} already", 409)
    state.tenants[made.id] = made
    state.core.touch()
    return shown(state, made)


def empty(state: XeroState, owner: Tenant) -> dict[str, Any]:
    """Reset a demo company as Xero does every 28 days: its books are empty, nobody is connected."""
    name, country = str(owner.organisation["Name"]), str(owner.organisation["CountryCode"])
    currencies = tuple(code for code in owner.table("currencies") if code != owner.base)
    state.tenants[owner.id] = organisations.make(name, country, state.core.clock.exact(), currencies=currencies)
    disconnect(state, owner)
    return shown(state, state.tenants[owner.id])


def disconnect(state: XeroState, owner: Tenant) -> int:
    """Take the app's access away inside Xero: nothing is sent, tokens go on refreshing, calls answer 403."""
    gone = [name for name, row in state.connections.items() if row["tenantId"] == owner.id]
    for name in gone:
        del state.connections[name]
    state.core.touch()
    return len(gone)


def shown(state: XeroState, owner: Tenant) -> dict[str, Any]:
    """Return an organisation as the control door shows it."""
    return {
        "tenant_id": owner.id,
        "name": owner.organisation["Name"],
        "short_code": owner.organisation["ShortCode"],
        "base_currency": owner.base,
        "currencies": list(owner.table("currencies")),
        "pays_tax": owner.organisation["PaysTax"],
        "period_lock_date": owner.organisation.get("PeriodLockDate"),
        "end_of_year_lock_date": owner.organisation.get("EndOfYearLockDate"),
        "multicurrency": owner.multicurrency,
        "approvals_left": owner.approvals_left,
        "offline": owner.offline,
        "connected": any(row["tenantId"] == owner.id for row in state.connections.values()),
    }
