"""Rates as pages show them: value, source, age, and whether a token may be offered at them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.rates import COINGECKO, CROSS, MIRROR_NODE, SOURCE_NAMES, Rate, RateTable
from provvypay.services.fx.offers import Paused, ago, offer, per_cent, span
from provvypay.services.fx.sources import SourceView

_SHORT = Context(prec=6, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class RateRow:
    """One token in one currency; rate, source and times are None when there is no rate."""

    asset: str
    currency: str
    rate: str | None
    source: str | None
    made_from: str
    as_of: dt.datetime | None
    fetched_at: dt.datetime | None
    age: str | None
    """since it was fetched"""
    paused: str
    """why the token may not be offered in this currency; empty when it may"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One token in one currency, in the large table."""

    rate: str | None
    """six figures of it"""
    exact: str
    note: str
    """what is not as usual: another source than CoinGecko, or paused; empty when all is well"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of rates, for those who run the platform."""

    name: str
    hbar_usd: str | None
    as_of: dt.datetime | None
    answered_at: dt.datetime | None
    answered_age: str
    failures: int
    state: str
    failed_at: dt.datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A rate that waits beside the accepted one of its pair."""

    pair: str
    accepted: str
    waiting: str
    apart: str
    source: str
    fetched_at: dt.datetime


@dataclass(frozen=True, slots=True)
class CurrencyRow:
    """All tokens in one currency."""

    currency: str
    name: str
    cells: list[Cell]


def rate_rows(table: RateTable, assets: Iterable[str], currency: str, *, now: dt.datetime) -> list[RateRow]:
    """Return a row for each token, also for those without a rate."""
    return [_row(table, asset, currency, now) for asset in assets]


def reference_rows(table: RateTable, *, now: dt.datetime) -> list[RateRow]:
    """Return a row for each token in the currency it is judged by: its peg, or USD."""
    return [_row(table, asset.code, asset.peg or "USD", now) for asset in ASSETS.values()]


def source_rows(asked: Iterable[SourceView], *, now: dt.datetime) -> list[SourceRow]:
    """Return a row for each source that was ever asked."""
    rows = []
    for source in asked:
        waits = source.not_before is not None and source.not_before > now
        again = f", left alone for {span(source.not_before - now)}" if waits and source.not_before else ""
        rows.append(
            SourceRow(
                source.name,
                plain(source.hbar_usd) if source.hbar_usd is not None else None,
                source.hbar_usd_as_of,
                source.answered_at,
                ago(now - source.answered_at) if source.answered_at else "",
                source.failures,
                f"{source.failures} in a row{again}",
                source.failed_at,
                source.last_error,
            )
        )
    return rows


def held_rows(table: RateTable) -> list[HeldRow]:
    """Return a row for each pair whose last figure waits to be confirmed."""
    rows = []
    for pair, held in sorted(table.held.items()):
        accepted = table.get(*pair)
        if accepted is not None:
            apart = per_cent(rules.ratio_apart(accepted.value, held.value))
            name = SOURCE_NAMES.get(held.source, held.source)
            rows.append(HeldRow("/".join(pair), plain(accepted.value), plain(held.value), apart, name, held.fetched_at))
    return rows


def _row(table: RateTable, asset: str, currency: str, now: dt.datetime) -> RateRow:
    rate = table.get(asset, currency)
    verdict = offer(asset, currency, table, now)
    paused = verdict.sentence if isinstance(verdict, Paused) else ""
    if rate is None:
        return RateRow(asset, currency, None, None, "", None, None, None, paused)
    return RateRow(
        asset,
        currency,
        plain(rate.value),
        SOURCE_NAMES.get(rate.source, rate.source),
        rate.made_from,
        rate.as_of,
        rate.fetched_at,
        ago(now - rate.fetched_at),
        paused,
    )


def currency_rows(table: RateTable, *, now: dt.datetime) -> list[CurrencyRow]:
    """Return every token in every currency a link may be in."""
    return [
        CurrencyRow(code, currency.name, [_cell(table, asset, code, now) for asset in ASSETS])
        for code, currency in CURRENCIES.items()
    ]


def _cell(table: RateTable, asset: str, currency: str, now: dt.datetime) -> Cell:
    rate = table.get(asset, currency)
    if rate is None:
        return Cell(None, "", "")
    return Cell(plain(_SHORT.plus(rate.value)), plain(rate.value), _note(table, rate, now))


def _note(table: RateTable, rate: Rate, now: dt.datetime) -> str:
    if not rules.is_fresh(rate, now):
        return "too old"
    if isinstance(offer(rate.asset, rate.currency, table, now), Paused):
        return "paused"
    return {COINGECKO: "", CROSS: "cross rate", MIRROR_NODE: "mirror node"}.get(rate.source, rate.source)


def disagreement(table: RateTable, now: dt.datetime) -> str | None:
    """Return a sentence about sources that differ by more than they should; None when they do not, or one is silent."""
    apart = rules.sources_apart(table, now)
    if apart is None or apart <= rules.APART:
        return None
    figures = " and ".join(
        f"{SOURCE_NAMES[source]} says {plain(_SHORT.plus(said.value))} USD"
        for source, said in sorted(table.said.items())
    )
    return f"{figures} for one HBAR: {per_cent(apart)} apart."


def plain(value: Decimal) -> str:
    """Return a rate with all its digits and no trailing zeros: `0.28114`."""
    return f"{value.normalize():f}"
