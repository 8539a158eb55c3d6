"""The form of what an organization chose about crypto: choices turned into fields and back."""

from __future__ import annotations

import re
from decimal import Decimal

from provvypay.domain.assets import ASSETS
from provvypay.services.crypto_settings import CryptoChoices
from provvypay.web.forms import Fields, FormState

_PERCENT = re.compile(r"([0-9]{1,2})(?:[.,]([0-9]{1,2}))?")
_SECONDS = re.compile(r"[0-9]{1,7}")

ACCEPTED = {asset: f"accepts_{asset.lower()}" for asset in ASSETS}
KEPT = ("enabled", *ACCEPTED.values(), "hbar_tolerance", "token_tolerance", "quote_window", "late_grace", "version")

WINDOWS = [
    ("300", "5 minutes"),
    ("900", "15 minutes"),
    ("1800", "30 minutes"),
    ("3600", "1 hour"),
    ("86400", "24 hours"),
    ("0", "As long as the link, at the rate of its first day"),
]
GRACES = [
    ("", "Never: a person decides"),
    ("900", "15 minutes"),
    ("3600", "1 hour"),
    ("86400", "24 hours"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
]


def of_choices(chosen: CryptoChoices, version: int) -> FormState:
    """Return the form as it is saved."""
    values = {
        "enabled": "on" if chosen.enabled else "",
        "hbar_tolerance": _percent(chosen.hbar_tolerance_bp),
        "token_tolerance": _percent(chosen.token_tolerance_bp),
        "quote_window": str(chosen.quote_window_seconds),
        "late_grace": "" if chosen.late_grace_seconds is None else str(chosen.late_grace_seconds),
        "version": str(version),
    }
    for asset, name in ACCEPTED.items():
        values[name] = "on" if asset in chosen.accepted_assets else ""
    return FormState(values)


def read(fields: Fields) -> CryptoChoices:
    """Return what was chosen; what is wrong is noted in the fields."""
    grace = fields.raw("late_grace")
    return CryptoChoices(
        enabled=fields.raw("enabled") == "on",
        accepted_assets=tuple(asset for asset, name in ACCEPTED.items() if fields.raw(name) == "on"),
        hbar_tolerance_bp=_basis_points(fields, "hbar_tolerance"),
        token_tolerance_bp=_basis_points(fields, "token_tolerance"),
        quote_window_seconds=_seconds(fields, "quote_window", "Choose how long a quote holds."),
        late_grace_seconds=_seconds(fields, "late_grace", "Choose until when late money settles.") if grace else None,
    )


def with_own(options: list[tuple[str, str]], value: str) -> list[tuple[str, str]]:
    """Return the options of a list, and the saved value if it is none of them: saving the form does not change it."""
    if not _SECONDS.fullmatch(value) or value in dict(options):
        return options
    return [*options, (value, f"{value} seconds")]


def _percent(basis_points: int) -> str:
    return f"{Decimal(basis_points).scaleb(-2).normalize():f}"


def _basis_points(fields: Fields, name: str) -> int:
    found = _PERCENT.fullmatch(fields.raw(name).strip().removesuffix("%").strip())
    if found is None or int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) > 500:
        fields.refuse(name, "Enter a percentage from 0 to 5, with at most two digits after the point.")
        return 0
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _seconds(fields: Fields, name: str, sentence: str) -> int:
    value = fields.raw(name)
    if not _SECONDS.fullmatch(value):
        fields.refuse(name, sentence)
        return 0
    return int(value)
