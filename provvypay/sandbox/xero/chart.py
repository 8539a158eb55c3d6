"""Charts of accounts, tax rates and currencies as Xero's demo companies have them, by country."""

from dataclasses import dataclass
from decimal import Decimal

CLASSES = {
    "BANK": "ASSET", "CURRENT": "ASSET", "FIXED": "ASSET", "INVENTORY": "ASSET", "PREPAYMENT": "ASSET",
    "CURRLIAB": "LIABILITY", "TERMLIAB": "LIABILITY", "LIABILITY": "LIABILITY",
    "EQUITY": "EQUITY",
    "REVENUE": "REVENUE", "SALES": "REVENUE", "OTHERINCOME": "REVENUE",
    "EXPENSE": "EXPENSE", "OVERHEADS": "EXPENSE", "DIRECTCOSTS": "EXPENSE", "DEPRECIATN": "EXPENSE",
}  # fmt: skip
CURRENCY_NAMES = {
    "AUD": "Australian Dollar", "USD": "United States Dollar", "EUR": "Euro", "NZD": "New Zealand Dollar",
    "GBP": "British Pound", "CAD": "Canadian Dollar", "JPY": "Japanese Yen", "SGD": "Singapore Dollar",
    "CHF": "Swiss Franc", "HKD": "Hong Kong Dollar", "INR": "Indian Rupee",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Country:
    """What differs from country to country. Tax types by their use, rates as (type, name, percent, side)."""

    currency: str
    timezone: str
    version: str
    sale: str
    expense: str
    free_sale: str
    free_expense: str
    outside: str
    rates: tuple[tuple[str, str, str, str], ...]


COUNTRIES = {
    "AU": Country(
        "AUD", "AUSEASTERNSTANDARDTIME", "AU", "OUTPUT", "INPUT", "EXEMPTOUTPUT", "EXEMPTEXPENSES", "BASEXCLUDED",
        (
            ("BASEXCLUDED", "BAS Excluded", "0", "both"),
            ("EXEMPTEXPENSES", "GST Free Expenses", "0", "expense"),
            ("EXEMPTOUTPUT", "GST Free Income", "0", "sale"),
            ("GSTONIMPORTS", "GST on Imports", "0", "expense"),
            ("INPUT", "GST on Expenses", "10", "expense"),
            ("OUTPUT", "GST on Income", "10", "sale"),
        ),
    ),
    "NZ": Country(
        "NZD", "NEWZEALANDSTANDARDTIME", "NZ", "OUTPUT2", "INPUT2", "ZERORATED", "NONE", "NONE",
        (
            ("GSTONIMPORTS", "GST on Imports", "0", "expense"),
            ("INPUT2", "15% GST on Expenses", "15", "expense"),
            ("NONE", "No GST", "0", "both"),
            ("OUTPUT2", "15% GST on Income", "15", "sale"),
            ("ZERORATED", "Zero Rated", "0", "sale"),
        ),
    ),
    "US": Country(
        "USD", "EASTERNSTANDARDTIME", "US", "OUTPUT", "INPUT", "NONE", "NONE", "NONE",
        (
            ("GSTONIMPORTS", "Sales Tax on Imports", "0", "expense"),
            ("INPUT", "Tax on Purchases", "8.25", "expense"),
            ("NONE", "Tax Exempt", "0", "both"),
            ("OUTPUT", "Tax on Sales", "8.25", "sale"),
        ),
    ),
}  # fmt: skip

ACCOUNTS: tuple[tuple[str, str, str, str, str], ...] = (
    # code, name, type, use of tax, what is special: p = payments may be made to it, else a system account
    ("200", "Sales", "REVENUE", "sale", ""),
    ("205", "Service Fees", "REVENUE", "sale", ""),
    ("260", "Other Revenue", "REVENUE", "sale", ""),
    ("270", "Interest Income", "REVENUE", "free_sale", ""),
    ("310", "Cost of Goods Sold", "DIRECTCOSTS", "expense", ""),
    ("400", "Advertising", "EXPENSE", "expense", ""),
    ("404", "Bank Fees", "EXPENSE", "free_expense", ""),
    ("405", "Payment Processing Fees", "EXPENSE", "free_expense", ""),
    ("412", "Consulting & Accounting", "EXPENSE", "expense", ""),
    ("429", "General Expenses", "EXPENSE", "expense", ""),
    ("453", "Office Expenses", "EXPENSE", "expense", ""),
    ("489", "Telephone & Internet", "EXPENSE", "expense", ""),
    ("497", "Bank Revaluations", "EXPENSE", "outside", "BANKCURRENCYGAIN"),
    ("498", "Unrealised Currency Gains", "EXPENSE", "outside", "UNREALISEDCURRENCYGAIN"),
    ("499", "Realised Currency Gains", "EXPENSE", "outside", "REALISEDCURRENCYGAIN"),
    ("610", "Accounts Receivable", "CURRENT", "outside", "DEBTORS"),
    ("612", "Payment Processor Balance", "CURRENT", "outside", "p"),
    ("620", "Prepayments", "CURRENT", "outside", ""),
    ("710", "Office Equipment", "FIXED", "expense", ""),
    ("800", "Accounts Payable", "CURRLIAB", "outside", "CREDITORS"),
    ("820", "Sales Tax", "CURRLIAB", "outside", "GST"),
    ("840", "Historical Adjustment", "CURRLIAB", "outside", "HISTORICAL"),
    ("850", "Suspense", "CURRLIAB", "outside", ""),
    ("855", "Customer Deposits", "CURRLIAB", "outside", "p"),
    ("860", "Rounding", "CURRLIAB", "outside", "ROUNDING"),
    ("877", "Tracking Transfers", "CURRLIAB", "outside", "TRACKINGTRANSFERS"),
    ("880", "Owner Drawings", "EQUITY", "outside", "p"),
    ("960", "Retained Earnings", "EQUITY", "outside", "RETAINEDEARNINGS"),
)
BANKS: tuple[tuple[str, str, str, str], ...] = (
    # code, name, currency or "" for the base currency, number
    ("090", "Business Bank Account", "", "062000 10203040"),
    ("091", "Online Payments Clearing", "", "062000 10203041"),
)
FOREIGN_BANKS: tuple[tuple[str, str, str, str], ...] = tuple(
    (f"{number:03}", f"Online Payments Clearing {code}", code, f"062000 102030{number - 50}")
    for number, code in ((92, "USD"), (93, "EUR"), (94, "NZD"))
)


def percent(text: str) -> Decimal:
    """Return a rate as Xero writes it, 10.0000."""
    return Decimal(text).quantize(Decimal("0.0001"))
