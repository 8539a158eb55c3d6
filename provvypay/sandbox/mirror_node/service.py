"""Put the mirror node's stand-in together, and change its switches."""

from decimal import Decimal, InvalidOperation
from typing import Any

from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.core import Core, Part
from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.mirror_node import rate
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.wishes import CannotDo

EXPIRED = ("none", "current", "both")


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
        "switches": state.dump(),
        "usd_per_hbar": format(dollars.normalize(), "f"),
        "expires": current["expiration_time"],
        "answer": None if state.switches.missing else body,
    }


def change(state: MirrorState, wanted: dict[str, Any]) -> None:
    """Set switches; what is not named stays. Hold the lock.

    :param wanted: names of MirrorSwitches; a rate of null takes the fixed one away
    :raises CannotDo: and changes nothing
    """
    new = state.dump()
    for name, value in wanted.items():
        if name in {"usd_per_hbar", "next_usd_per_hbar"}:
            new[name] = None if value is None else _positive(name, value)
        elif (name == "expired" and value in EXPIRED) or (name == "missing" and isinstance(value, bool)):
            new[name] = value
        else:
            raise CannotDo(f"{name} is no switch, or cannot be {to_json(value)}")
    state.load(new)
    state.core.touch()


def _positive(name: str, value: object) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise CannotDo(f"{name}: {value} is not a number") from None
    if not number.is_finite() or not 0 < number < 700:
        raise CannotDo(f"{name} must be above 0 and below 700: the network counts in 32 bits")
    return str(number)
