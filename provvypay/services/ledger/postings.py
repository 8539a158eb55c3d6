"""What is booked for what: pure functions from facts to journals. design: docs/explanation/ledger.md."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from provvypay.domain.payments import Completion, IncomingPayment
from provvypay.services.ledger import chart


@dataclass(frozen=True, slots=True)
class Line:
    """One entry to be written."""

    account: str
    side: str
    """DEBIT or CREDIT"""
    amount_minor: int
    asset: str | None = None
    asset_amount: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One journal to be written; one currency, debits equal credits."""

    kind: str
    source_type: str
    source_id: uuid.UUID
    currency: str
    effective_at: dt.datetime
    description: str
    link_id: uuid.UUID | None
    lines: tuple[Line, ...]
    reverses_id: uuid.UUID | None = None


def _two_lines(debit: str, credit: str, amount_minor: int) -> tuple[Line, ...]:
    return (Line(debit, "DEBIT", amount_minor), Line(credit, "CREDIT", amount_minor))


def _received(arrived: IncomingPayment, credit: str) -> tuple[Line, ...]:
    """Debit the clearing account that holds the money, with its tokens, and credit another account."""
    return (
        Line(arrived.clearing_account, "DEBIT", arrived.value_minor, arrived.asset, arrived.asset_amount),
        Line(credit, "CREDIT", arrived.value_minor),
    )


def settlement(
    settlement_id: uuid.UUID, arrived: IncomingPayment, made_up: Completion, *, title: str
) -> tuple[Draft, Draft]:
    """Return the sale (1200 / 4000) and the payment of a settlement that new money completes.

    The payment: clearing for the new money, 2100 for parts held before, 6120 for what is missing within the tolerance;
    against 1200 for the link's amount, 2100 for a surplus, 6120 for one by rounding alone.
    """
    common = {
        "source_type": "SETTLEMENT",
        "source_id": settlement_id,
        "currency": arrived.currency,
        "effective_at": arrived.occurred_at,
        "link_id": arrived.link_id,
    }
    sale = Draft(
        kind="SALE",
        description=f"Sale: {title}",
        lines=_two_lines(chart.RECEIVABLE, chart.REVENUE, made_up.amount_minor),
        **common,  # type: ignore[arg-type]
    )
    lines = (
        Line(arrived.clearing_account, "DEBIT", arrived.value_minor, arrived.asset, arrived.asset_amount),
        Line(chart.CUSTOMER_CREDITS, "DEBIT", made_up.held_minor),
        Line(chart.SMALL_DIFFERENCES, "DEBIT", made_up.written_off_minor),
        Line(chart.RECEIVABLE, "CREDIT", made_up.amount_minor),
        Line(chart.CUSTOMER_CREDITS, "CREDIT", made_up.surplus_minor),
        Line(chart.SMALL_DIFFERENCES, "CREDIT", made_up.rounded_off_minor),
    )
    payment = Draft(
        kind="PAYMENT",
        description=f"Payment received: {title}",
        lines=tuple(line for line in lines if line.amount_minor),
        **common,  # type: ignore[arg-type]
    )
    return sale, payment


def suspense(
    payment_id: uuid.UUID,
    *,
    clearing_account: str,
    value_minor: int,
    currency: str,
    asset: str,
    asset_amount: int,
    occurred_at: dt.datetime,
) -> Draft:
    """Return the journal of money that names no link: clearing / 2190 Suspense, in the organization's currency."""
    return Draft(
        kind="SUSPENSE",
        source_type="PAYMENT",
        source_id=payment_id,
        currency=currency,
        effective_at=occurred_at,
        description="Received, of unknown purpose",
        link_id=None,
        lines=(
            Line(clearing_account, "DEBIT", value_minor, asset, asset_amount),
            Line(chart.SUSPENSE, "CREDIT", value_minor),
        ),
    )


def held_payment(payment_id: uuid.UUID, arrived: IncomingPayment, *, title: str) -> Draft:
    """Return the journal of money for a known link that cannot settle it: clearing / 2100 Customer Credits."""
    return Draft(
        kind="CREDIT",
        source_type="PAYMENT",
        source_id=payment_id,
        currency=arrived.currency,
        effective_at=arrived.occurred_at,
        description=f"Held as customer credit: {title}",
        link_id=arrived.link_id,
        lines=_received(arrived, chart.CUSTOMER_CREDITS),
    )


def processor_fee(
    balance_transaction_id: uuid.UUID,
    *,
    charge_minor: int,
    charge_currency: str,
    settled_minor: int,
    fee_minor: int,
    settlement_currency: str,
    effective_at: dt.datetime,
    link_id: uuid.UUID | None,
) -> tuple[Draft, ...]:
    """Return what a charge's balance transaction books: the fee, and two journals through 1190 when Stripe converted.

    :param charge_minor: what the customer was charged, in `charge_currency`
    :param settled_minor: the same money in the settlement currency, before the fee
    """
    common = {
        "source_type": "BALANCE_TRANSACTION",
        "source_id": balance_transaction_id,
        "effective_at": effective_at,
        "link_id": link_id,
    }
    drafts: list[Draft] = []
    if settlement_currency != charge_currency:
        drafts.append(
            Draft(
                kind="CONVERSION_OUT",
                currency=charge_currency,
                description=f"Converted by Stripe into {settlement_currency}",
                lines=_two_lines(chart.CURRENCY_CONVERSION, chart.STRIPE_CLEARING, charge_minor),
                **common,  # type: ignore[arg-type]
            )
        )
        drafts.append(
            Draft(
                kind="CONVERSION_IN",
                currency=settlement_currency,
                description=f"Converted by Stripe from {charge_currency}",
                lines=_two_lines(chart.STRIPE_CLEARING, chart.CURRENCY_CONVERSION, settled_minor),
                **common,  # type: ignore[arg-type]
            )
        )
    if fee_minor:
        drafts.append(
            Draft(
                kind="FEE",
                currency=settlement_currency,
                description="Stripe’s fee",
                lines=_two_lines(chart.PROCESSOR_FEES, chart.STRIPE_CLEARING, fee_minor),
                **common,  # type: ignore[arg-type]
            )
        )
    return tuple(drafts)


def fee_adjustment(
    balance_transaction_id: uuid.UUID,
    *,
    change_minor: int,
    currency: str,
    effective_at: dt.datetime,
    link_id: uuid.UUID | None,
) -> Draft:
    """Return what a fee that became another one books: the difference, to the other side where it is given back.

    :param change_minor: not zero, in the settlement currency
    """
    sides = (chart.PROCESSOR_FEES, chart.STRIPE_CLEARING)
    debit, credit = sides if change_minor > 0 else sides[::-1]
    return Draft(
        kind="FEE",
        source_type="BALANCE_TRANSACTION",
        source_id=balance_transaction_id,
        currency=currency,
        effective_at=effective_at,
        description="Stripe’s fee, adjusted",
        link_id=link_id,
        lines=_two_lines(debit, credit, abs(change_minor)),
    )
