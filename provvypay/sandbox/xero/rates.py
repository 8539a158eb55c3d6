"""Rates of the day between currencies: foreign units per one unit of the books' currency, as Xero writes them."""

from decimal import Decimal

from provvypay.sandbox import fiat
from provvypay.sandbox.xero import wire
from provvypay.sandbox.xero.organisations import Row, Tenant

ONE = Decimal("1.000000")
ODD_BY = Decimal("1.5")
ODD = (
    "The currency rate differs significantly from the rate of the day; check that it was not given the other way round"
)


def of_the_day(tenant: Tenant, currency: str) -> Decimal:
    """Return foreign units per one base unit."""
    if currency == tenant.base:
        return ONE
    return wire.rate(fiat.rate(tenant.base.lower(), currency.lower()))


def warnings(tenant: Tenant, currency: str, used: Decimal) -> list[Row]:
    """Return the warning of a rate that cannot be meant, or nothing."""
    usual = of_the_day(tenant, currency)
    odd = currency != tenant.base and not usual / ODD_BY <= used <= usual * ODD_BY
    return [{"Message": ODD}] if odd else []
