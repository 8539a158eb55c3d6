"""The shape of what is sent: objects where objects belong, lists of objects, words. What it means is judged later."""

from typing import Any

from provvypay.sandbox.xero.errors import bad_body

OBJECTS = frozenset({"Contact", "BankAccount", "Account", "Invoice", "CreditNote", "Overpayment"})
LISTS = frozenset({"LineItems", "JournalLines", "Tracking", "Addresses", "Phones", "ContactPersons"})
WORDS = frozenset(
    "Type Status CurrencyCode LineAmountTypes InvoiceNumber CreditNoteNumber Reference AccountCode TaxType Code Name "
    "ContactNumber ContactID InvoiceID PaymentID AccountID Narration Url".split()
)


def check(document: dict[str, Any]) -> None:
    """Look through a document, and what is in it.

    :raises XeroError: PostDataInvalidException for a value that is of another kind than its name says
    """
    for name, value in document.items():
        if value is None:
            continue
        if name in OBJECTS:
            _check_object(name, value)
        elif name in LISTS:
            if not isinstance(value, list):
                raise bad_body(f"{name} must be a list")
            for item in value:
                _check_object(name, item)
        elif name in WORDS and not isinstance(value, str):
            raise bad_body(f"{name} must be a string")


def _check_object(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise bad_body(f"{name} must hold objects")
    check(value)
