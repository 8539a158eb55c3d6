"""Line items: their account and tax checked, their tax worked out line by line, half up, and then added up.

Reference: Xero's rounding guide, checked 2026-11-22: 25.06, 25.61 and 25.63 at 15 % give 11.44 of tax, not 11.45.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import wire
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import new_id

KINDS = ("Exclusive", "Inclusive", "NoTax")
LONGEST_DESCRIPTION = 4000
ZERO, HUNDRED = Decimal("0.00"), Decimal(100)
ARCHIVED = "Account code '{}' has been archived, or has been deleted. Each line item must reference a valid account."
NOT_VALID = "Account code '{}' is not a valid code for this document."
SIDES = {"ASSET": "Assets", "EQUITY": "Equity", "EXPENSE": "Expenses", "LIABILITY": "Liabilities", "REVENUE": "Revenue"}


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a document with what they add up to."""

    rows: list[Row]
    kind: str
    sub_total: Decimal
    total_tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.sub_total + self.total_tax

    def fields(self) -> Row:
        """Return the fields of the document."""
        return {
            "LineAmountTypes": self.kind,
            "LineItems": self.rows,
            "SubTotal": self.sub_total,
            "TotalTax": self.total_tax,
            "Total": self.total,
        }


def read(call: Call, given: Row, *, default_kind: str, complete: bool, accounts: bool = True) -> Lines:
    """Return a document's lines, checked and added up.

    :param complete: whether the document is approved, so that nothing may be missing
    :param accounts: False for overpayments, whose lines have none
    :raises Invalid: with everything that is wrong with them
    """
    kind = next(
        (name for name in KINDS if name.lower() == str(given.get("LineAmountTypes") or default_kind).lower()), ""
    )
    if not kind:
        raise Invalid("LineAmountTypes is not valid")
    sent = given.get("LineItems") or []
    if not isinstance(sent, list) or not all(isinstance(row, dict) for row in sent):
        raise Invalid("LineItems is not valid")
    if not sent and complete:
        raise Invalid("One or more line items must be specified")
    problems: list[str] = []
    rows: list[Row] = []
    for row in sent:
        try:
            rows.append(_line(call, row, kind, complete=complete, accounts=accounts))
        except Invalid as problem:
            problems += problem.messages
    if problems:
        raise Invalid(*dict.fromkeys(problems))
    tax = sum((row["TaxAmount"] for row in rows), ZERO)
    amount = sum((row["LineAmount"] for row in rows), ZERO)
    return Lines(rows, kind, amount - tax if kind == "Inclusive" else amount, tax)


def _line(call: Call, given: Row, kind: str, *, complete: bool, accounts: bool) -> Row:
    description = given.get("Description")
    if complete and not description:
        raise Invalid("Description is required for each line item of an approved document")
    if description is not None and len(str(description)) > LONGEST_DESCRIPTION:
        raise Invalid("Description must be at most 4000 characters")
    quantity, unit, amount = _amounts(call, given, complete=complete)
    account = _account(call.tenant, given, complete=complete) if accounts else None
    tax_type, percent = _tax(call.tenant, given, account, kind)
    row: Row = {
        "Description": description, "UnitAmount": unit, "TaxType": tax_type,
        "TaxAmount": _tax_amount(given, amount, percent, kind), "LineAmount": amount,
        "AccountCode": account.get("Code") if account else None, "AccountID": account["AccountID"] if account else None,
        "ItemCode": given.get("ItemCode"), "Tracking": _tracking(call.tenant, given.get("Tracking")),
        "Quantity": quantity, "LineItemID": given.get("LineItemID") or new_id(),
        "DiscountRate": wire.number(given["DiscountRate"], "DiscountRate") if given.get("DiscountRate") else None,
    }  # fmt: skip
    return {name: value for name, value in row.items() if value is not None}


