"""What a row for Xero will say: read from the books, shaped by the merchant's mapping, in Xero's own terms.

Everything a document says follows from rows that never change, so that a retry says the same to the letter. What a
document needs and does not have is a Wait (it will come) or a Stop (a person must act).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import xero_mapping
from provvypay.domain import xero_problems as why
from provvypay.domain.assets import ASSETS
from provvypay.domain.money import to_decimal
from provvypay.domain.xero import BankDraft, Contact, CreditNoteDraft, Draft, InvoiceDraft, Line, PaymentDraft, SyncKind
from provvypay.services.xero.ground import Ground, Stop, Wait

PROCESSOR = "Stripe"


def draft(session: Session, of: Ground, kind: SyncKind, source_id: uuid.UUID) -> Draft:
    """Return what a row will say.

    :raises Wait: something will come that it needs
    :raises Stop: a person must act first
    """
    _check_currency(of)
    if kind is SyncKind.INVOICE:
        return _invoice(of)
    if kind is SyncKind.PAYMENT:
        return _payment(session, of)
    if kind is SyncKind.OVERPAYMENT:
        return _overpayment(session, of, source_id)
    if kind in {SyncKind.CREDIT_NOTE, SyncKind.REFUND_PAYMENT}:
        return _refund(session, of, kind, source_id)
    return _processor_line(session, of, kind, source_id)


def _check_currency(of: Ground) -> None:
    currency = str(of.facts.currency)
    if currency != of.chart.get("base_currency") and currency not in of.chart.get("currencies", []):
        raise Stop(why.CURRENCY_OFF, f"{currency} is not one of the company’s currencies in Xero")


def contact_of(of: Ground) -> Contact:
    """Return whose invoice it is, by the merchant's choice."""
    if of.contact_id:
        return Contact(contact_id=of.contact_id)
    who = of.contact
    if of.chosen.contacts == "EACH" and (who.name or who.email):
        number = uuid.uuid5(of.organization_id, (who.email or who.name).casefold()).hex[:12].upper()
        name = " ".join((who.name or who.email).replace("<", "").replace(">", "").split())[:200]
        return Contact(number=f"{of.chosen.prefix}-{number}", name=name, email=who.email)
    return Contact(number=f"{of.chosen.prefix}-ONLINE", name=xero_mapping.ONLINE)


def _invoice(of: Ground) -> InvoiceDraft:
    facts, chosen = of.facts, of.chosen
    said = f"{facts.description} (payment link {facts.short_code})"
    if facts.reference:
        said = f"{said}, reference {facts.reference}"
    day, moved = _day(of, facts.settled_at)
    lines = [Line(f"{said}{moved}", facts.amount_minor, chosen.sales_account, chosen.sales_tax)]
    difference = facts.rounded_off_minor - facts.written_off_minor
    if difference:
        words = "Rounding" if difference > 0 else "Shortfall within tolerance"
        own = chosen.difference_account
        lines.append(Line(words, difference, own or chosen.sales_account, "" if own else chosen.sales_tax))
    # The account must be there before the invoice is: an invoice that cannot be paid helps nobody.
    _arrival(of)
    return InvoiceDraft("ACCREC", of.number, f"Link {facts.short_code}", contact_of(of), day, facts.currency,
                        tuple(lines), of.taxed)  # fmt: skip


def _payment(session: Session, of: Ground) -> PaymentDraft:
    facts = of.facts
    amount = facts.amount_minor - facts.written_off_minor + facts.rounded_off_minor
    account_id, currency = _arrival(of)
    bank: dict[str, Any] = {}
    if currency != facts.currency:
        # Stripe pays out in the company's own currency: what reaches the account is known with its balance transaction.
        line = session.execute(
            text("SELECT amount_minor, currency FROM balance_transactions WHERE payment_id = :id AND type = 'charge'"),
            {"id": facts.payment_id},
        ).one_or_none()
        if line is None:
            raise Wait(why.WAITS_FOR_FEE)
        if line.currency != currency:
            raise Stop(why.NO_ACCOUNT, f"Stripe pays {facts.currency} out in {line.currency}: choose an account for it")
        bank = {"bank_minor": line.amount_minor, "bank_currency": currency}
    day, _ = _day(of, facts.settled_at)
    return PaymentDraft("INVOICE", of.invoice_id, account_id, day, amount, facts.currency, reference(of), **bank)


def reference(of: Ground) -> str:
    """Return what tells our payment from others: the number; with the tokens and their rate for crypto."""
    facts = of.facts
    if not facts.asset:
        return of.number
    units = Decimal(facts.asset_amount).scaleb(-ASSETS[facts.asset].decimals)
    value = to_decimal(facts.value_minor, facts.currency)
    return f"{of.number} {units:f} {facts.asset} at {(value / units).quantize(Decimal('0.000001')):f} {facts.currency}"


def _arrival(of: Ground) -> tuple[str, str]:
    """Return account and currency where a link's money arrived.

    :raises Stop: when none was chosen
    """
    currency, base = str(of.facts.currency), str(of.chart.get("base_currency", ""))
    if account_id := of.chosen.account_for(of.rail, currency):
        return account_id, currency
    if of.rail == "STRIPE" and (account_id := of.chosen.account_for(of.rail, base)):
        return account_id, base
    rail = xero_mapping.RAILS.get(of.rail, of.rail)
    raise Stop(why.NO_ACCOUNT, f"No account was chosen for {rail.lower()} in {currency}")


