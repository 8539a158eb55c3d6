"""One API request as the endpoints see it."""

from dataclasses import dataclass, field
from typing import Any

from provvypay.sandbox.stripe.expansion import expanded, validate
from provvypay.sandbox.stripe.params import Check
from provvypay.sandbox.stripe.state import StripeState


@dataclass
class Call:
    """A request that passed the gate: authenticated, decoded, and holding the lock."""

    state: StripeState
    params: dict[str, Any]
    request_id: str
    origin: str
    """Where the sandbox itself answers, such as http://127.0.0.1:4010."""
    idempotency_key: str | None = None
    expand: list[str] = field(default_factory=list)

    def check(self, shape: Check, kind: str) -> dict[str, Any]:
        """Return the checked parameters; what `expand` asks is remembered for the answer.

        :param kind: kind of the answer, see `expansion.validate`
        :raises StripeError: for the first parameter that is wrong
        """
        given: dict[str, Any] = shape(self.params, "")
        self.expand = given.pop("expand", [])
        validate(kind, self.expand)
        return given

    def answer(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the object as it is sent, with the asked references expanded."""
        return expanded(self.state, item, self.expand)