def _amounts(call: Call, given: Row, *, complete: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Return quantity, unit amount and line amount."""
    if complete and given.get("UnitAmount") is None and given.get("LineAmount") is None:
        raise Invalid("UnitAmount is required for each line item of an approved document")
    quantity = wire.number(1 if given.get("Quantity") is None else given["Quantity"], "Quantity")
    quantity = quantity.quantize(wire.FOUR_PLACES)
    places = wire.FOUR_PLACES if call.args.get("unitdp") == "4" else wire.CENT
    sent = given.get("UnitAmount")
    if sent is None:
        total = wire.number(given.get("LineAmount") or 0, "LineAmount")
        sent = total / quantity if quantity else ZERO
    unit = wire.number(sent, "UnitAmount").quantize(places, "ROUND_HALF_UP")
    discount = wire.number(given.get("DiscountRate") or 0, "DiscountRate")
    amount = wire.cents(quantity * unit * (1 - discount / HUNDRED))
    if given.get("LineAmount") is not None and wire.cents(wire.number(given["LineAmount"], "LineAmount")) != amount:
        raise Invalid(f"The line total {given['LineAmount']} does not match the expected line total {amount}")
    return quantity, unit, amount


def _account(tenant: Tenant, given: Row, *, complete: bool) -> Row | None:
    code, account_id = given.get("AccountCode"), given.get("AccountID")
    if not code and not account_id:
        if complete:
            raise Invalid("Account code must be specified for each line item of an approved document")
        return None
    found = tenant.account(AccountID=str(account_id).lower()) if account_id else tenant.account(Code=str(code))
    named = code or account_id
    if found is None:
        raise Invalid(NOT_VALID.format(named))
    if found["Status"] != "ACTIVE":
        raise Invalid(ARCHIVED.format(named))
    if found["Type"] == "BANK" or found["SystemAccount"] not in {None, "ROUNDING"}:
        raise Invalid(NOT_VALID.format(named))
    return found


def _tax(tenant: Tenant, given: Row, account: Row | None, kind: str) -> tuple[str, Decimal]:
    """Return the tax type and its percentage."""
    none = "NONE" if "NONE" in tenant.table("tax_rates") else "BASEXCLUDED"
    if kind == "NoTax":
        return "NONE", ZERO
    registered = tenant.organisation["PaysTax"]
    usual = account["TaxType"] if account and registered else none
    tax_type = str(given.get("TaxType") or usual)
    if tax_type == "NONE" and none != "NONE":
        return "NONE", ZERO
    found = tenant.table("tax_rates").get(tax_type)
    fits = found and found["Status"] == "ACTIVE" and (not account or found[f"CanApplyTo{SIDES[account['Class']]}"])
    if not found or not fits or (found["EffectiveRate"] > 0 and not registered):
        code = account["Code"] if account else ""
        raise Invalid(f"The TaxType code '{tax_type}' cannot be used with account code '{code}'.")
    return tax_type, Decimal(found["EffectiveRate"])


def _tax_amount(given: Row, amount: Decimal, percent: Decimal, kind: str) -> Decimal:
    if kind == "NoTax":
        return ZERO
    if given.get("TaxAmount") is not None:
        return wire.cents(wire.number(given["TaxAmount"], "TaxAmount"))
    return wire.cents(amount * percent / (HUNDRED + percent if kind == "Inclusive" else HUNDRED))


def _tracking(tenant: Tenant, given: Any) -> list[Row]:
    """Return the tracking of a line: at most two categories, which exist and are active.

    :raises Invalid: for others
    """
    if not given:
        return []
    if not isinstance(given, list) or len(given) > 2:
        raise Invalid("A maximum of two tracking categories can be specified")
    found: list[Row] = []
    for wanted in given:
        categories = tenant.table("tracking_categories").values()
        category = next(
            (row for row in categories if row["Name"] == wanted.get("Name") and row["Status"] == "ACTIVE"), {}
        )
        option = next((row for row in category.get("Options", []) if row["Name"] == wanted.get("Option")), None)
        if option is None:
            raise Invalid(f"The tracking option {wanted.get('Option')} could not be found")
        found.append({
            "Name": category["Name"], "Option": option["Name"], "TrackingCategoryID": category["TrackingCategoryID"],
            "TrackingOptionID": option["TrackingOptionID"],
        })  # fmt: skip
    return found
