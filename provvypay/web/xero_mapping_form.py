"""The form in which a merchant chooses what goes where in Xero."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from provvypay.domain import xero_mapping
from provvypay.domain.xero_mapping import CONTACTS, LOCKED, RAILS, Chosen
from provvypay.services.xero.connections import Connection
from provvypay.web.forms import Fields, FormState

PLAIN = ("sales_account", "sales_tax", "fee_account", "fee_tax", "difference_account", "contacts", "locked", "prefix")
Options = list[tuple[str, str]]


def currencies(chart: Mapping[str, Any]) -> list[str]:
    """Return the company's currencies, its own first."""
    return list(dict.fromkeys([chart.get("base_currency", ""), *chart.get("currencies", [])]))


def clearing_fields(chart: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a field for each rail and currency that has accounts to choose from."""
    found = []
    for rail, text in RAILS.items():
        for currency in currencies(chart):
            options = xero_mapping.clearing_accounts(chart, currency)
            if options:
                found.append(
                    {
                        "name": f"clearing_{rail}_{currency}",
                        "key": f"{rail}:{currency}",
                        "label": f"{text} in {currency}",
                        "options": [("", "Not chosen"), *((one["id"], _account(one)) for one in options)],
                    }
                )
    return found


def options(chart: Mapping[str, Any]) -> dict[str, Options]:
    """Return what each field offers."""

    def accounts(rows: list[dict[str, Any]]) -> Options:
        return [("", "Choose an account"), *((one["code"], _account(one)) for one in rows)]

    def rates(side: str) -> Options:
        rows = xero_mapping.tax_rates(chart, side)
        return [("", "Choose a tax rate"), *((one["type"], f"{one['name']}, {one['rate']} %") for one in rows)]

    sales, fees = xero_mapping.sales_accounts(chart), xero_mapping.fee_accounts(chart)
    return {
        "sales_account": accounts(sales),
        "sales_tax": rates("sales"),
        "fee_account": accounts(fees),
        "fee_tax": rates("expenses"),
        "difference_account": [("", "The sales account"), *accounts([*fees, *sales])[1:]],
        "contacts": list(CONTACTS.items()),
        "locked": list(LOCKED.items()),
    }


def state(connection: Connection) -> FormState:
    """Return the form with what was chosen, or with what we suggest."""
    chosen = xero_mapping.read(connection.mapping) or xero_mapping.suggest(connection.chart)
    values = {name: str(getattr(chosen, name)) for name in PLAIN} | {"version": str(connection.mapping_version)}
    values |= {f"clearing_{key.replace(':', '_')}": one for key, one in chosen.clearing.items()}
    wrong = xero_mapping.problems(connection.chart, chosen) if connection.is_mapped else {}
    return FormState(values, _shown(wrong, connection.chart))


def read(fields: Fields, chart: Mapping[str, Any]) -> Chosen:
    """Return what was chosen; what cannot be used is noted with its field."""
    prefix = fields.text("prefix", "Enter a few letters.", most=12).upper()
    if prefix and not re.fullmatch(r"[A-Z0-9]{1,12}", prefix):
        fields.refuse("prefix", "Use letters and digits only.")
    clearing = {one["key"]: value for one in clearing_fields(chart) if (value := fields.raw(one["name"]))}
    chosen = Chosen(
        sales_account=fields.raw("sales_account"),
        sales_tax=fields.raw("sales_tax"),
        fee_account=fields.raw("fee_account"),
        fee_tax=fields.raw("fee_tax"),
        difference_account=fields.raw("difference_account"),
        contacts=fields.raw("contacts") if fields.raw("contacts") in CONTACTS else "ONE",
        locked=fields.raw("locked") if fields.raw("locked") in LOCKED else "HOLD",
        prefix=prefix,
        clearing=clearing,
    )
    for name, sentence in _shown(xero_mapping.problems(chart, chosen), chart).items():
        fields.refuse(name, sentence)
    return chosen


def _shown(wrong: dict[str, str], chart: Mapping[str, Any]) -> dict[str, str]:
    """Return problems by fields that the form has."""
    first = next((one["name"] for one in clearing_fields(chart)), "sales_account")
    known = {*PLAIN, *(one["name"] for one in clearing_fields(chart))}
    return {name if name in known else first: sentence for name, sentence in wrong.items()}


def kept(chart: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names whose typed values come back with a refused form."""
    return (*PLAIN, "version", *(one["name"] for one in clearing_fields(chart)))


def _account(one: Mapping[str, Any]) -> str:
    bank = "" if one["type"] == "BANK" or one["class"] in {"REVENUE", "EXPENSE"} else ", no bank account"
    return f"{one['code']} {one['name']}{bank}".strip()
