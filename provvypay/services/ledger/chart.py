"""The chart of accounts every organization starts with (docs/reference/chart-of-accounts.md)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.orm import Session

from provvypay.models.ledger import Account

BANK = "1000"
STRIPE_CLEARING = "1050"
CURRENCY_CONVERSION = "1190"
RECEIVABLE = "1200"
DISPUTED_FUNDS = "1210"
CUSTOMER_CREDITS = "2100"
SUSPENSE = "2190"
REVENUE = "4000"
REFUNDS = "4090"
PROCESSOR_FEES = "6100"
DISPUTE_LOSSES = "6110"
SMALL_DIFFERENCES = "6120"
FX_GAINS = "7000"


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One account of the original chart."""

    code: str
    name: str
    kind: str


CHART: tuple[ChartAccount, ...] = (
    ChartAccount("1000", "Bank", "ASSET"),
    ChartAccount("1050", "Stripe Clearing", "ASSET"),
    ChartAccount("1051", "Crypto Clearing HBAR", "ASSET"),
    ChartAccount("1052", "Crypto Clearing USDC", "ASSET"),
    ChartAccount("1053", "Crypto Clearing USDT", "ASSET"),
    ChartAccount("1054", "Crypto Clearing AUDD", "ASSET"),
    ChartAccount("1190", "Currency Conversion", "ASSET"),
    ChartAccount("1200", "Accounts Receivable", "ASSET"),
    ChartAccount("1210", "Disputed Funds", "ASSET"),
    ChartAccount("2100", "Customer Credits", "LIABILITY"),
    ChartAccount("2190", "Suspense", "LIABILITY"),
    ChartAccount("4000", "Revenue", "REVENUE"),
    ChartAccount("4090", "Refunds", "REVENUE"),
    ChartAccount("6100", "Processor Fee Expense", "EXPENSE"),
    ChartAccount("6110", "Dispute Losses and Fees", "EXPENSE"),
    ChartAccount("6120", "Small Differences", "EXPENSE"),
    ChartAccount("7000", "FX Gains and Losses", "REVENUE"),
)


def create(session: Session, organization_id: uuid.UUID) -> None:
    """Give a new organization its accounts."""
    session.execute(
        insert(Account),
        [
            {"organization_id": organization_id, "code": a.code, "name": a.name, "kind": a.kind, "is_system": True}
            for a in CHART
        ],
    )
