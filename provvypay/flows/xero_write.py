"""Write one document to Xero exactly once: look first where it may be there, adopt what is ours, create what is not."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from provvypay.domain import xero_problems as why
from provvypay.domain.xero import (
    BankDraft,
    Contact,
    CreditNoteDraft,
    Draft,
    FoundDocument,
    InvoiceDraft,
    PaymentDraft,
)
from provvypay.integrations.xero import Client
from provvypay.integrations.xero_errors import XeroRefused


class PaidByHand(Exception):
    """The merchant booked the payment themselves: there is nothing left to pay."""


class Refused(Exception):
    """What is in Xero does not allow it; a person must act."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Written:
    """The document that is in Xero now."""

    document_id: str
    contact_id: str = ""
    adopted: bool = False
    """it was there already, from a try whose answer was lost"""


def write(client: Client, draft: Draft, key: str, *, look: bool) -> Written:
    """Bring one document into Xero.

    :param key: the idempotency key of this try
    :param look: it may have been sent before
    :raises PaidByHand, Refused: see there
    :raises XeroRefused, XeroUnavailable, XeroMisunderstood: as Xero answered
    """
    if isinstance(draft, InvoiceDraft):
        return _numbered(client, draft, key, look=look)
    if isinstance(draft, CreditNoteDraft):
        return _numbered(client, draft, key, look=look)
    if isinstance(draft, PaymentDraft):
        return _payment(client, draft, key, look=look)
    return _bank_transaction(client, draft, key, look=look)


def _numbered(client: Client, draft: InvoiceDraft | CreditNoteDraft, key: str, *, look: bool) -> Written:
    """Create an invoice or a credit note, unless one of its number is there and ours."""
    if look and (found := _by_number(client, draft)):
        return _adopted(draft, found)
    try:
        made = _created(client, draft, key)
    except XeroRefused as error:
        if why.of_messages(error.messages) == why.NUMBER_TAKEN and (found := _by_number(client, draft)):
            return _adopted(draft, found)
        raise
    _check(draft, made)
    return Written(made.id, made.contact_id)


def _by_number(client: Client, draft: InvoiceDraft | CreditNoteDraft) -> FoundDocument | None:
    if isinstance(draft, InvoiceDraft):
        return client.invoice_by_number(draft.number)
    return client.credit_note_by_number(draft.number)


def _adopted(draft: InvoiceDraft | CreditNoteDraft, found: FoundDocument) -> Written:
    """Take a document of our number for ours if it says what ours says.

    :raises Refused: when it was voided, or is another one that happens to have the number
    """
    same = (found.reference, found.total_minor, found.currency) == (draft.reference, draft.total_minor, draft.currency)
    if found.reference == draft.reference and found.is_gone:
        raise Refused(why.GONE_IN_XERO, f"{draft.number} was {found.status.lower()} in Xero")
    if not same:
        raise Refused(why.NUMBER_TAKEN, f"{draft.number} is another document in Xero")
    return Written(found.id, found.contact_id, adopted=True)


def _check(draft: InvoiceDraft | CreditNoteDraft, made: FoundDocument) -> None:
    """Compare what Xero made of it with what was charged, before anything is paid."""
    if (made.total_minor, made.currency) != (draft.total_minor, draft.currency):
        raise Refused(why.TOTAL_DIFFERS, f"{draft.number} is {made.total_minor} {made.currency} in Xero")


def _created(client: Client, draft: InvoiceDraft | CreditNoteDraft, key: str) -> FoundDocument:
    """Create it; where Xero minds the contact, once more with one that Xero knows."""
    try:
        return _create(client, draft, key)
    except XeroRefused as error:
        other = _other_contact(client, draft.contact, error)
        if other is None:
            raise
    return _create(client, dataclasses.replace(draft, contact=other), f"{key}:c")


def _create(client: Client, draft: InvoiceDraft | CreditNoteDraft, key: str) -> FoundDocument:
    if isinstance(draft, InvoiceDraft):
        return client.create_invoice(draft, key)
    return client.create_credit_note(draft, key)


def _other_contact(client: Client, contact: Contact, error: XeroRefused) -> Contact | None:
    """Return the contact to use instead: the one of that name if it is the same person, else a name of its own."""
    said = " ".join(error.messages).lower()
    if "email address must be valid" in said and contact.email:
        return dataclasses.replace(contact, email="")
    if "already assigned to another contact" not in said or not contact.name:
        return None
    found = client.contact_by_name(contact.name)
    if found and (not contact.email or found[1].casefold() == contact.email.casefold()):
        return Contact(contact_id=found[0])
    return dataclasses.replace(contact, name=f"{contact.name} ({contact.email or contact.number})")


def _payment(client: Client, draft: PaymentDraft, key: str, *, look: bool) -> Written:
    """Pay what is due and no more: Xero refuses a payment of more than that, and then it is looked why.

    The first try does not look before, because a look is a third call for each link, and a company has 60 a minute.
    """
    if not look:
        try:
            return Written(client.create_payment(draft, key))
        except XeroRefused as error:
            if not why.says_already_paid(error.messages):
                raise
    target = client.invoice(draft.target_id) if draft.target == "INVOICE" else client.credit_note(draft.target_id)
    if target is None or target.is_gone:
        raise Refused(why.GONE_IN_XERO, f"{draft.reference} was voided or deleted in Xero")
    ours = next((one for one in target.payments if one.reference == draft.reference), None)
    if ours is not None:
        return Written(ours.id, target.contact_id, adopted=True)
    if target.due_minor == 0:
        raise PaidByHand
    if target.due_minor != draft.amount_minor or target.currency != draft.currency:
        raise Refused(why.TOTAL_DIFFERS, f"{target.number} has {target.due_minor} {target.currency} due in Xero")
    if not look:
        key = f"{key}:a"
    return Written(client.create_payment(draft, key), target.contact_id)


def _bank_transaction(client: Client, draft: BankDraft, key: str, *, look: bool) -> Written:
    """Book money on a bank account; only its reference tells it from a second one."""
    if look and (found := client.bank_transaction_by_reference(draft.reference)):
        return Written(found.id, found.contact_id, adopted=True)
    made = client.create_bank_transaction(draft, key)
    return Written(made.id, made.contact_id)
