"""How much of a token pays an amount, at which rate, and until when we keep to it. Pure arithmetic.

Source: docs/explanation/crypto-payments.md, "The quote"
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from provvypay.domain.assets import ASSETS, tokens_due
from provvypay.domain.rates import Rate

MOST_UNITS = 2**63 - 1
"""what a transaction on Hedera can carry"""
FOR_GOOD = dt.timedelta(days=366)
"""how long a quote holds whose link and whose merchant know no end: as long as a link may live"""
WITHOUT_A_SNAPSHOT = dt.timedelta(minutes=15)
"""how long one holds that should last for the link's life, when there was no rate as the link was made"""
WORTH_KEEPING = dt.timedelta(minutes=1)
"""A quote with less left than this is not handed out again, where a new one would hold longer."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a customer is asked for in one token."""

    asset: str
    units: int
    """smallest units, rounded up"""
    rate: Decimal
    """currency per one whole token"""
    source: str
    as_of: dt.datetime
    made_from: str
    valid_until: dt.datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A rate that was kept when the link was opened."""

    rate: Decimal
    source: str
    as_of: dt.datetime
    made_from: str
    taken_at: dt.datetime
    """when the link was opened"""


def price(
    asset: str,
    amount_minor: int,
    currency: str,
    *,
    creation: Snapshot | None,
    fresh: Rate | None,
    window: dt.timedelta,
    ends_at: dt.datetime | None,
    now: dt.datetime,
) -> Price | None:
    """Return what pays an amount in a token now; None without a rate, and for what no transaction could carry.

    The rate of the link's beginning counts while it is younger than the window, so that the first price a customer sees
    is the one the merchant saw; a window of zero keeps it for the link's life.

    :param creation: the rate of the link's beginning, where one is known
    :param fresh: a rate that may be offered now
    :param window: how long a quote holds, as the organization chose
    :param ends_at: the link's end; no quote outlives it
    """
    for_life = not window
    if creation is not None and (for_life or now - creation.taken_at < window):
        value, source, as_of, made_from = creation.rate, creation.source, creation.as_of, creation.made_from
        holds = FOR_GOOD if for_life else window
    elif fresh is not None:
        value, source, as_of, made_from = fresh.value, fresh.source, fresh.as_of, fresh.made_from
        holds = window or WITHOUT_A_SNAPSHOT
    else:
        return None
    units = tokens_due(amount_minor, currency, value, ASSETS[asset])
    if units > MOST_UNITS:
        return None
    until = now + holds
    return Price(asset, units, value, source, as_of, made_from, min(until, ends_at) if ends_at else until)


def may_serve_again(valid_until: dt.datetime, next_until: dt.datetime, now: dt.datetime) -> bool:
    """Say whether a quote that was given before is given again: two tabs and a double click get the same one.

    :param valid_until: until when it holds
    :param next_until: until when a new one would hold
    """
    return valid_until > now and (valid_until - now >= WORTH_KEEPING or valid_until >= next_until)
