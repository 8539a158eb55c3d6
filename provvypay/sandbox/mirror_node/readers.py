"""Read the parts of a wish: numbers, flags and fees, each refused in words when it cannot be."""

from collections.abc import Callable
from typing import Any

from provvypay.sandbox.mirror_node import ids
from provvypay.sandbox.wishes import CannotDo

COLLECTOR = "0.0.901"
MOST_UNITS = 2**62


def only(wanted: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuse names a wish cannot have.

    :raises CannotDo: naming them
    """
    if unknown := set(wanted) - set(names):
        raise CannotDo(f"Unknown name {', '.join(sorted(unknown))}; there are {', '.join(names)}")


def rows(value: object, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return a list of objects that have no other names than these.

    :raises CannotDo: when it is something else
    """
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise CannotDo("fees must be a list of objects")
    for row in value:
        only(row, names)
    return value


def whole(wanted: dict[str, Any], name: str, default: int, most: int) -> int:
    """Return a whole number above zero.

    :raises CannotDo: when it is none, or larger than `most`
    """
    value = wanted.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise CannotDo(f"{name} must be a whole number from 1 to {most}")
    return value


def text(value: object) -> str:
    """Return a short text.

    :raises CannotDo: when it is none
    """
    if not isinstance(value, str) or len(value) > 100:
        raise CannotDo(f"{value} is no text of at most 100 letters")
    return value


def flag(value: object) -> bool:
    """Return true or false.

    :raises CannotDo: when it is neither
    """
    if not isinstance(value, bool):
        raise CannotDo(f"{value} is neither true nor false")
    return value


def decimals(value: object) -> int:
    """Return how many decimals a token has.

    :raises CannotDo: when no token can
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 18:
        raise CannotDo("decimals must be 0 to 18")
    return value


def one_of(*known: str) -> Callable[[object], str]:
    """Return a reader of one of these words."""

    def check(value: object) -> str:
        if value not in known:
            raise CannotDo(f"{value} is none of {', '.join(known)}")
        return str(value)

    return check


def fixed(value: object) -> list[dict[str, Any]]:
    """Return fixed fees as Token.fixed_fees has them.

    :raises CannotDo: when they cannot be read
    """
    return [
        {
            "amount": whole(row, "amount", 1, MOST_UNITS),
            "denominating_token": ids.entity_num(str(row.get("denominating_token") or "")),
            "collector": ids.entity_num(str(row.get("collector") or COLLECTOR)),
        }
        for row in rows(value, ("amount", "denominating_token", "collector"))
    ]


def fractional(value: object) -> list[dict[str, Any]]:
    """Return fractional fees as Token.fractional_fees has them.

    :raises CannotDo: when they cannot be read
    """
    names = ("numerator", "denominator", "minimum", "maximum", "net_of_transfers", "collector")
    return [
        {
            "numerator": whole(row, "numerator", 1, MOST_UNITS),
            "denominator": whole(row, "denominator", 1, MOST_UNITS),
            "minimum": row.get("minimum") or 0,
            "maximum": row.get("maximum"),
            "net_of_transfers": bool(row.get("net_of_transfers")),
            "collector": ids.entity_num(str(row.get("collector") or COLLECTOR)),
        }
        for row in rows(value, names)
    ]
