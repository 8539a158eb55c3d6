"""The organisations of the stand-in: made with a believable chart, tax rates, currencies and books that are empty."""

import copy
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Any

from provvypay.sandbox.xero import chart

TABLES = (
    "accounts",
    "tax_rates",
    "currencies",
    "contacts",
    "invoices",
    "credit_notes",
    "payments",
    "bank_transactions",
    "overpayments",
    "manual_journals",
    "items",
    "tracking_categories",
    "branding_themes",
    "history",
)
DEMO_COMPANIES = (
    ("Harbour Street Joinery (AU)", "AU", ("USD", "EUR", "NZD")),
    ("Lakeside Studio (US)", "US", ()),
)
_NAMES = uuid.UUID("6f0e8a52-9d3c-4b7e-8f61-5a4db0c00001")
Row = dict[str, Any]


@dataclass
class Tenant:
    """One organisation: what Xero says of it, its tables, and what a person has switched."""

    id: str
    organisation: Row
    created: float
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in TABLES})
    numbers: dict[str, int] = field(default_factory=dict)
    """Counters for documents that were given no number."""
    multicurrency: bool = True
    """Whether the plan knows more than the base currency."""
    approvals_left: int | None = None
    """How many more sales invoices the plan lets be approved; None: any number."""
    offline: bool = False

    @property
    def base(self) -> str:
        """Return the currency the books are kept in."""
        return str(self.organisation["BaseCurrency"])

    def table(self, name: str) -> dict[str, Row]:
        """Return one table, by id in the order in which its rows were made."""
        return self.tables[name]

    def account(self, **wanted: Any) -> Row | None:
        """Return the account that has these values, such as Code="200"."""
        accounts = self.tables["accounts"].values()
        return next((row for row in accounts if all(row.get(name) == value for name, value in wanted.items())), None)

    def copied(self) -> tuple[Any, ...]:
        """Return what `restore` needs to undo everything that comes after."""
        return copy.deepcopy((self.tables, self.numbers, self.approvals_left))

    def restore(self, before: tuple[Any, ...]) -> None:
        """Undo everything since `copied`."""
        self.tables, self.numbers, self.approvals_left = before


def demo_companies(now: float) -> list[Tenant]:
    """Return the two companies every sandbox begins with: an Australian one with currencies, a plain American one."""
    return [make(name, country, now, currencies=currencies) for name, country, currencies in DEMO_COMPANIES]


def make(
    name: str, country: str, now: float, *, currencies: tuple[str, ...] = (), pays_tax: bool = True, demo: bool = True
) -> Tenant:
    """Return a new organisation; its ids depend on its name alone, so that a reset brings the same ones back.

    :param country: AU, NZ or US, which decides base currency, tax rates and time zone
    :param currencies: what may be used beside the base currency; none: the plan knows none
    """
    tenant_id = _id(name)
    local = chart.COUNTRIES[country]
    tenant = Tenant(tenant_id, _organisation(name, country, now, pays_tax=pays_tax, demo=demo), now)
    tenant.multicurrency = bool(currencies)
    for code in (local.currency, *currencies):
        enable_currency(tenant, code)
    for kind, title, rate, side in local.rates:
        if pays_tax or rate == "0":
            _put(tenant, "tax_rates", kind, _tax_rate(kind, title, rate, side))
    for code, title, kind, use, special in chart.ACCOUNTS:
        add_account(tenant, code, title, kind, now, tax_type=_tax_type(local, use, pays_tax=pays_tax), special=special)
    banks = [*chart.BANKS, *(bank for bank in chart.FOREIGN_BANKS if bank[2] in currencies)]
    for code, title, currency, number in banks:
        row = add_account(tenant, code, title, "BANK", now, tax_type=_tax_type(local, "outside", pays_tax=pays_tax))
        row.update(BankAccountNumber=number, BankAccountType="BANK", CurrencyCode=currency or local.currency)
    _put(tenant, "branding_themes", "standard", {
        "BrandingThemeID": _id(name, "theme", "standard"), "Name": "Standard", "SortOrder": 0, "CreatedDateUTC": now,
    })  # fmt: skip
    _add_region(tenant, name)
    return tenant


