"""Our drafts as the SDK's models: every optional argument by name, dates as dates, money as exact decimals."""

from __future__ import annotations

import re
from typing import Any

from provvypay.domain.money import to_decimal
from provvypay.domain.xero import BankDraft, Contact, CreditNoteDraft, InvoiceDraft, Line, PaymentDraft

_PLAIN = re.compile(r"[A-Za-z0-9 .:_-]{1,255}")


def plain(text: str) -> str:
    """Return a text that may stand in a filter: our own numbers and references, never what a customer typed.

    :raises ValueError: for anything that could end the quotes around it
    """
    if not _PLAIN.fullmatch(text):
        raise ValueError("only our own numbers and references may stand in a filter")
    return text


def invoice(draft: InvoiceDraft) -> Any:
    """Return the body of PUT /Invoices."""
    from xero_python import accounting as a

    sale = {"reference": draft.reference, "sent_to_contact": True} if draft.kind == "ACCREC" else {}
    if draft.url:
        sale["url"] = draft.url
    return a.Invoices(
        invoices=[
            a.Invoice(
                type=draft.kind,
                status="AUTHORISED",
                invoice_number=draft.number,
                contact=_contact(draft.contact),
                date=draft.date,
                due_date=draft.date,
                currency_code=a.CurrencyCode(draft.currency),
                line_amount_types=_amounts(taxed=draft.taxed),
                line_items=_lines(draft.lines, draft.currency, taxed=draft.taxed),
                **sale,
            )
        ]
    )


def credit_note(draft: CreditNoteDraft) -> Any:
    """Return the body of PUT /CreditNotes."""
    from xero_python import accounting as a

    return a.CreditNotes(
        credit_notes=[
            a.CreditNote(
                type="ACCRECCREDIT",
                status="AUTHORISED",
                credit_note_number=draft.number,
                reference=draft.reference,
                contact=_contact(draft.contact),
                date=draft.date,
                currency_code=a.CurrencyCode(draft.currency),
                line_amount_types=_amounts(taxed=draft.taxed),
                line_items=_lines(draft.lines, draft.currency, taxed=draft.taxed),
            )
        ]
    )


def payment(draft: PaymentDraft) -> Any:
    """Return the body of PUT /Payments."""
    from xero_python import accounting as a

    target = (
        {"invoice": a.Invoice(invoice_id=draft.target_id)}
        if draft.target == "INVOICE"
        else {"credit_note": a.CreditNote(credit_note_id=draft.target_id)}
    )
    bank = {"bank_amount": to_decimal(draft.bank_minor, draft.bank_currency)} if draft.bank_minor is not None else {}
    return a.Payments(
        payments=[
            a.Payment(
                account=a.Account(account_id=draft.account_id),
                date=draft.date,
                amount=to_decimal(draft.amount_minor, draft.currency),
                reference=draft.reference,
                **target,
                **bank,
            )
        ]
    )


def bank_transaction(draft: BankDraft) -> Any:
    """Return the body of PUT /BankTransactions; its currency is that of its account."""
    from xero_python import accounting as a

    return a.BankTransactions(
        bank_transactions=[
            a.BankTransaction(
                type=draft.kind,
                contact=_contact(draft.contact),
                bank_account=a.Account(account_id=draft.account_id),
                date=draft.date,
                reference=draft.reference,
                line_amount_types=_amounts(taxed=draft.taxed),
                line_items=_lines(draft.lines, draft.currency, taxed=draft.taxed),
            )
        ]
    )


def _contact(contact: Contact) -> Any:
    """With an id nothing else is sent: what is sent along overwrites the contact."""
    from xero_python import accounting as a

    if contact.contact_id:
        return a.Contact(contact_id=contact.contact_id)
    known = {"contact_number": contact.number, "name": contact.name, "email_address": contact.email}
    return a.Contact(**{name: value for name, value in known.items() if value})


def _amounts(*, taxed: bool) -> Any:
    """Return Inclusive: the total is what was charged; NoTax where the company pays none."""
    from xero_python import accounting as a

    return a.LineAmountTypes("Inclusive" if taxed else "NoTax")


def _lines(lines: tuple[Line, ...], currency: str, *, taxed: bool) -> list[Any]:
    from xero_python import accounting as a

    return [
        a.LineItem(
            description=line.description[:4000],
            quantity=1,
            unit_amount=to_decimal(line.amount_minor, currency),
            **({"account_code": line.account_code} if line.account_code else {}),
            **({"tax_type": line.tax_type} if line.tax_type and taxed else {}),
        )
        for line in lines
    ]
