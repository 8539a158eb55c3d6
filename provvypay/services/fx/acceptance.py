"""Take in what a fetch brought: accept what is believable, let what jumps too far wait for the next fetch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.rates import COINGECKO, Rate, RateTable
from provvypay.services.fx import rates as stored


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a fetch."""

    before: RateTable
    after: RateTable
    rates: list[Rate]
    held: list[Rate]
    missing: list[str]
    """pairs for which there was nothing to consider, such as AUDD/KRW"""


def accept(session: Session, before: RateTable, fetched: Mapping[str, Iterable[Rate]], *, now: dt.datetime) -> Accepted:
    """Judge one fetch and store the verdicts; read the whole table back, with what is older and still the last good.

    :param before: as it was before this fetch wrote down how the sources answered
    :param fetched: what each source said; a source that failed is missing
    """
    wanted = {(asset, currency) for asset in ASSETS for currency in CURRENCIES}
    direct = {(rate.asset, rate.currency) for rate in fetched.get(COINGECKO, ()) if rules.is_current(rate, now)}
    # Only when a pair lacks its own figure is there anything to be made from two others.
    crosses = stored.crosses(session, since=now - rules.CROSS_WITHIN) if wanted - direct else []
    considered = rules.chosen(fetched, crosses, CURRENCIES, now)
    accepted: list[Rate] = []
    held: list[Rate] = []
    for rate in considered:
        pair = rate.asset, rate.currency
        believed = rules.believable(rate, before.get(*pair), before.held.get(pair))
        (accepted if believed else held).append(rate)
    stored.store(session, accepted)
    stored.hold(session, held)
    missing = sorted("/".join(pair) for pair in wanted - {(rate.asset, rate.currency) for rate in considered})
    return Accepted(before, stored.load(session), accepted, held, missing)
