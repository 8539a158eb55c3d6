"""Lists as Stripe pages them: newest first, by cursor, with filters."""

from collections.abc import Callable, Iterable
from typing import Any

from provvypay.sandbox.stripe.errors import StripeError, no_such

DEFAULT_LIMIT = 10


def page(
    objects: Iterable[dict[str, Any]],
    params: dict[str, Any],
    url: str,
    keep: Callable[[dict[str, Any]], bool] = lambda _: True,
    *,
    newest_first: bool = True,
) -> dict[str, Any]:
    """Return one page of a table.

    :param objects: in the order they were made
    :raises StripeError: for a cursor that names nothing in this table
    """
    everything = list(objects)
    if newest_first:
        everything.reverse()
    places = {item["id"]: place for place, item in enumerate(everything)}
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise StripeError("You can only supply one of ending_before, starting_after.")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in places:
            raise no_such("object", cursor, param=name, status=400)
    limit = params.get("limit", DEFAULT_LIMIT)
    limits = params.get("created")
    matching = [item for item in everything if keep(item) and in_time(item.get("created", 0), limits)]
    if before:
        ahead = [item for item in matching if places[item["id"]] < places[before]]
        chosen, more = ahead[-limit:], len(ahead) > limit
    else:
        behind = [item for item in matching if not after or places[item["id"]] > places[after]]
        chosen, more = behind[:limit], len(behind) > limit
    return {"object": "list", "data": chosen, "has_more": more, "url": url}


def in_time(moment: int, limits: dict[str, int] | None) -> bool:
    """Tell whether a Unix time satisfies a `created` filter."""
    if not limits:
        return True
    return (
        moment > limits.get("gt", moment - 1)
        and moment >= limits.get("gte", moment)
        and moment < limits.get("lt", moment + 1)
        and moment <= limits.get("lte", moment)
    )
