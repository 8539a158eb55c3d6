"""Prices: a walk that depends on nothing but the seed, the coin and the time, so every run can be repeated.

Smooth noise of three periods around the anchor; no state, so a restart continues where it would be anyway.
"""

import hashlib
from decimal import Context, Decimal

from provvypay.sandbox.coingecko.currencies import UNITS
from provvypay.sandbox.coingecko.state import COINS, GeckoState

REFRESH_SECONDS = 30
"""Prices change this often, as CoinGecko's own cache does."""
PERIODS = (120, 900, 7200)
WEIGHTS = (Decimal("0.2"), Decimal("0.3"), Decimal("0.5"))
_DIGITS = Context(prec=12)


def price(state: GeckoState, coin_id: str, currency: str) -> Decimal:
    """Return what one coin is worth in a currency now, in 12 significant digits."""
    fixed = state.switches.prices.get(coin_id, {})
    factor = Decimal(state.switches.depeg.get(coin_id, "1"))
    if currency in fixed:
        return Decimal(fixed[currency]) * factor
    if fixed:
        unit, value = next((unit, Decimal(text)) for unit, text in fixed.items())
    else:
        coin = COINS[coin_id]
        unit = coin.unit
        value = coin.anchor * (1 + coin.swing * _noise(state.switches.seed, coin_id, _moment(state)))
    dollars = value * factor / UNITS[unit].per_dollar
    return (dollars * UNITS[currency].per_dollar).normalize(_DIGITS)


def change_24h(state: GeckoState, coin_id: str) -> Decimal:
    """Return the change of a walking coin's price against a day before, in per cent."""
    coin, now = COINS[coin_id], _moment(state)
    today = 1 + coin.swing * _noise(state.switches.seed, coin_id, now)
    yesterday = 1 + coin.swing * _noise(state.switches.seed, coin_id, now - 86400)
    return ((today / yesterday - 1) * 100).normalize(_DIGITS)


def updated_at(state: GeckoState, coin_id: str) -> int:
    """Return when a price was last updated: 5 to 60 seconds ago, later for some coins than for others."""
    lag = 5 + int.from_bytes(hashlib.sha256(coin_id.encode()).digest()[:2]) % 25
    return _moment(state) - lag


def _moment(state: GeckoState) -> int:
    frozen = state.switches.frozen_at
    now = int(state.core.clock.exact() if frozen is None else frozen)
    return now // REFRESH_SECONDS * REFRESH_SECONDS


def _noise(seed: int, name: str, moment: int) -> Decimal:
    """Return a number between -1 and 1 that moves smoothly with time."""
    total = Decimal(0)
    for period, weight in zip(PERIODS, WEIGHTS, strict=True):
        step, part = divmod(moment, period)
        left, right = _spot(seed, name, period, step), _spot(seed, name, period, step + 1)
        total += weight * (left + (right - left) * part / period)
    return total


def _spot(seed: int, name: str, period: int, step: int) -> Decimal:
    digest = hashlib.sha256(f"{seed}|{name}|{period}|{step}".encode()).digest()
    return Decimal(int.from_bytes(digest[:4])) / Decimal(2**31) - 1
