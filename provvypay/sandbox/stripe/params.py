"""Check parameters the way Stripe does: strictly by name, and with its words when something is wrong."""

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from provvypay.sandbox.stripe.errors import StripeError, missing, not_played, unknown_parameters

Check = Callable[[Any, str], Any]
"""Takes the decoded value and its bracketed name; returns the value to use or raises StripeError."""

BIGGEST_AMOUNT = 999_999_999_999


def text(longest: int = 5000) -> Check:
    """Accept a string that is not empty."""

    def check(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise StripeError(f"Invalid string: {value}", param=name)
        if value == "":
            raise StripeError(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a value; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a "
                "non-empty value.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(value) > longest:
            raise StripeError(
                f"Invalid string: {value[:20]}...{value[-4:]}; must be at most {longest} characters", param=name
            )
        return value

    return check


def integer(least: int | None = None, most: int | None = None) -> Check:
    """Accept a whole number written in digits."""

    def check(value: Any, name: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
        number = int(value)
        if least is not None and number < least:
            words = "non-negative integer" if least == 0 else "positive integer"
            raise StripeError(f"Invalid {words}", code="parameter_invalid_integer", param=name)
        if most is not None and number > most:
            raise StripeError(f"Invalid integer: must be at most {most}", code="parameter_invalid_integer", param=name)
        return number

    return check


def boolean(value: Any, name: str) -> bool:
    """Accept true or false."""
    if value not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def choice(*allowed: str, code: str | None = None) -> Check:
    """Accept one of a few words."""

    def check(value: Any, name: str) -> str:
        if value not in allowed:
            words = ", ".join(allowed[:-1]) + (f", or {allowed[-1]}" if len(allowed) > 1 else allowed[-1])
            raise StripeError(f"Invalid {name}: must be one of {words}", code=code, param=name)
        return str(value)

    return check


def url(value: Any, name: str) -> str:
    """Accept an absolute http(s) address."""
    address = text()(value, name)
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine or re.search(r"[\s<>\"\\]", address):
        raise StripeError("Not a valid URL", code="url_invalid", param=name)
    return address


def email(value: Any, name: str) -> str:
    """Accept something that looks like an e-mail address."""
    address = text(800)(value, name)
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+", address):
        raise StripeError(f"Invalid email address: {address}", code="email_invalid", param=name)
    return address


def metadata(value: Any, name: str) -> dict[str, str]:
    """Accept at most 50 keys of 40 characters with values of 500; an empty string unsets."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise StripeError("Invalid metadata: must be a hash", param=name)
    if len(value) > 50:
        raise StripeError("You can only have up to 50 metadata keys", param=name)
    for key, item in value.items():
        if len(key) > 40:
            raise StripeError(f"Metadata keys must be at most 40 characters: {key[:50]}", param=f"{name}[{key}]")
        if not isinstance(item, str):
            raise StripeError("Metadata values must be strings", param=f"{name}[{key}]")
        if len(item) > 500:
            raise StripeError("Metadata values must be at most 500 characters", param=f"{name}[{key}]")
    return {key: item for key, item in value.items() if item != ""}


def array(each: Check, most: int = 100) -> Check:
    """Accept a list, each element checked."""

    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise StripeError("Invalid array", param=name)
        if len(value) > most:
            raise StripeError(f"Array {name} exceeded maximum {most} allowed elements.", param=name)
        return [each(item, f"{name}[{place}]") for place, item in enumerate(value)]

    return check


def shape(fields: dict[str, Check], *, required: Collection[str] = (), elsewhere: Collection[str] = ()) -> Check:
    """Accept a hash with exactly these names.

    :param elsewhere: names that Stripe knows but the sandbox does not act out
    """

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=name or None)

        def full(key: str) -> str:
            return f"{name}[{key}]" if name else key

        if unknown := [full(key) for key in value if key not in fields and key not in elsewhere]:
            raise unknown_parameters(unknown)
        if unplayed := [full(key) for key in value if key not in fields]:
            raise not_played(unplayed[0])
        for key in required:
            if key not in value:
                raise missing(full(key))
        return {key: fields[key](item, full(key)) for key, item in value.items()}

    return check


expand = array(text(200), most=20)
created = shape({key: integer() for key in ("gt", "gte", "lt", "lte")})


def moment(value: Any, name: str) -> dict[str, int]:
    """Accept a time filter: an exact Unix time, or a hash of gt, gte, lt, lte."""
    if isinstance(value, str):
        exact = integer()(value, name)
        return {"gte": exact, "lte": exact}
    return dict(created(value, name))


PAGE: dict[str, Check] = {
    "limit": integer(1, 100),
    "starting_after": text(),
    "ending_before": text(),
    "expand": expand,
}
"""What every list takes."""
