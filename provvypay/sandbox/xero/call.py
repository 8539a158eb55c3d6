"""One request of the Accounting API as the endpoints see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from provvypay.sandbox.xero import errors, shapes
from provvypay.sandbox.xero.errors import Invalid
from provvypay.sandbox.xero.organisations import Row, Tenant
from provvypay.sandbox.xero.state import XeroState

Save = Callable[["Call", Row], Row]
"""Takes one document of the request, stores it, and returns it as it is shown."""
MOST_DOCUMENTS = 50


@dataclass
class Call:
    """A request that passed the gate, holding the lock."""

    state: XeroState
    tenant: Tenant
    method: str
    args: dict[str, str]
    """Query parameters; their names in small letters."""
    raw: bytes
    modified_since: str | None = None

    @property
    def now(self) -> float:
        """Return Unix seconds in the sandbox's time."""
        return self.state.core.clock.exact()

    def elements(self, collection: str) -> list[Row]:
        """Return the documents of the body: a list under the collection's name, a bare list, or one bare object.

        :raises XeroError: when the body is something else
        """
        body = self.body()
        found = body.get(collection, [body]) if isinstance(body, dict) else body
        if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
            raise errors.bad_body("The supplied filter/post data was not in a recognised format.")
        if len(found) > MOST_DOCUMENTS:
            raise errors.bad_body(f"At most {MOST_DOCUMENTS} documents a call.")
        for row in found:
            shapes.check(row)
        return found

    def body(self) -> Any:
        """Return the JSON of the body, numbers exact.

        :raises XeroError: when it is none
        """
        try:
            return json.loads(self.raw, parse_float=Decimal, parse_constant=_no_constant)
        except ValueError:
            raise errors.bad_body("JSON for post data was invalid") from None

    def save_all(self, collection: str, id_name: str, save: Save) -> dict[str, Any]:
        """Store every document, or none when one is refused; with summarizeErrors=false the good ones alone.

        :raises XeroError: ValidationException, with the refused ones in it
        """
        rows, one_by_one = self.elements(collection), self.args.get("summarizeerrors", "").lower() == "false"
        undo = None if len(rows) == 1 or one_by_one else self.tenant.copied()
        done: list[Row] = []
        bad: list[Row] = []
        for row in rows:
            try:
                saved = save(self, row)
            except Invalid as problem:
                refused = errors.failed(row, id_name, problem)
                bad.append(refused)
                done.append({**refused, "StatusAttributeString": "ERROR"})
            else:
                done.append({**saved, "StatusAttributeString": "WARNING" if saved.get("Warnings") else "OK"})
        self.state.core.touch()
        if one_by_one:
            return {collection: done}
        if bad:
            if undo:
                self.tenant.restore(undo)
            raise errors.validation(bad)
        return {collection: [{k: v for k, v in row.items() if k != "StatusAttributeString"} for row in done]}


def _no_constant(name: str) -> None:
    raise ValueError(name)
