"""What a merchant chose for their books in Xero, what the chart allows, suggestions, and checks in words."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

RAILS = {"STRIPE": "Cards", "HEDERA": "Crypto", "MANUAL": "Marked as paid by hand"}
"""where money arrives: the provider of a payment, as a merchant calls it"""
CONTACTS = {"ONE": "One contact for all online sales", "EACH": "A contact for each customer"}
LOCKED = {"HOLD": "Hold it and ask me", "OPEN_DAY": "Book it on the first open day, and say so"}
ONLINE = "Online customers"
"""the name of the one contact"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The mapping of one company. Accounts of lines are codes, accounts of payments are ids, as Xero wants them."""

    sales_account: str
    sales_tax: str
    fee_account: str
    fee_tax: str
    difference_account: str = ""
    """for a shortfall within tolerance, and for rounding; the sales account unless chosen"""
    contacts: str = "ONE"
    locked: str = "HOLD"
    prefix: str = "PV"
    clearing: AnyMapping[str, str] = field(default_factory=dict)
    """`STRIPE:AUD` → account id"""

    def account_for(self, rail: str, currency: str) -> str:
        """Return the id of the account where money of a rail and currency arrives; empty when none was chosen."""
        return self.clearing.get(f"{rail}:{currency}", "")


def read(stored: AnyMapping[str, Any]) -> Chosen | None:
    """Return the mapping that is stored; None while nothing was chosen."""
    if not stored:
        return None
    known = {name: stored[name] for name in Chosen.__dataclass_fields__ if name in stored}
    return Chosen(**known)


def stored(chosen: Chosen) -> dict[str, Any]:
    """Return a mapping as it is stored."""
    return {name: getattr(chosen, name) for name in Chosen.__dataclass_fields__} | {"clearing": dict(chosen.clearing)}


# ---------------------------------------------------------------- what the chart offers


def _active(chart: AnyMapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in chart.get("accounts", []) if one["active"] and not one["system"]]


def sales_accounts(chart: AnyMapping[str, Any]) -> list[dict[str, Any]]:
    """Return accounts a sale can go to."""
    return [one for one in _active(chart) if one["class"] == "REVENUE" and one["code"]]


def fee_accounts(chart: AnyMapping[str, Any]) -> list[dict[str, Any]]:
    """Return accounts a fee can go to."""
    return [one for one in _active(chart) if one["class"] == "EXPENSE" and one["code"]]


def clearing_accounts(chart: AnyMapping[str, Any], currency: str) -> list[dict[str, Any]]:
    """Return accounts money of a currency can arrive in: bank accounts of it, or others that take payments."""
    base = chart.get("base_currency", "")
    return [
        one
        for one in _active(chart)
        if (one["type"] == "BANK" or one["payments"]) and (one["currency"] or base) == currency
    ]


def tax_rates(chart: AnyMapping[str, Any], side: str) -> list[dict[str, Any]]:
    """Return tax rates for `sales` or `expenses`."""
    return [one for one in chart.get("tax_rates", []) if one["active"] and one[side]]


def account(chart: AnyMapping[str, Any], *, code: str = "", account_id: str = "") -> dict[str, Any] | None:
    """Return an account by its code or its id, whatever its state."""
    return next(
        (
            one
            for one in chart.get("accounts", [])
            if (code and one["code"] == code) or (account_id and one["id"] == account_id)
        ),
        None,
    )


def suggest(chart: AnyMapping[str, Any]) -> Chosen:
    """Return what most merchants would choose: by name, else the first there is; nothing is invented."""
    sales = _by_name(sales_accounts(chart), ("sales",))
    fees = _by_name(fee_accounts(chart), ("payment processing", "merchant fee", "bank fee"))
    clearing = {}
    for currency in (chart.get("base_currency", ""), *chart.get("currencies", [])):
        found = clearing_accounts(chart, currency)
        # Never the merchant's real bank account by itself: a payout would then be counted twice.
        meant = next((one for one in found if "clearing" in one["name"].lower()), None)
        for rail in ("STRIPE", "HEDERA"):
            if meant and currency:
                clearing[f"{rail}:{currency}"] = meant["id"]
    return Chosen(
        sales_account=sales["code"] if sales else "",
        sales_tax=sales["tax_type"] if sales else "",
        fee_account=fees["code"] if fees else "",
        fee_tax=fees["tax_type"] if fees else "",
        clearing=clearing,
    )


def _by_name(rows: list[dict[str, Any]], words: tuple[str, ...]) -> dict[str, Any] | None:
    for word in words:
        for row in rows:
            if word in row["name"].lower():
                return row
    return rows[0] if rows else None


# ---------------------------------------------------------------- what would fail, in words


def problems(chart: AnyMapping[str, Any], chosen: Chosen) -> dict[str, str]:
    """Return what would fail: field → sentence. Empty when everything that is chosen can be used."""
    found: dict[str, str] = {}
    _check_line(chart, found, ("sales_account", chosen.sales_account), ("sales_tax", chosen.sales_tax), "sales")
    _check_line(chart, found, ("fee_account", chosen.fee_account), ("fee_tax", chosen.fee_tax), "expenses")
    if chosen.difference_account and not _usable(account(chart, code=chosen.difference_account)):
        found["difference_account"] = "This account is archived or gone. Choose another."
    if not chosen.clearing:
        found["clearing"] = "Choose at least one account where money arrives."
    for key, account_id in chosen.clearing.items():
        currency = key.partition(":")[2]
        one = account(chart, account_id=account_id)
        name = f"clearing_{key.replace(':', '_')}"
        if not _usable(one):
            found[name] = "This account is archived or gone. Choose another."
        elif one and one["type"] != "BANK" and not one["payments"]:
            found[name] = f"{one['name']} takes no payments. Allow payments to it in Xero, or choose another."
        elif currency != chart.get("base_currency") and currency not in chart.get("currencies", []):
            found[name] = f"{currency} is not one of the company’s currencies. Add it in Xero first."
    return found


def _check_line(
    chart: AnyMapping[str, Any], found: dict[str, str], of: tuple[str, str], tax: tuple[str, str], side: str
) -> None:
    one = account(chart, code=of[1])
    if not of[1]:
        found[of[0]] = "Choose an account."
    elif not _usable(one):
        found[of[0]] = "This account is archived or gone. Choose another."
    if not chart.get("pays_tax", True):
        return
    rate = next((row for row in chart.get("tax_rates", []) if row["type"] == tax[1]), None)
    if rate is None or not rate["active"]:
        found[tax[0]] = "Choose a tax rate."
    elif not rate[side]:
        found[tax[0]] = f"{rate['name']} cannot be used for {side}. Choose another."


def _usable(one: AnyMapping[str, Any] | None) -> bool:
    return one is not None and bool(one["active"])


def tax_in(chart: AnyMapping[str, Any], tax_type: str, amount_minor: int) -> int:
    """Return how much of an amount is tax at a rate, as Xero works it out: inside the amount, half up."""
    rate = next((Decimal(row["rate"]) for row in chart.get("tax_rates", []) if row["type"] == tax_type), Decimal(0))
    if not chart.get("pays_tax", True) or not rate:
        return 0
    parts = int(rate * 10_000)  # of a million: Xero's rates have four digits after the point
    whole = 1_000_000 + parts
    return (2 * amount_minor * parts + whole) // (2 * whole)
