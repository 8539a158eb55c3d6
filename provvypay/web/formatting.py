"""How amounts and times read on pages: Jinja filters, each with its rule from the design reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask, g

from provvypay.domain.assets import ASSETS
from provvypay.domain.money import format_grouped
from provvypay.kit import clock
from provvypay.web.guards import current_org

_WEEK = dt.timedelta(days=6)


def install(app: Flask) -> None:
    """Register the filters."""
    for function in (money, amount_parts, token, token_short, token_plain, when, when_exact, iso):
        app.add_template_filter(function)
    app.jinja_env.globals["still"] = _still(app)


def _still(app: Flask) -> Callable[[str], object]:
    """Return what gives templates a part that is the same on every page for everybody: Jinja keeps it drawn."""
    return lambda name: app.jinja_env.get_template(name).module


def use_time_zone(name: str) -> None:
    """Show this page's times in a zone, for visitors who have no organization of their own."""
    g.time_zone = name


def money(amount_minor: int, currency: str) -> str:
    """Return code, space, grouped digits: `AUD 1,240.00`."""
    return f"{currency} {format_grouped(amount_minor, currency)}"


def amount_parts(amount_minor: int, currency: str) -> tuple[str, str]:
    """Return the unit and the figure, which stand in different sizes."""
    return currency, format_grouped(amount_minor, currency)


def token(units: int, asset: str) -> str:
    """Return an amount of tokens with all its digits: `809.346649`.

    :param units: smallest units
    """
    decimals = ASSETS[asset].decimals
    return f"{Decimal(units).scaleb(-decimals):,.{decimals}f}"


def token_short(units: int, asset: str) -> str:
    """Return an amount of tokens for a sentence, without the zeros at its end: `250`, `109.346649`."""
    figure = token(units, asset)
    return figure.rstrip("0").rstrip(".")


def token_plain(units: int, asset: str) -> str:
    """Return an amount of tokens to be copied: all digits, and no comma that a wallet might misread."""
    return token(units, asset).replace(",", "")


def when(at: dt.datetime) -> str:
    """Return a time as people say it: today `14:04`, this week `Fri 20 Nov`, else `20 Nov 2026`.

    What is still to come is a deadline, and has its day and its hour.
    """
    local, today = at.astimezone(_zone()), clock.now().astimezone(_zone())
    if local > today:
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if today.date() - local.date() <= _WEEK:
        return f"{local:%a} {local.day} {local:%b}"
    return f"{local.day} {local:%b %Y}"


def when_exact(at: dt.datetime) -> str:
    """Return date, seconds and zone: `24 Nov 2026, 14:04:09 AEDT`."""
    local = at.astimezone(_zone())
    name = local.tzname() or ""
    return f"{local.day} {local:%b %Y, %H:%M:%S} {name if name.isalpha() else f'UTC{name}'}"


def iso(at: dt.datetime) -> str:
    """Return the instant in UTC, for machines."""
    return at.astimezone(clock.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _zone() -> dt.tzinfo:
    name = g.get("time_zone") or (current_org.time_zone if current_org else None)
    return ZoneInfo(name) if name else clock.UTC
