"""The currencies a payment link may be in: an allow-list with ISO 4217 digits, Stripe's own digits and limits.

Stripe's exponents differ from ISO's for some currencies, so both stand here, in one table (docs.stripe.com/currencies,
read November 2026). Three-decimal currencies stay out until they were tried on a real account.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency of the allow-list."""

    code: str
    """ISO 4217, upper case"""
    name: str
    digits: int
    """minor digits by ISO 4217: 2 for AUD, 0 for JPY"""
    stripe_digits: int
    """digits of the amounts Stripe takes"""
    least_minor: int
    """Stripe's smallest charge, in minor units; also our smallest link"""
    most_minor: int = 99_999_999
    """our largest link, in minor units; well under every card limit"""

    def to_stripe(self, amount_minor: int) -> int:
        """Return the amount as Stripe counts it; exact for every currency of the list.

        :param amount_minor: minor units by ISO 4217
        """
        scale: int = 10 ** (self.stripe_digits - self.digits)
        return amount_minor * scale

    def from_stripe(self, amount: int) -> int:
        """Return ISO minor units of an amount as Stripe counts it.

        :raises ValueError: when the amount has a part smaller than the currency's minor unit
        """
        scale: int = 10 ** (self.stripe_digits - self.digits)
        whole, rest = divmod(amount, scale)
        if rest:
            raise ValueError(f"{amount} is not a whole number of {self.code} minor units")
        return whole


_TABLE = (
    Currency("AUD", "Australian dollar", 2, 2, 50),
    Currency("BRL", "Brazilian real", 2, 2, 50),
    Currency("CAD", "Canadian dollar", 2, 2, 50),
    Currency("CHF", "Swiss franc", 2, 2, 50),
    Currency("CZK", "Czech koruna", 2, 2, 15_00),
    Currency("DKK", "Danish krone", 2, 2, 2_50),
    Currency("EUR", "Euro", 2, 2, 50),
    Currency("GBP", "Pound sterling", 2, 2, 30),
    Currency("HKD", "Hong Kong dollar", 2, 2, 4_00),
    Currency("INR", "Indian rupee", 2, 2, 50),
    Currency("JPY", "Japanese yen", 0, 0, 50),
    Currency("KRW", "South Korean won", 0, 0, 50),
    Currency("MXN", "Mexican peso", 2, 2, 10_00),
    Currency("NOK", "Norwegian krone", 2, 2, 3_00),
    Currency("NZD", "New Zealand dollar", 2, 2, 50),
    Currency("PLN", "Polish złoty", 2, 2, 2_00),
    Currency("SEK", "Swedish krona", 2, 2, 3_00),
    Currency("SGD", "Singapore dollar", 2, 2, 50),
    Currency("THB", "Thai baht", 2, 2, 10_00),
    Currency("USD", "US dollar", 2, 2, 50),
    Currency("ZAR", "South African rand", 2, 2, 50),
)

CURRENCIES: dict[str, Currency] = {currency.code: currency for currency in _TABLE}


def currency_of(code: str) -> Currency:
    """Return the currency of a code.

    :raises KeyError: for a code that is not on the allow-list
    """
    return CURRENCIES[code]


def digits_of(code: str) -> int:
    """Return the minor digits of any currency, also of one Stripe settles in that we do not offer."""
    known = CURRENCIES.get(code)
    if known is not None:
        return known.digits
    return 0 if code in _ZERO_DIGITS else 3 if code in _THREE_DIGITS else 2


_ZERO_DIGITS = {"BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
_THREE_DIGITS = {"BHD", "JOD", "KWD", "OMR", "TND"}
