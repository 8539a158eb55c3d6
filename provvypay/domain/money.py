"""Money is integers of the minor unit; text becomes money in one place and by exact rules."""

from __future__ import annotations

import re
from decimal import Decimal

from provvypay.domain.currencies import Currency, digits_of

# ASCII digits only: full-width and Arabic digits look alike and are refused with a sentence.
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


class AmountRefused(ValueError):
    """The text is not an amount of this currency; the message is a sentence for people."""


def check_figures(text: str, *, example: str = "1,240.00") -> None:
    """Refuse what is an amount in no currency; what else is wrong only a currency can tell.

    :raises AmountRefused: with a sentence that says what to enter
    """
    typed = text.strip()
    if not typed:
        raise AmountRefused("Enter an amount.")
    if len(typed) > 20 or not (_PLAIN.fullmatch(typed) or _GROUPED.fullmatch(typed)):
        raise AmountRefused(f"Enter the amount in figures, like {example}.")


def parse_amount(text: str, currency: Currency) -> int:
    """Return the minor units of an amount as people type it: `1240`, `1,240.00`, `AUD 12.50`, `12.5`.

    Nothing is ever rounded, and more digits than the currency has are refused even when they are zeros: half the world
    writes one thousand as `1.000`, and reading it as one would be wrong by a factor of a thousand.

    :raises AmountRefused: with a sentence that says what to enter
    Source: docs/explanation/money-and-fx.md, "What people type"
    """
    typed = text.strip().removeprefix(currency.code).removesuffix(currency.code).strip()
    example = f"{1240:,}" + ("." + "0" * currency.digits if currency.digits else "")
    check_figures(typed, example=example)
    whole, _, fraction = typed.replace(",", "").partition(".")
    if len(fraction) > currency.digits:
        thousand = " One thousand is written 1,000." if len(fraction) == 3 else ""
        raise AmountRefused(
            f"{currency.code} has {currency.digits} digits after the point. Enter at most that many.{thousand}"
            if currency.digits
            else f"{currency.code} has no digits after the point. Enter a whole number, like {example}.{thousand}"
        )
    scale: int = 10**currency.digits
    minor = int(whole) * scale + int(fraction.ljust(currency.digits, "0") or 0)
    if minor < currency.least_minor:
        least = format_plain(currency.least_minor, currency.code)
        raise AmountRefused(f"Enter at least {currency.code} {least}, the smallest amount a card can pay.")
    if minor > currency.most_minor:
        raise AmountRefused(f"Enter at most {currency.code} {format_grouped(currency.most_minor, currency.code)}.")
    return minor


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """Return the amount in whole units, exact: 12050 AUD → 120.50."""
    return Decimal(amount_minor).scaleb(-digits_of(currency))


def format_plain(amount_minor: int, currency: str) -> str:
    """Return the amount with all its digits and no grouping: `1240.00`; what is copied or exported."""
    return f"{to_decimal(amount_minor, currency):.{digits_of(currency)}f}"


def format_grouped(amount_minor: int, currency: str) -> str:
    """Return the amount with all its digits, grouped for reading: `1,240.00`."""
    return f"{to_decimal(amount_minor, currency):,.{digits_of(currency)}f}"