def enable_currency(tenant: Tenant, code: str) -> None:
    """Let documents be written in a currency."""
    _put(tenant, "currencies", code, {"Code": code, "Description": chart.CURRENCY_NAMES.get(code, code)})


def add_account(
    tenant: Tenant, code: str, name: str, kind: str, now: float, *, tax_type: str = "NONE", special: str = ""
) -> Row:
    """Add an account to the chart and return it.

    :param special: `p` when payments may be made to it, or the name of a system account
    """
    row = {
        "AccountID": _id(tenant.id, "account", code),
        "Code": code,
        "Name": name,
        "Status": "ACTIVE",
        "Type": kind,
        "TaxType": tax_type,
        "Class": chart.CLASSES[kind],
        "SystemAccount": special if special not in {"", "p"} else None,
        "EnablePaymentsToAccount": special == "p",
        "ShowInExpenseClaims": False,
        "BankAccountType": "",
        "ReportingCode": {"ASSET": "ASS", "LIABILITY": "LIA", "EQUITY": "EQU", "REVENUE": "REV", "EXPENSE": "EXP"}[
            chart.CLASSES[kind]
        ],
        "HasAttachments": False,
        "UpdatedDateUTC": now,
        "AddToWatchlist": False,
    }
    return _put(tenant, "accounts", str(row["AccountID"]), row)


def _organisation(name: str, country: str, now: float, *, pays_tax: bool, demo: bool) -> Row:
    tenant_id = _id(name)
    local = chart.COUNTRIES[country]
    return {
        "OrganisationID": tenant_id,
        "Name": name,
        "LegalName": name,
        "PaysTax": pays_tax,
        "Version": local.version,
        "OrganisationType": "COMPANY",
        "OrganisationEntityType": "COMPANY",
        "BaseCurrency": local.currency,
        "CountryCode": country,
        "IsDemoCompany": demo,
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": 30 if country == "AU" else 31,
        "FinancialYearEndMonth": {"AU": 6, "NZ": 3}.get(country, 12),
        "SalesTaxBasis": "ACCRUALS" if pays_tax else "NONE",
        "SalesTaxPeriod": "QUARTERLY" if pays_tax else "NONE",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "PeriodLockDate": None,
        "EndOfYearLockDate": None,
        "CreatedDateUTC": now,
        "Timezone": local.timezone,
        "ShortCode": f"!{zlib.crc32(tenant_id.encode()) % 16**5:05X}",
        "Class": "DEMO" if demo else "PREMIUM",
        "Edition": "BUSINESS",
        "LineOfBusiness": "Trades",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
    }


def _tax_rate(kind: str, title: str, rate: str, side: str) -> Row:
    expenses, sales = side in {"expense", "both"}, side in {"sale", "both"}
    return {
        "Name": title,
        "TaxType": kind,
        "ReportTaxType": kind,
        "CanApplyToAssets": True,
        "CanApplyToEquity": True,
        "CanApplyToExpenses": expenses,
        "CanApplyToLiabilities": True,
        "CanApplyToRevenue": sales,
        "DisplayTaxRate": chart.percent(rate),
        "EffectiveRate": chart.percent(rate),
        "Status": "ACTIVE",
        "TaxComponents": [{"Name": title, "Rate": chart.percent(rate), "IsCompound": False, "IsNonRecoverable": False}],
    }


def _tax_type(local: chart.Country, use: str, *, pays_tax: bool) -> str:
    return str(getattr(local, use)) if pays_tax else local.outside


def _add_region(tenant: Tenant, name: str) -> None:
    category = _id(name, "tracking", "Region")
    options = [
        {"TrackingOptionID": _id(name, "option", place), "Name": place, "Status": "ACTIVE",
         "TrackingCategoryID": category}
        for place in ("North", "South")
    ]  # fmt: skip
    row = {"TrackingCategoryID": category, "Name": "Region", "Status": "ACTIVE", "Options": options}
    _put(tenant, "tracking_categories", category, row)


def _put(tenant: Tenant, table: str, key: str, row: Row) -> Row:
    tenant.tables[table][key] = row
    return row


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMES, "/".join(parts)))
