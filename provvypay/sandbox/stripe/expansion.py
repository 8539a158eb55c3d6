"""Replace ids by the objects they stand for, as the parameter `expand` asks.

Reference: https://docs.stripe.com/expand: dot paths, at most four levels, on lists below `data`.
"""

import copy
from typing import Any

from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState

DEEPEST = 4
LIST_OF = "list of "
EXPANDABLE: dict[str, dict[str, str]] = {
    "checkout.session": {
        "payment_intent": "payment_intent",
        "line_items": LIST_OF + "item",
        "customer": "customer",
        "invoice": "invoice",
        "payment_link": "payment_link",
        "setup_intent": "setup_intent",
    },
    "payment_intent": {
        "latest_charge": "charge",
        "payment_method": "payment_method",
        "customer": "customer",
        "application": "application",
        "on_behalf_of": "account",
        "review": "review",
    },
    "charge": {
        "balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "refunds": LIST_OF + "refund",
        "customer": "customer",
        "application": "application",
        "review": "review",
    },
    "balance_transaction": {"source": "charge"},
    "refund": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "charge": "charge",
        "payment_intent": "payment_intent",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
}
"""What may be expanded in an object of each kind, and the kind it becomes."""


def validate(kind: str, paths: list[str]) -> None:
    """Refuse paths that are too deep or lead through something that cannot be expanded, before anything is done.

    :param kind: kind of the answer, such as "checkout.session" or "list of checkout.session"
    :raises StripeError: naming the first such path
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            words = f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}"
            raise StripeError(words, param="expand")
        at = kind
        for step in steps:
            if at.startswith(LIST_OF) and step == "data":
                at = at.removeprefix(LIST_OF)
            elif step in EXPANDABLE.get(at, {}):
                at = EXPANDABLE[at][step]
            else:
                raise StripeError(f"This property cannot be expanded ({path}).", param="expand")


def expanded(state: StripeState, item: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """Return a copy of an object or list with the named references replaced. The paths are valid."""
    result = copy.deepcopy(item)
    for path in paths:
        _expand(state, [result], path.split("."))
    return result


def _expand(state: StripeState, nodes: list[dict[str, Any]], steps: list[str]) -> None:
    if not steps:
        return
    step, rest = steps[0], steps[1:]
    for node in nodes:
        if step == "data":
            _expand(state, node["data"], rest)
            continue
        node[step] = _target(state, node, step)
        if isinstance(node[step], dict):
            _expand(state, [node[step]], rest)


def _target(state: StripeState, node: dict[str, Any], step: str) -> Any:
    value = node.get(step)
    if isinstance(value, dict):  # an earlier path has been here
        return value
    if step == "line_items":
        rows = state.table("line_items").values()
        items = [item for item in rows if state.notes[item["id"]]["session"] == node["id"]]
        return _short_list(items, f"/v1/checkout/sessions/{node['id']}/line_items")
    if step == "refunds":
        mine = [row for row in reversed(state.table("refunds").values()) if row["charge"] == node["id"]]
        return _short_list(mine, f"/v1/charges/{node['id']}/refunds")
    return copy.deepcopy(state.find(value)) if isinstance(value, str) else value


def _short_list(items: list[dict[str, Any]], url: str) -> dict[str, Any]:
    return {"object": "list", "data": copy.deepcopy(items), "has_more": False, "url": url}
