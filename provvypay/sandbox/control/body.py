"""Read the JSON bodies of the control door, and write its answers."""

from typing import Any

from flask import Response, request

from provvypay.sandbox.jsontext import to_json
from provvypay.sandbox.wishes import CannotDo


def answer(body: Any, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(to_json(body, indent=2) + "\n", status, content_type="application/json; charset=utf-8")


def given(*allowed: str) -> dict[str, Any]:
    """Return the request's JSON object; no body is an empty one.

    :param allowed: the names it may have; none named: the caller checks
    :raises CannotDo: for anything else
    """
    if not request.get_data():
        return {}
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise CannotDo("Send a JSON object, with Content-Type: application/json", 415)
    if allowed and (unknown := set(body) - set(allowed)):
        raise CannotDo(f"Unknown name {', '.join(sorted(unknown))}; there are {', '.join(allowed)}")
    return body


def number(body: dict[str, Any], name: str, default: float | None = None) -> float:
    """Return a number of the body.

    :raises CannotDo: when it is none
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotDo(f"{name} must be a number")
    return value


def flag(body: dict[str, Any], name: str, *, default: bool = False) -> bool:
    """Return true or false.

    :raises CannotDo: when it is neither
    """
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise CannotDo(f"{name} must be true or false")
    return value


def text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a string of the body.

    :raises CannotDo: when it is none
    """
    value = body.get(name, default)
    if not isinstance(value, str):
        raise CannotDo(f"{name} must be a string")
    return value


def words(body: dict[str, Any], name: str) -> list[str] | None:
    """Return a list of strings, or None when the body has none.

    :raises CannotDo: when it is something else
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CannotDo(f"{name} must be a list of strings")
    return value
