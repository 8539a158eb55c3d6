"""Decode what Stripe's clients send: forms and queries whose names nest with brackets.

Reference: https://docs.stripe.com/api, checked with stripe-python 16.1.0, which writes list indexes out
(`expand[0]=…`); `expand[]=…` is accepted as well.
"""

import re
from collections.abc import Iterable
from typing import Any

from provvypay.sandbox.stripe.errors import StripeError

MOST_PARAMETERS = 2000
DEEPEST = 8
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return nested dicts and lists of strings for bracketed names.

    :raises StripeError: for names that cannot be read or contradict each other
    """
    tree: dict[str, Any] = {}
    for count, (name, value) in enumerate(pairs):
        if count >= MOST_PARAMETERS:
            raise StripeError("Too many parameters")
        _put(tree, _path(name), value, name)
    return {key: _listed(value) for key, value in tree.items()}


def _path(name: str) -> list[str]:
    if not (match := _NAME.fullmatch(name)):
        raise StripeError(f"Invalid parameter name: {name}", param=name)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(path) > DEEPEST:
        raise StripeError(f"Parameter is nested too deeply: {name}", param=name)
    return path


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    node = tree
    for place, step in enumerate(path):
        key = str(len(node)) if step == "" else step
        if place == len(path) - 1:
            if isinstance(node.get(key), dict):
                raise StripeError(f"Invalid parameter: {name} is given as a value and as a hash", param=name)
            node[key] = value
        else:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise StripeError(f"Invalid parameter: {name} is given as a value and as a hash", param=name)


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = {key: _listed(value) for key, value in node.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
