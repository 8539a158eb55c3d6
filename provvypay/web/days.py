"""Days in addresses: typed as people see them in the organization's zone, both ends included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from provvypay.kit import clock
from provvypay.kit.clock import UTC


@dataclass(frozen=True, slots=True)
class Days:
    """A stretch of days, as it was typed; what is no day is left out."""

    first: dt.date | None = None
    last: dt.date | None = None

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> Days:
        """Take `from` and `to` of an address."""
        return cls(day_of(sent.get("from", "")), day_of(sent.get("to", "")))

    @property
    def is_set(self) -> bool:
        """Say whether it has an end at all."""
        return self != Days()

    def instants(self, zone: str) -> tuple[dt.datetime | None, dt.datetime | None]:
        """Return its first instant and the first one after it."""
        return (
            first_instant(self.first, zone) if self.first else None,
            first_instant_after(self.last, zone) if self.last else None,
        )

    def address(self) -> dict[str, str]:
        """Return it as it stands in addresses."""
        found = {"from": self.first, "to": self.last}
        return {name: day.isoformat() for name, day in found.items() if day}


def day_of(typed: str) -> dt.date | None:
    """Return a typed day, or None for what is none."""
    try:
        return dt.date.fromisoformat(typed)
    except ValueError:
        return None


def first_instant(day: dt.date, zone: str) -> dt.datetime | None:
    """Return the first instant of a day of a zone; None where the calendar ends."""
    try:
        return dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return None


def first_instant_after(day: dt.date, zone: str) -> dt.datetime | None:
    """Return the first instant after a day of a zone; None for the last day there is."""
    try:
        return first_instant(day + dt.timedelta(days=1), zone)
    except OverflowError:
        return None


def in_words(day: dt.date) -> str:
    """Return a day as people write it: `31 Oct 2026`."""
    return f"{day.day} {day:%b %Y}"


def today(zone: str) -> dt.date:
    """Return the day it is in a zone."""
    return clock.now().astimezone(ZoneInfo(zone)).date()
