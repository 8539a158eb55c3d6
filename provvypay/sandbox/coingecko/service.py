"""Put the CoinGecko stand-in together, and change its switches."""

from decimal import Decimal, InvalidOperation
from typing import Any

from provvypay.sandbox.coingecko import walk
from provvypay.sandbox.coingecko.currencies import UNITS
from provvypay.sandbox.coingecko.state import COINS, GeckoState
from provvypay.sandbox.core import Core, Part
from provvypay.sandbox.jsontext import to_json

PLANS = ("demo", "pro")
SHOWN_CURRENCIES = ("usd", "aud", "eur", "nzd", "gbp", "jpy")


def _never(_: object) -> bool:
    return False


_SIMPLE = {
    "plan": lambda value: value in PLANS,
    "require_key": lambda value: isinstance(value, bool),
    "seed": lambda value: isinstance(value, int),
}


class BadSwitch(ValueError):
    """A switch that does not exist, or a value it cannot take."""


def build(core: Core) -> GeckoState:
    """Return the stand-in hung into the core."""
    state = GeckoState(core)
    core.parts["coingecko"] = Part(dump=state.dump, load=state.load, reset=state.clear)
    return state


def shown(state: GeckoState) -> dict[str, Any]:
    """Return the switches, and the prices as they are now."""
    prices = {
        coin_id: {currency: format(walk.price(state, coin_id, currency), "f") for currency in SHOWN_CURRENCIES}
        | {"last_updated_at": walk.updated_at(state, coin_id)}
        for coin_id in COINS
    }
    return {"switches": state.dump(), "prices": prices}


def change(state: GeckoState, wanted: dict[str, Any]) -> None:
    """Set switches; what is not named stays. Hold the lock.

    :param wanted: names of GeckoSwitches, or `frozen` (true or false) for `frozen_at`; a price of null takes the
        fixed price away
    :raises BadSwitch: and changes nothing
    """
    new = {**state.dump()}
    for name, value in wanted.items():
        if name == "frozen":
            new["frozen_at"] = (new["frozen_at"] or state.core.clock.exact()) if value else None
        elif name == "prices":
            new["prices"] = _prices(new["prices"], value)
        elif name == "depeg":
            new["depeg"] = {coin: str(_positive(factor)) for coin, factor in _hash(name, value).items() if factor}
        elif name in ("missing_coins", "null_coins", "missing_currencies"):
            new[name] = _names(name, value)
        elif _SIMPLE.get(name, _never)(value):
            new[name] = value
        else:
            raise BadSwitch(f"{name} is no switch, or cannot be {to_json(value)}")
    state.load(new)
    state.core.touch()


def _prices(known: dict[str, dict[str, str]], wanted: object) -> dict[str, dict[str, str]]:
    prices = {coin: dict(values) for coin, values in known.items()}
    for coin, values in _hash("prices", wanted).items():
        if coin not in COINS:
            raise BadSwitch(f"{coin} is none of {', '.join(COINS)}")
        if values is None:
            prices.pop(coin, None)
            continue
        for currency, value in _hash(coin, values).items():
            if currency not in UNITS:
                raise BadSwitch(f"{currency} is not a currency CoinGecko quotes in")
            prices.setdefault(coin, {}).pop(currency, None)
            if value is not None:
                prices[coin][currency] = str(_positive(value))
        if not prices[coin]:
            del prices[coin]
    return prices


def _hash(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSwitch(f"{name} must be an object")
    return value


def _names(name: str, value: object) -> list[str]:
    known = UNITS if name == "missing_currencies" else COINS
    if not isinstance(value, list) or any(item not in known for item in value):
        raise BadSwitch(f"{name} must be a list of known names")
    return [str(item) for item in value]


def _positive(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadSwitch(f"{value} is not a number") from None
    if not number.is_finite() or number <= 0:
        raise BadSwitch(f"{value} must be above zero")
    return number
