"""Calls counted against Xero's limits: per organisation 5 at once, 60 a minute and 5,000 a day; 10,000 a minute in all.

Windows are fixed; each organisation's begin at a moment of its own.
"""

import math
import zlib
from dataclasses import dataclass, field
from typing import Any

MINUTE, DAY = 60, 86_400
APP = "app"
KINDS = ("minute", "day", "concurrent", "appminute")


@dataclass
class Limits:
    """Counters by organisation. Guarded by the core's lock."""

    minutes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Calls by organisation and the minute's number; `app` counts all organisations."""
    days: dict[str, dict[str, int]] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    most_at_once: dict[str, int] = field(default_factory=dict)
    refused: dict[str, dict[str, int]] = field(default_factory=dict)
    """Calls answered 429, by organisation and kind of limit."""

    def enter(self, tenant: str, now: float) -> None:
        """Count a call as begun."""
        for table, owner, seconds in ((self.minutes, tenant, MINUTE), (self.minutes, APP, MINUTE),
                                      (self.days, tenant, DAY)):  # fmt: skip
            rows, window = table.setdefault(owner, {}), str(_window(owner, seconds, now))
            rows[window] = rows.get(window, 0) + 1
        self.running[tenant] = self.running.get(tenant, 0) + 1
        self.most_at_once[tenant] = max(self.most_at_once.get(tenant, 0), self.running[tenant])

    def leave(self, tenant: str) -> None:
        """Count a call as ended."""
        self.running[tenant] -= 1

    def passed(self, tenant: str, now: float, settings: Any) -> str | None:
        """Return the kind of limit the call just begun has passed, or None."""
        if self.running[tenant] > settings.concurrent_limit:
            return "concurrent"
        if self.used(self.days, tenant, DAY, now) > settings.day_limit:
            return "day"
        if self.used(self.minutes, tenant, MINUTE, now) > settings.minute_limit:
            return "minute"
        if self.used(self.minutes, APP, MINUTE, now) > settings.app_minute_limit:
            return "appminute"
        return None

    def forget(self) -> None:
        """Count anew; what runs goes on running."""
        for table in (self.minutes, self.days, self.refused):
            table.clear()
        self.most_at_once = dict(self.running)

    def refuse(self, tenant: str, kind: str) -> None:
        """Remember a refusal."""
        row = self.refused.setdefault(tenant, {})
        row[kind] = row.get(kind, 0) + 1

    @staticmethod
    def used(table: dict[str, dict[str, int]], owner: str, seconds: int, now: float) -> int:
        """Return how many calls the present window has seen."""
        return table.get(owner, {}).get(str(_window(owner, seconds, now)), 0)

    def left(self, tenant: str, now: float, settings: Any) -> dict[str, str]:
        """Return the headers that say how much is left."""
        minute = settings.minute_limit - self.used(self.minutes, tenant, MINUTE, now)
        day = settings.day_limit - self.used(self.days, tenant, DAY, now)
        app = settings.app_minute_limit - self.used(self.minutes, APP, MINUTE, now)
        names = ("X-MinLimit-Remaining", "X-DayLimit-Remaining", "X-AppMinLimit-Remaining")
        return {name: str(max(value, 0)) for name, value in zip(names, (minute, day, app), strict=True)}

    def summary(self, tenant: str) -> dict[str, Any]:
        """Return what a test asks: how many calls there were, the fullest minute, the most at once, the refusals."""
        minutes = self.minutes.get(tenant, {})
        begun = {str(int(window) * MINUTE + _offset(tenant, MINUTE)): calls for window, calls in minutes.items()}
        return {
            "calls": sum(minutes.values()),
            "minutes": begun,
            "fullest_minute": max(minutes.values(), default=0),
            "fullest_day": max(self.days.get(tenant, {}).values(), default=0),
            "most_at_once": self.most_at_once.get(tenant, 0),
            "refused": self.refused.get(tenant, {}),
        }


def seconds_left(kind: str, tenant: str, now: float) -> int | None:
    """Return the Retry-After of a refusal; a refusal for too many at once has none."""
    if kind == "concurrent":
        return None
    owner, seconds = (tenant, DAY) if kind == "day" else (APP if kind == "appminute" else tenant, MINUTE)
    ends = (_window(owner, seconds, now) + 1) * seconds + _offset(owner, seconds)
    return max(math.ceil(ends - now), 1)


def _offset(owner: str, seconds: int) -> int:
    return zlib.crc32(owner.encode()) % seconds


def _window(owner: str, seconds: int, now: float) -> int:
    return int((now - _offset(owner, seconds)) // seconds)
