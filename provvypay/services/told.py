"""How one kind of event reads in a timeline: the shape its words have, and amounts in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provvypay.domain.money import format_grouped


@dataclass(frozen=True, slots=True)
class Told:
    """How one kind of event reads."""

    icon: str
    tone: str | None
    what: str
    detail: Callable[[Any], str | None]
    """from the event's row"""


def money(data: dict[str, Any], name: str, currency: str = "currency") -> str:
    """Return an amount of an event's facts as people read it."""
    code = str(data[currency])
    return f"{code} {format_grouped(int(data[name]), code)}"
