"""Why something is not in Xero yet, as stored words; the sentences for people stand in web/xero_words.py."""

from __future__ import annotations

WAITS_FOR_PARENT = "WAITS_FOR_PARENT"
WAITS_FOR_FEE = "WAITS_FOR_FEE"
"""the processor has not said yet in which currency, and how much of it, it pays out"""
WAITS_FOR_MAPPING = "WAITS_FOR_MAPPING"
PAUSED = "PAUSED"
NO_ANSWER = "NO_ANSWER"

NO_ACCOUNT = "NO_ACCOUNT"
CURRENCY_OFF = "CURRENCY_OFF"
LOCKED = "LOCKED"
ACCOUNT_GONE = "ACCOUNT_GONE"
TAX_WRONG = "TAX_WRONG"
NUMBER_TAKEN = "NUMBER_TAKEN"
TOTAL_DIFFERS = "TOTAL_DIFFERS"
GONE_IN_XERO = "GONE_IN_XERO"
"""voided or deleted there: written again only if a person says so"""
UNPAID_IN_XERO = "UNPAID_IN_XERO"
"""its payment was taken away there"""
PAID_BY_HAND = "PAID_BY_HAND"
CONTACT_ARCHIVED = "CONTACT_ARCHIVED"
PLAN_LIMIT = "PLAN_LIMIT"
VALIDATION = "VALIDATION"
OUR_MISTAKE = "OUR_MISTAKE"
OTHER_COMPANY = "OTHER_COMPANY"
VOIDED_HERE = "VOIDED_HERE"

OF_THE_MAPPING = (NO_ACCOUNT, CURRENCY_OFF, ACCOUNT_GONE, TAX_WRONG, LOCKED, NUMBER_TAKEN)
"""tried again by itself once the mapping was saved anew"""

_FRAGMENTS = (
    ("must be unique", NUMBER_TAKEN),
    ("lock date", LOCKED),
    ("not subscribed to currency", CURRENCY_OFF),
    ("archived. the contact", CONTACT_ARCHIVED),
    ("contact details has been archived", CONTACT_ARCHIVED),
    ("not a valid code", ACCOUNT_GONE),
    ("has been archived", ACCOUNT_GONE),
    ("account could not be found", ACCOUNT_GONE),
    ("bankaccount must be specified", ACCOUNT_GONE),
    ("taxtype", TAX_WRONG),
    ("limit of invoices", PLAN_LIMIT),
    ("authorised documents", GONE_IN_XERO),
    ("valid status for modification", GONE_IN_XERO),
)


def says_already_paid(messages: tuple[str, ...]) -> bool:
    """Say whether Xero refused a payment because of what the invoice has become."""
    said = " ".join(messages).lower()
    return "amount outstanding" in said or "authorised documents" in said


def of_messages(messages: tuple[str, ...]) -> str:
    """Return the word for what Xero said, matched by fragments and never by whole sentences."""
    said = " ".join(messages).lower()
    return next((word for fragment, word in _FRAGMENTS if fragment in said), VALIDATION)
