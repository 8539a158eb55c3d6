"""The time zones an organization may choose: IANA names of places, as people know them."""

from __future__ import annotations

from zoneinfo import available_timezones

_PLACES = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)

TIME_ZONES: list[str] = ["UTC", *sorted(name for name in available_timezones() if name.startswith(_PLACES))]
"""without the aliases that are no places, such as `posix/…`, `Etc/GMT+5` or `EST5EDT`"""