def _overpayment(session: Session, of: Ground, source_id: uuid.UUID) -> BankDraft:
    held = session.execute(
        text("SELECT amount_minor, currency FROM payment_exceptions WHERE id = :id"), {"id": source_id}
    ).one()
    account_id, currency = _arrival(of)
    if currency != held.currency:
        raise Stop(why.NO_ACCOUNT, f"No account was chosen for money in {held.currency}")
    day, moved = _day(of, of.facts.settled_at)
    line = Line(f"Paid on top of {of.number}{moved}", held.amount_minor)
    said = f"surplus {of.number} {source_id.hex[-8:]}"
    return BankDraft("RECEIVE-OVERPAYMENT", contact_of(of), account_id, day, currency, said, (line,), taxed=False)


def _refund(session: Session, of: Ground, kind: SyncKind, source_id: uuid.UUID) -> CreditNoteDraft | PaymentDraft:
    facts, chosen = of.facts, of.chosen
    back = session.execute(
        text("""
            SELECT r.amount_minor, r.currency, b.occurred_at, -b.amount_minor AS left_minor, b.currency AS left_currency
            FROM refunds r JOIN balance_transactions b ON b.refund_id = r.id AND b.type = 'refund' WHERE r.id = :id
        """),
        {"id": source_id},
    ).one()
    number = f"{of.number}-R{source_id.hex[-6:].upper()}"
    day, moved = _day(of, back.occurred_at)
    if kind is SyncKind.CREDIT_NOTE:
        line = Line(f"Refund of {of.number}: {facts.description}{moved}", back.amount_minor, chosen.sales_account,
                    chosen.sales_tax)  # fmt: skip
        return CreditNoteDraft(number, number, contact_of(of), day, back.currency, (line,), of.taxed)
    account_id, currency = _arrival(of)
    bank = {} if currency == back.currency else {"bank_minor": back.left_minor, "bank_currency": back.left_currency}
    return PaymentDraft("CREDIT_NOTE", of.credit_note_id, account_id, day, back.amount_minor, back.currency, number,
                        **bank)  # fmt: skip


def _processor_line(session: Session, of: Ground, kind: SyncKind, source_id: uuid.UUID) -> BankDraft:
    """Return a fee or a dispute: money spent or received where card payments arrive, in the settlement currency."""
    row = session.execute(
        text("SELECT type, amount_minor, fee_minor, net_minor, currency, occurred_at FROM balance_transactions"
             " WHERE id = :id"),
        {"id": source_id},
    ).one()  # fmt: skip
    chosen = of.chosen
    account_id = chosen.account_for("STRIPE", row.currency)
    if not account_id:
        raise Stop(why.NO_ACCOUNT, f"No account was chosen for cards in {row.currency}")
    day, moved = _day(of, row.occurred_at)
    spent = row.fee_minor if kind is SyncKind.FEE else -row.net_minor
    sign = 1 if spent > 0 else -1
    words = f"Processing fee for {of.number}{moved}"
    lines = [Line(words, sign * row.fee_minor, chosen.fee_account, chosen.fee_tax)] if row.fee_minor else []
    if kind is SyncKind.DISPUTE:
        lines.insert(0, Line(f"Disputed payment of {of.number}{moved}", -sign * row.amount_minor, chosen.fee_account,
                             chosen.fee_tax))  # fmt: skip
    said = f"{'fee' if kind is SyncKind.FEE else 'dispute'} {of.number} {source_id.hex[-8:]}"
    own = account_of(of.chart, account_id)
    if own.get("type") != "BANK":
        raise Stop(
            why.NO_ACCOUNT, f"{own.get('name', 'The account')} is no bank account, so fees cannot be booked on it"
        )
    return BankDraft("SPEND" if spent > 0 else "RECEIVE", Contact(name=PROCESSOR), account_id, day, row.currency, said,
                     tuple(lines), of.taxed)  # fmt: skip


def account_of(chart: Mapping[str, Any], account_id: str) -> Mapping[str, Any]:
    """Return an account of the chart, or nothing known of it."""
    return xero_mapping.account(chart, account_id=account_id) or {}


def _day(of: Ground, at: dt.datetime) -> tuple[dt.date, str]:
    """Return the organization's calendar day, and what the description says when it had to be a later one.

    :raises Stop: for a day in a locked period, unless the merchant chose the first open day
    """
    day = at.astimezone(ZoneInfo(of.facts.time_zone)).date()
    locks = [dt.date.fromisoformat(one) for one in (of.chart.get("period_lock"), of.chart.get("year_lock")) if one]
    if not locks or day > max(locks):
        return day, ""
    first = max(locks) + dt.timedelta(days=1)
    if of.chosen.locked == "OPEN_DAY":
        return first, f" (of {day.isoformat()}, a locked period)"
    raise Stop(
        why.LOCKED, f"The books in Xero are locked until {max(locks).isoformat()}, and this is of {day.isoformat()}"
    )
