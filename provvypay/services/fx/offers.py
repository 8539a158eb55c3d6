"""May a token be offered in a currency now, and at which rate? If not, why, in a sentence for people.

Nothing here is remembered: a token that is paused is offered again as soon as the reason is gone. A paused token's rate
is still a fact, so snapshots (services/fx/snapshots.py) ask only whether it is fresh.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import Rate, RateTable


@dataclass(frozen=True, slots=True)
class Offered:
    """The token may be offered at this rate."""

    rate: Rate


@dataclass(frozen=True, slots=True)
class Paused:
    """The token must not be offered; cards are not touched by it."""

    sentence: str


def offer(asset: str, currency: str, table: RateTable, now: dt.datetime) -> Offered | Paused:
    """Return the rate at which a token may be offered in a currency, or why it may not.

    :param table: flows.current_rates.current_rates(), read before the transaction
    """
    rate = table.get(asset, currency)
    if rate is None:
        return Paused(f"There is no rate for {asset} in {currency} at the moment.")
    sentence = _too_old(rate, now) or _unconfirmed(table, rate) or _off_its_peg(table, asset, now)
    sentence = sentence or _disputed(table, asset, now)
    return Paused(sentence) if sentence else Offered(rate)


def _too_old(rate: Rate, now: dt.datetime) -> str:
    what = f"The rate for {rate.asset} in {rate.currency} is too old"
    if now - rate.fetched_at > rules.FETCHED_WITHIN:
        return f"{what}: we last had it {ago(now - rate.fetched_at)}."
    if not rules.is_current(rate, now):
        return f"{what}: its source last changed it {ago(now - rate.as_of)}."
    return ""


def _unconfirmed(table: RateTable, rate: Rate) -> str:
    held = table.held.get((rate.asset, rate.currency))
    if held is None:
        return ""
    percent = per_cent(rules.ratio_apart(rate.value, held.value))
    return f"{rate.asset} is paused: its rate in {rate.currency} jumped by {percent} and waits to be confirmed."


def _off_its_peg(table: RateTable, asset: str, now: dt.datetime) -> str:
    """Say why a stablecoin is paused; what it is worth in its own currency decides for all currencies."""
    peg = ASSETS[asset].peg
    if peg is None:
        return ""
    rate = rules.fresh(table, asset, peg, now)
    if rate is None or (asset, peg) in table.held:
        return f"{asset} is paused: we do not know for certain what it is worth in {peg} now."
    if rules.off_peg(rate) <= rules.OFF_PEG:
        return ""
    shown = rate.value.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
    return f"{asset} is paused: it is worth {shown} {peg}, more than {per_cent(rules.OFF_PEG)} off its peg."


def _disputed(table: RateTable, asset: str, now: dt.datetime) -> str:
    if asset != "HBAR":
        return ""
    apart = rules.sources_apart(table, now)
    if apart is None or apart <= rules.TOO_FAR_APART:
        return ""
    return f"HBAR is paused: two sources of its rate differ by {per_cent(apart)}."


def per_cent(ratio: Decimal) -> str:
    """Return a ratio as people read it: `2 %`, `38 %`, `0.4 %`."""
    whole = ratio.scaleb(2)
    if whole >= 1:
        return f"{whole.quantize(Decimal(1), rounding=ROUND_DOWN):,} %"
    return f"{whole.quantize(Decimal('0.1'), rounding=ROUND_DOWN)} %"


def ago(passed: dt.timedelta) -> str:
    """Return how long ago something was: `just now`, `12 minutes ago`."""
    return f"{span(passed)} ago" if passed >= dt.timedelta(minutes=1) else "just now"


def span(passed: dt.timedelta) -> str:
    """Return a time as people say it, in the unit they would use: `40 seconds`, `1 hour`."""
    seconds = int(passed.total_seconds())
    if seconds < 60:
        return _many(seconds, "second")
    if seconds < 5400:
        return _many(seconds // 60, "minute")
    if seconds < 129600:
        return _many(seconds // 3600, "hour")
    return _many(seconds // 86400, "day")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
