"""The documents we write to Xero and what Xero tells of them, in our words: pure values, money in minor units.

A draft is all that a document will say. Two drafts that are equal make the same document, so a retry compares the hash
of its draft with the one that was sent before (docs/explanation/xero.md, "Exactly once").
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class SyncKind(StrEnum):
    """What a row for Xero stands for, in the order in which rows of a link are written."""

    INVOICE = "INVOICE"
    PAYMENT = "PAYMENT"
    FEE = "FEE"
    OVERPAYMENT = "OVERPAYMENT"
    CREDIT_NOTE = "CREDIT_NOTE"
    REFUND_PAYMENT = "REFUND_PAYMENT"
    DISPUTE = "DISPUTE"


PARENT: dict[SyncKind, SyncKind | None] = {
    SyncKind.INVOICE: None,
    SyncKind.PAYMENT: SyncKind.INVOICE,
    SyncKind.FEE: SyncKind.PAYMENT,
    SyncKind.OVERPAYMENT: SyncKind.INVOICE,
    SyncKind.CREDIT_NOTE: SyncKind.PAYMENT,
    SyncKind.REFUND_PAYMENT: SyncKind.CREDIT_NOTE,
    SyncKind.DISPUTE: SyncKind.PAYMENT,
}
"""what must be in Xero before; a row whose parent is missing waits and burns no try"""


@dataclass(frozen=True, slots=True)
class Contact:
    """Whose document it is: by Xero's id once known, before that by our number and a name."""

    contact_id: str = ""
    number: str = ""
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document; tax is in the amount."""

    description: str
    amount_minor: int
    account_code: str = ""
    tax_type: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice of a link, or a bill over a fee."""

    kind: str
    """ACCREC, or ACCPAY for a bill"""
    number: str
    reference: str
    contact: Contact
    date: dt.date
    currency: str
    lines: tuple[Line, ...]
    taxed: bool
    url: str = ""

    @property
    def total_minor(self) -> int:
        """What must be paid."""
        return sum(line.amount_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class CreditNoteDraft:
    """A credit note that gives back a part of a sale."""

    number: str
    reference: str
    contact: Contact
    date: dt.date
    currency: str
    lines: tuple[Line, ...]
    taxed: bool

    @property
    def total_minor(self) -> int:
        """What is given back."""
        return sum(line.amount_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class PaymentDraft:
    """Money for an invoice, a bill or a credit note."""

    target: str
    """INVOICE or CREDIT_NOTE"""
    target_id: str
    account_id: str
    date: dt.date
    amount_minor: int
    currency: str
    reference: str
    bank_minor: int | None = None
    """what reached an account in the company's own currency, when that is another than the invoice's"""
    bank_currency: str = ""


@dataclass(frozen=True, slots=True)
class BankDraft:
    """Money spent or received on a bank account without an invoice: fees, surplus, disputes."""

    kind: str
    """SPEND, RECEIVE or RECEIVE-OVERPAYMENT"""
    contact: Contact
    account_id: str
    date: dt.date
    currency: str
    reference: str
    lines: tuple[Line, ...]
    taxed: bool

    @property
    def total_minor(self) -> int:
        """What moved."""
        return sum(line.amount_minor for line in self.lines)


Draft = InvoiceDraft | CreditNoteDraft | PaymentDraft | BankDraft


def digest(draft: Draft) -> str:
    """Return a hash of all a draft says."""
    text = json.dumps([type(draft).__name__, asdict(draft)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FoundPayment:
    """A payment as Xero lists it with its invoice."""

    id: str
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """An invoice, a credit note or a bank transaction as Xero has it."""

    id: str
    number: str
    """number of an invoice or credit note; empty for a bank transaction"""
    reference: str
    status: str
    total_minor: int
    due_minor: int
    """what is still to be paid; of a credit note what is not used"""
    currency: str
    contact_id: str
    payments: tuple[FoundPayment, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Say whether somebody voided or deleted it."""
        return self.status in {"VOIDED", "DELETED"}
