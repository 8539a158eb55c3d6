"""Read single settings out of the environment and collect what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit


class Reader:
    """Reads one value at a time and collects what is wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.errors: list[str] = []

    def refuse(self, name: str, why: str) -> None:
        self.errors.append(f"{name}: {why}")

    def optional(self, name: str, *, pattern: str | None = None, like: str = "") -> str | None:
        value = self._environ.get(name, "").strip()
        if not value:
            return None
        if pattern and not re.fullmatch(pattern, value):
            self.refuse(name, f"must look like {like}")
        return value

    def text(self, name: str, *, least: int) -> str:
        value = self.optional(name)
        if value is None:
            self.refuse(name, "is missing")
            return ""
        if len(value) < least:
            self.refuse(name, f"needs at least {least} characters")
        return value

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        value = self.optional(name) or default
        if value not in choices:
            self.refuse(name, f"must be one of {', '.join(choices)}")
        return value

    def words(self, name: str, *, default: str) -> tuple[str, ...]:
        value = self.optional(name) or default
        if not re.fullmatch(r"[a-z_]+(,[a-z_]+)*", value):
            self.refuse(name, "must be names in small letters, parted by commas")
        return tuple(value.split(","))

    def headers(self, name: str) -> tuple[tuple[str, str], ...] | None:
        parts = [part.partition(":") for part in (self.optional(name) or "").split(";") if part.strip()]
        if not all(
            re.fullmatch(r"[A-Za-z0-9-]+", key.strip()) and value.strip() and value.isprintable()
            for key, _, value in parts
        ):
            self.refuse(name, "must be headers like x-api-key: secret, parted by semicolons")
        return tuple((key.strip(), value.strip()) for key, _, value in parts) or None

    def flag(self, name: str, *, default: bool) -> bool:
        value = (self.optional(name) or ("1" if default else "0")).lower()
        if value not in {"0", "1", "true", "false", "yes", "no", "on", "off"}:
            self.refuse(name, "must be 1 or 0")
        return value in {"1", "true", "yes", "on"}

    def number(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            self.refuse(name, f"must be a whole number from {low} to {high}")
            return default
        return int(value)

    def url(self, name: str, *, schemes: tuple[str, ...], default: str | None = None) -> str:
        value = self.optional(name) or default
        if value is None:
            self.refuse(name, "is missing")
            return ""
        if urlsplit(value).scheme.partition("+")[0] not in schemes:
            self.refuse(name, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    def socket(self, name: str, *, default: str) -> str:
        """Read the origin of a WebSocket: safe, or on this machine. It becomes a part of the content policy."""
        value = self.optional(name) or default
        if not re.fullmatch(r"wss://[a-z0-9.-]+(:\d+)?|ws://(127\.0\.0\.1|localhost):\d+", value):
            self.refuse(name, "must be wss://host, or ws://127.0.0.1:port, with nothing behind it")
        return value

    def base(self, name: str, *, default: str | None = None) -> str:
        value = self.url(name, schemes=("http", "https"), default=default)
        if value.endswith("/"):
            self.refuse(name, "must not end with a slash")
        return value
