"""Put the mirror node's stand-in together, and change its switches and settings."""

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.core import Core, Part
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.mirror_node import assets, ids, rate
from provvypay.sandbox.mirror_node.state import MirrorSettings, MirrorState, MirrorSwitches
from provvypay.sandbox.wishes import CannotDo

EXPIRED = ("none", "current", "both")
FEE_STYLES = ("single", "split")


def build(core: Core, market: GeckoState) -> MirrorState:
    """Return the stand-in hung into the core."""
    state = MirrorState(core, market)
    core.parts["mirror_node"] = Part(dump=state.dump, load=state.load, reset=state.clear)
    return state


def shown(state: MirrorState) -> dict[str, Any]:
    """Return the switches, the answer as it is now, and what it says in plain figures."""
    body = rate.answer(state)
    current = body["current_rate"]
    dollars = Decimal(current["cent_equivalent"]) / current["hbar_equivalent"] / 100
    return {
        "switches": asdict(state.switches),
        "usd_per_hbar": format(dollars.normalize(), "f"),
        "expires": current["expiration_time"],
        "answer": None if state.switches.missing else body,
    }


def change(state: MirrorState, wanted: dict[str, Any]) -> None:
    """Set switches; what is not named stays. Hold the lock.

    :param wanted: names of MirrorSwitches; a rate of null takes the fixed one away
    :raises CannotDo: and changes nothing
    """
    new = asdict(state.switches)
    for name, value in wanted.items():
        if name in {"usd_per_hbar", "next_usd_per_hbar"}:
            new[name] = None if value is None else _positive(name, value)
        elif (name == "expired" and value in EXPIRED) or (name == "missing" and isinstance(value, bool)):
            new[name] = value
        else:
            raise CannotDo(f"{name} is no switch, or cannot be {to_json(value)}")
    state.switches = MirrorSwitches(**new)
    state.core.touch()


def tune(state: MirrorState, wanted: dict[str, Any]) -> None:
    """Set settings of the ledger and the mirror node; what is not named stays. Hold the lock.

    :raises CannotDo: and changes nothing
    """
    new = asdict(state.settings)
    for name, value in wanted.items():
        if name not in new or not _allowed(name, value):
            raise CannotDo(f"{name} is no setting, or cannot be {to_json(value)}")
        new[name] = value
    # a head that has got somewhere does not go back: it waits until the lag has caught up with it
    state.floor = state.head()
    state.settings = MirrorSettings(**new)
    state.core.touch()


def _allowed(name: str, value: object) -> bool:
    if name in ("network", "fee_style"):
        return value in (assets.NETWORKS if name == "network" else FEE_STYLES)
    if name == "stalled":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if name == "lag_seconds":
        return isinstance(value, int | float) and 0 <= value < ids.NANOS
    if name == "window_days":
        return isinstance(value, int) and 0 <= value <= 36_500
    return value is None or (isinstance(value, int) and value > 0)


def _positive(name: str, value: object) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise CannotDo(f"{name}: {value} is not a number") from None
    if not number.is_finite() or not 0 < number < 700:
        raise CannotDo(f"{name} must be above 0 and below 700: the network counts in 32 bits")
    return str(number)
