"""Contacts: found by ContactID, ContactNumber or Name, in this order, and overwritten by what is sent along."""

import re
from dataclasses import dataclass
from typing import Any

from provvypay.sandbox.xero import listing, wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, not_found
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

PLAIN = ("ContactNumber", "AccountNumber", "Name", "FirstName", "LastName", "EmailAddress", "CompanyNumber",
         "TaxNumber", "DefaultCurrency", "Addresses", "Phones", "ContactPersons", "BankAccountDetails",
         "AccountsReceivableTaxType", "AccountsPayableTaxType", "ContactStatus")  # fmt: skip
FILTERS = {"ids": "ContactID"}
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_LONGEST = {"ContactNumber": 50, "AccountNumber": 50}
ARCHIVED = (
    "The contact with the specified contact details has been archived. The contact must be un-archived before creating "
    "new invoices or credit notes."
)
TAKEN = (
    "The contact name {} is already assigned to another contact. "
    "The contact name must be unique across all active contacts."
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A contact a document asks for, checked, not yet stored."""

    found: Row | None
    fields: Row

    def store(self, call: Call) -> Row:
        """Store what was sent along, or the new contact, and return the contact."""
        if self.found is None:
            row: Row = {
                "ContactID": new_id(), "ContactStatus": "ACTIVE", "Addresses": [], "Phones": [], "ContactPersons": [],
                "ContactGroups": [], "IsSupplier": False, "IsCustomer": False, "HasAttachments": False,
                **self.fields, "UpdatedDateUTC": call.now,
            }  # fmt: skip
            call.tenant.table("contacts")[row["ContactID"]] = row
            return row
        if any(self.found.get(name) != value for name, value in self.fields.items()):
            self.found.update(self.fields, UpdatedDateUTC=call.now)
        return self.found


def choose(call: Call, given: Any) -> Chosen:
    """Return the contact a document names.

    :raises Invalid: when it is none, archived, or its name belongs to another one
    """
    if not isinstance(given, dict) or not any(given.get(name) for name in ("ContactID", "ContactNumber", "Name")):
        raise Invalid("A Contact must be specified for this type of transaction")
    fields = _fields(given)
    contacts = call.tenant.table("contacts")
    found = _match(call.tenant, given)
    if found is not None and found["ContactStatus"] == "ARCHIVED":
        raise Invalid(ARCHIVED)
    if found is None and not fields.get("Name"):
        raise Invalid("The contact name must be specified")
    name = fields.get("Name")
    holder = next(
        (row for row in contacts.values() if _same_name(row, name) and row["ContactStatus"] == "ACTIVE"), None
    )
    if name and holder is not None and holder is not found:
        raise Invalid(TAKEN.format(name))
    return Chosen(found, fields)


def _match(tenant: Tenant, given: Row) -> Row | None:
    """Return the contact by id, else by number, else by name.

    :raises Invalid: for an id nobody has
    """
    contacts = tenant.table("contacts")
    if contact_id := given.get("ContactID"):
        if not (found := contacts.get(str(contact_id).lower())):
            raise Invalid("The contact id could not be found")
        return found
    if contact_number := given.get("ContactNumber"):
        return next((row for row in contacts.values() if row.get("ContactNumber") == contact_number), None)
    named = [row for row in contacts.values() if _same_name(row, given.get("Name"))]
    return next((row for row in named if row["ContactStatus"] == "ACTIVE"), named[0] if named else None)


def _same_name(row: Row, name: Any) -> bool:
    return bool(name) and str(row["Name"]).casefold() == str(name).casefold()


def _fields(given: Row) -> Row:
    """Return the fields to store, checked.

    :raises Invalid: for the first that cannot be
    """
    fields = {name: given[name] for name in PLAIN if given.get(name) is not None}
    for key, value in fields.items():
        if isinstance(value, str) and len(value) > _LONGEST.get(key, 255):
            raise Invalid(f"The {key} field exceeds its maximum length of {_LONGEST.get(key, 255)}")
    name: Any = fields.get("Name")
    if name is not None and (
        not isinstance(name, str) or set("<>") & set(name) or "  " in name or name != name.strip()
    ):
        raise Invalid("The contact name contains invalid characters")
    address = fields.get("EmailAddress")
    if address and not _EMAIL.fullmatch(str(address)):
        raise Invalid("Email address must be valid.")
    return fields


def brief(row: Row) -> Row:
    """Return a contact as documents show it."""
    names = ("ContactID", "ContactNumber", "ContactStatus", "Name", "EmailAddress")
    return {name: row[name] for name in names if row.get(name)} | {"HasValidationErrors": False}


def full(row: Row) -> Row:
    return {**wire.shown(row), "HasValidationErrors": False}


def save(call: Call, given: Row) -> Row:
    """Create a contact, or with POST change the one that is meant.

    :raises Invalid: when it cannot be; with PUT also when its name or number is taken
    """
    picked = choose(call, given)
    if call.method == "PUT" and picked.found is not None:
        if given.get("ContactNumber") == picked.found.get("ContactNumber") and given.get("ContactNumber"):
            raise Invalid("The Contact Number is already assigned to another contact")
        raise Invalid(TAKEN.format(picked.found["Name"]))
    return full(picked.store(call))


def write(call: Call, contact_id: str = "") -> dict[str, Any]:
    """Answer PUT and POST /Contacts, and POST /Contacts/{id}."""
    if contact_id:
        find(call.tenant, contact_id)
        return call.save_all("Contacts", "ContactID", lambda c, row: save(c, {**row, "ContactID": contact_id}))
    return call.save_all("Contacts", "ContactID", save)


def find(tenant: Tenant, contact_id: str) -> Row:
    """Return a contact by id, or by number.

    :raises XeroError: 404
    """
    rows = tenant.table("contacts")
    found = rows.get(contact_id.lower()) or next(
        (row for row in rows.values() if row.get("ContactNumber") == contact_id), None
    )
    if found is None:
        raise not_found()
    return found


def read(call: Call, contact_id: str) -> dict[str, Any]:
    """Answer GET /Contacts/{id}."""
    return {"Contacts": [full(find(call.tenant, contact_id))]}


def listed(call: Call) -> dict[str, Any]:
    """Answer GET /Contacts; archived ones only when asked for."""
    rows = list(call.tenant.table("contacts").values())
    if call.args.get("includearchived", "").lower() != "true":
        rows = [row for row in rows if row["ContactStatus"] == "ACTIVE"]
    if term := call.args.get("searchterm", "").casefold():
        searched = ("Name", "FirstName", "LastName", "ContactNumber", "EmailAddress")
        rows = [row for row in rows if any(term in str(row.get(name, "")).casefold() for name in searched)]
    page, head = listing.paged(call, listing.chosen(call, rows, FILTERS))
    return {**head, "Contacts": [full(row) for row in page]}
