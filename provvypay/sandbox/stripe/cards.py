"""Test cards and test bank accounts, and what happens to who uses them.

Reference: https://docs.stripe.com/testing, checked 2026-11-22. Cards whose speciality comes after the payment
(disputes, refunds that fail) pay like any other card; see `refunds` and `disputes`.
"""

import re
from dataclasses import dataclass

GENERIC_DECLINE = "Your card was declined."
FAILED_AUTHENTICATION = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


@dataclass(frozen=True, slots=True)
class Card:
    """What a card does when it is charged."""

    code: str | None = None
    """Error code of the decline; None: the payment succeeds."""
    decline_code: str | None = None
    message: str = ""
    """What the payer is told."""
    three_d_secure: bool = False
    blocked: bool = False
    available_at_once: bool = False
    country: str = "US"


def _declined(
    code: str,
    decline_code: str | None,
    message: str = GENERIC_DECLINE,
    *,
    three_d_secure: bool = False,
    blocked: bool = False,
) -> Card:
    return Card(code, decline_code, message, three_d_secure=three_d_secure, blocked=blocked)


_NO_FUNDS = "Your card has insufficient funds."
CARDS: dict[str, Card] = {
    "4000000000000002": _declined("card_declined", "generic_decline"),
    "4000000000009995": _declined("card_declined", "insufficient_funds", _NO_FUNDS),
    "4000000000009987": _declined("card_declined", "lost_card"),
    "4000000000009979": _declined("card_declined", "stolen_card"),
    "4000000000000069": _declined("expired_card", None, "Your card has expired."),
    "4000000000000127": _declined("incorrect_cvc", None, "Your card's security code is incorrect."),
    "4000000000000119": _declined(
        "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
    ),
    "4000000000000341": _declined("card_declined", "generic_decline"),
    "4100000000000019": _declined("card_declined", "fraudulent", blocked=True),
    "4000002500003155": Card(three_d_secure=True),
    "4000002760003184": Card(three_d_secure=True),
    "4000008260003178": _declined("card_declined", "insufficient_funds", _NO_FUNDS, three_d_secure=True),
    "4000008400001629": _declined("card_declined", "generic_decline", three_d_secure=True),
    "4000000000000077": Card(available_at_once=True),
    "4000003720000278": Card(available_at_once=True, country="IE"),
}
"""The numbers with an outcome of their own."""

SUCCEEDING = frozenset(
    "4242424242424242 4000056655665556 4000000360000006 5555555555554444 2223003122003222 5200828282828210 "
    "5105105105105100 378282246310005 371449635398431 "
    "4000000000000259 4000000000002685 4000000000001976 4000000000005423 4000000000007726 4000000000005126".split()
)
"""Plain test cards, and those whose speciality comes after the payment."""

NOT_A_TEST_CARD = _declined(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, "
    "visit: https://stripe.com/docs/testing.",
)

NETWORK_CODES = {"insufficient_funds": "51", "lost_card": "41", "stolen_card": "43", "generic_decline": "05"}
BANK_FAILURES: dict[str, tuple[str, str]] = {
    "000111111113": ("account_closed", "The customer's bank account has been closed."),
    "000222222227": ("insufficient_funds", "The customer's account has insufficient funds to cover this payment."),
}
BANK_SUCCESS = "000123456789"
ROUTING_NUMBER = "110000000"


@dataclass(frozen=True, slots=True)
class Payer:
    """What the payer typed, as typed; kept only while the request lasts."""

    email: str = ""
    name: str = ""
    method: str = "card"
    card: str = ""
    expiry: str = ""
    cvc: str = ""
    postal_code: str = ""
    country: str = "US"
    account_number: str = ""

    @property
    def digits(self) -> str:
        """The card's digits without spaces."""
        return re.sub(r"[\s-]", "", self.card)


def card_for(digits: str) -> Card:
    """Return what this card does. A number that is no test card is declined, so that nobody pays with a real one."""
    return CARDS.get(digits) or (Card() if digits in SUCCEEDING else NOT_A_TEST_CARD)


def brand(digits: str) -> str:
    """Return the card's network by its first digits."""
    if digits.startswith(("34", "37")):
        return "amex"
    return "mastercard" if re.match(r"5[1-5]|2[2-7]", digits) else "visa"


def passes_luhn(digits: str) -> bool:
    """Tell whether the check digit is right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def parse_expiry(text: str) -> tuple[int, int] | None:
    """Return month and four-digit year of "12/34" or "12 / 2034", or None."""
    if not (match := re.fullmatch(r"\s*(\d{1,2})\s*[/-]?\s*(\d{2}|\d{4})\s*", text)):
        return None
    month, year = int(match[1]), int(match[2])
    return (month, year if year > 99 else 2000 + year) if 1 <= month <= 12 else None


def problems(payer: Payer, this_month: tuple[int, int]) -> dict[str, str]:
    """Return what is wrong with what was typed, by field; such a submission never becomes an API object.

    :param this_month: year and month in the sandbox's time
    """
    found: dict[str, str] = {}
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", payer.email):
        found["email"] = "Enter your e-mail address, like name@example.com."
    if payer.method != "card":
        if not re.fullmatch(r"\d{4,17}", payer.account_number):
            found["account_number"] = "Enter the account number, digits only."
        return found
    if not re.fullmatch(r"\d{13,19}", payer.digits) or not passes_luhn(payer.digits):
        found["card"] = "Your card number is invalid."
    expiry = parse_expiry(payer.expiry)
    if expiry is None:
        found["expiry"] = "Your card's expiration date is incomplete. Enter it as MM / YY."
    elif (expiry[1], expiry[0]) < this_month:
        found["expiry"] = "Your card's expiration date is in the past."
    length = 4 if brand(payer.digits) == "amex" else 3
    if not re.fullmatch(rf"\d{{{length}}}", payer.cvc):
        found["cvc"] = f"Your card's security code is incomplete. It has {length} digits."
    if not payer.name.strip():
        found["name"] = "Enter the name on the card."
    return found
