"""Which amounts Stripe takes: minimum charges and the odd currencies.

Reference: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, checked 2026-11-22.
"""

from provvypay.sandbox import fiat
from provvypay.sandbox.stripe.errors import StripeError

MINIMUM_MINOR: dict[str, int] = {
    **dict.fromkeys("usd ars aud brl cad chf cop eur idr ils inr nzd php rub sgd zar".split(), 50),
    "gbp": 30,
    **dict.fromkeys("aed myr pln ron".split(), 200),
    "dkk": 250,
    **dict.fromkeys("nok sek".split(), 300),
    "hkd": 400,
    **dict.fromkeys("mxn thb".split(), 1000),
    "czk": 1500,
    **dict.fromkeys("jpy krw".split(), 50),
    "huf": 17500,
}


def minimum_minor(currency: str) -> int:
    """Return the smallest charge in minor units; where Stripe names none, half a dollar's worth."""
    if currency in MINIMUM_MINOR:
        return MINIMUM_MINOR[currency]
    return fiat.convert(50, "usd", currency, fiat.rate("usd", currency))


def currency(value: object, name: str) -> str:
    """Accept a currency code of the sandbox, in any case, and return it in lower case."""
    code = str(value).lower()
    if code not in fiat.PER_DOLLAR:
        known = ", ".join(sorted(fiat.PER_DOLLAR))
        raise StripeError(f"Invalid currency: {value}. Stripe currently supports these currencies: {known}", param=name)
    return code


def check_total(total_minor: int, code: str) -> None:
    """Refuse a session whose total Stripe would not charge.

    :raises StripeError: amount_too_small, or what the currency's decimals forbid
    """
    least = minimum_minor(code)
    if total_minor < least:
        sign = fiat.SYMBOLS.get(code, "")
        shown = f"{sign}{fiat.major(least, code)} {code}"
        words = f"The Checkout Session's total amount due must add up to at least {shown}"
        raise StripeError(words, code="amount_too_small")
    step = 100 if code in fiat.SENT_AS_HUNDREDS else 10 if code in fiat.THREE_DECIMAL else 1
    if total_minor % step:
        words = f"Amounts in {code} must be a multiple of {step}."
        raise StripeError(words, param="line_items[0][price_data][unit_amount]")
