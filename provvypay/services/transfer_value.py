"""What tokens that arrived are worth to a link or to an organization: by the quote, or by the rate of their own time.

Source: docs/explanation/crypto-payments.md, "What it is worth".
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import digits_of
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.db import Statement
from provvypay.models.base import MOST_MINOR

RATE_WITHIN = dt.timedelta(minutes=15)
"""a rate fetched further from a moment says nothing of it"""
CLOCKS_APART = dt.timedelta(minutes=2)
"""a quote is written by our clock and paid by the network's: a payment may seem to come a little before it"""

_QUOTES = Statement("""
    SELECT id, method, amount_minor, asset_amount, created_at, expires_at FROM payment_attempts
    WHERE organization_id = :organization_id AND link_id = :link_id AND method <> 'CARD' ORDER BY number
""")

# The nearest accepted rate before or after: both are as far from the truth as they are from the moment.
_RATE = Statement("""
    SELECT rate, source, as_of, fetched_at FROM fx_rate_history
    WHERE asset = :asset AND currency = :currency AND fetched_at BETWEEN :earliest AND :latest
    ORDER BY abs(extract(epoch FROM fetched_at - :moment)), fetched_at LIMIT 1
""")

# Exactly one open link was given just this quote: a guess worth showing, never more.
_LIKELY = Statement("""
    SELECT a.link_id FROM payment_attempts a JOIN payment_links l ON l.id = a.link_id AND l.status = 'OPEN'
    WHERE a.organization_id = :organization_id AND a.hedera_account_id = :account_id AND a.method = :asset
        AND a.asset_amount = :amount AND :moment BETWEEN a.created_at - :apart AND a.expires_at
    GROUP BY a.link_id LIMIT 2
""")


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote a link was given."""

    id: uuid.UUID
    asset: str
    amount_minor: int
    asset_amount: int
    created_at: dt.datetime
    expires_at: dt.datetime

    def holds(self, moment: dt.datetime) -> bool:
        """Say whether money of this moment is judged by it."""
        return self.created_at - CLOCKS_APART <= moment <= self.expires_at

    def value(self, amount: int) -> int:
        """Return what so many smallest units are worth by it, rounded down; its own amount is worth what it asked."""
        return amount * self.amount_minor // self.asset_amount


@dataclass(frozen=True, slots=True)
class Worth:
    """What tokens are worth, and why."""

    value_minor: int
    """may be 0: less than a minor unit"""
    basis: dict[str, str]
    """the evidence: quote, or rate with source and time"""
    quote_id: uuid.UUID | None = None


def quotes_of(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> list[Quote]:
    """Return every quote a link was given, in any token, oldest first."""
    rows = _QUOTES.run(session, {"organization_id": organization_id, "link_id": link_id}).fetchall()
    return [Quote(r.id, r.method, r.amount_minor, r.asset_amount, r.created_at, r.expires_at) for r in rows]


def by_quote(quotes: Sequence[Quote], asset: str, amount: int, moment: dt.datetime) -> Worth | None:
    """Return what tokens are worth by the quote of their moment, or None when none held then.

    Of several that held, the one that is best for who paid: two tabs may show two, and both were promised.
    """
    held = [quote for quote in quotes if quote.asset == asset and quote.holds(moment)]
    if not held:
        return None
    best = max(held, key=lambda quote: (quote.value(amount), quote.created_at))
    return Worth(best.value(amount), {"judged_by": "quote", "quote": str(best.id)}, best.id)


def by_rate(session: Session, asset: str, amount: int, currency: str, moment: dt.datetime) -> Worth | None:
    """Return what tokens were worth at a moment, rounded down, or None when no rate of that time is known."""
    given = {
        "asset": asset,
        "currency": currency,
        "moment": moment,
        "earliest": moment - RATE_WITHIN,
        "latest": moment + RATE_WITHIN,
    }
    row = _RATE.run(session, given).fetchone()
    if row is None:
        return None
    value = to_minor(amount, asset, row.rate, currency)
    if value > MOST_MINOR:
        return None
    basis = {"judged_by": "rate", "rate": str(row.rate), "rate_source": row.source, "rate_as_of": row.as_of.isoformat()}
    return Worth(value, basis)


def to_minor(amount: int, asset: str, rate: Decimal, currency: str) -> int:
    """Return what so many smallest units are worth in minor units, rounded down.

    :param rate: currency per one whole token
    """
    whole = Decimal(amount).scaleb(-ASSETS[asset].decimals)
    return int((whole * rate).scaleb(digits_of(currency)).to_integral_value(rounding=ROUND_FLOOR))


def likely_link(session: Session, transfer: StoredTransfer) -> uuid.UUID | None:
    """Return the one open link that was asked for exactly this, or None: a suggestion for a person, never a match."""
    given = {
        "organization_id": transfer.organization_id,
        "account_id": transfer.hedera_account_id,
        "asset": transfer.asset,
        "amount": transfer.asset_amount,
        "moment": transfer.happened_at,
        "apart": CLOCKS_APART,
    }
    found = _LIKELY.run(session, given).fetchall()
    return found[0].link_id if len(found) == 1 else None


def tolerance(asset: str, amount_minor: int, currency: str, *, hbar_bp: int, token_bp: int) -> int:
    """Return how many minor units of a link's amount may be missing: a share of it, and never more than 1.00.

    :param hbar_bp: the organization's tolerance for HBAR in hundredths of a percent; `token_bp` for stablecoins
    """
    share = hbar_bp if ASSETS[asset].peg is None else token_bp
    most: int = 10 ** digits_of(currency)
    return min(amount_minor * share // 10_000, most)
