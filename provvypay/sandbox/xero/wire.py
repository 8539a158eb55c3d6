"""Dates and numbers as they travel: Microsoft's dates, two decimals, nothing that is null."""

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from provvypay.sandbox.xero.errors import Invalid

CENT = Decimal("0.01")
FOUR_PLACES = Decimal("0.0001")
DATES = ("Date", "DueDate", "FullyPaidOnDate", "ExpectedPaymentDate", "PlannedPaymentDate", "PeriodLockDate",
         "EndOfYearLockDate")  # fmt: skip
MOMENTS = ("UpdatedDateUTC", "CreatedDateUTC", "DateUTC")
_MICROSOFT = re.compile(r"/Date\((-?\d{1,16})([+-]\d{4})?\)/")
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(T.*)?")
_LONGEST_NUMBER = 15


def ms_moment(seconds: float) -> str:
    """Return Unix seconds as Xero writes a moment."""
    return f"/Date({int(seconds * 1000)}+0000)/"


def ms_date(day: str) -> str:
    """Return a day, YYYY-MM-DD, as Xero writes it: its midnight in UTC."""
    return ms_moment(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())


def iso_moment(seconds: float) -> str:
    """Return Unix seconds as 2026-11-22T08:15:00Z."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def long_moment(seconds: float) -> str:
    """Return Unix seconds as the list of connections writes them: 2019-12-07T18:46:19.5165400."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0")


def today(now: float) -> str:
    """Return the day of a moment, in UTC."""
    return dt.datetime.fromtimestamp(now, dt.UTC).date().isoformat()


def spoken_date(day: str) -> str:
    """Return a day as Xero's sentences name it: 30 June 2026."""
    found = dt.date.fromisoformat(day)
    return f"{found.day} {found.strftime('%B %Y')}"


def day_of(value: Any, name: str) -> str:
    """Return the day a request means: YYYY-MM-DD, ISO with a time, or /Date(ms)/ with or without an offset.

    :raises Invalid: for anything else
    """
    text = str(value)
    try:
        if found := _MICROSOFT.fullmatch(text):
            return dt.datetime.fromtimestamp(int(found[1]) / 1000, dt.UTC).date().isoformat()
        if found := _ISO.fullmatch(text):
            return dt.date.fromisoformat(found[1]).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    raise Invalid(f"{name} is not a valid date")


def number(value: Any, name: str) -> Decimal:
    """Return a number of a request, however it was written.

    :raises Invalid: when it is none
    """
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found.adjusted() > _LONGEST_NUMBER:
        raise Invalid(f"{name} is not a valid number")
    return found


def cents(value: Decimal) -> Decimal:
    """Return an amount rounded half up to two decimals."""
    return value.quantize(CENT, ROUND_HALF_UP)


def rate(value: Decimal) -> Decimal:
    """Return a currency rate as Xero writes it: six decimals, or as many as there are, at most ten."""
    exact = value.quantize(Decimal(1).scaleb(-10), ROUND_HALF_UP)
    short = exact.quantize(Decimal(1).scaleb(-6), ROUND_HALF_UP)
    return short if short == exact else exact.normalize()


def shown(row: dict[str, Any], *day_strings: str) -> dict[str, Any]:
    """Return a row as it travels: private names and nulls left out, dates written Microsoft's way.

    :param day_strings: dates that have a companion such as DateString
    """
    out: dict[str, Any] = {}
    for name, value in row.items():
        if name.startswith("_") or value is None:
            continue
        if name in DATES:
            if name in day_strings:
                out[f"{name}String"] = f"{value}T00:00:00"
            out[name] = ms_date(value)
        elif name in MOMENTS:
            out[name] = ms_moment(value)
            if name == "UpdatedDateUTC":
                out["UpdatedDateUTCString"] = iso_moment(value)
        else:
            out[name] = value
    return out
