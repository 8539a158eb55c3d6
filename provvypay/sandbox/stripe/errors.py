"""Stripe's refusals, in Stripe's words.

Reference: https://docs.stripe.com/api/errors, version 2026-10-28.endive, checked 2026-11-22.
"""

from typing import Any


class StripeError(Exception):
    """A refusal with its HTTP status and the body Stripe would send.

    :ivar stored: whether an idempotent replay gets this same answer. Stripe stores what an endpoint
        answered once it began to act, but neither failed validation nor conflicts.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        stored: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.stored = stored
        self.headers = headers or {}

    def body(self, request_id: str, now: int) -> dict[str, Any]:
        """Return the error body; keys Stripe leaves out when they are empty are left out."""
        error: dict[str, Any] = {}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        error["message"] = self.message
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}?t={now}"
        error["type"] = self.kind
        return {"error": error}


def unknown_parameters(names: list[str]) -> StripeError:
    """Refuse parameters Stripe has never heard of, or has removed."""
    word = "parameter" if len(names) == 1 else "parameters"
    return StripeError(f"Received unknown {word}: {', '.join(names)}", code="parameter_unknown", param=names[0])


def not_played(name: str) -> StripeError:
    """Refuse a parameter that is Stripe's but that the sandbox does not act out, rather than ignore it."""
    return StripeError(
        f"The sandbox does not act out the parameter {name}; Stripe itself may accept it.",
        code="sandbox_unsupported",
        param=name,
    )


def missing(name: str) -> StripeError:
    """Refuse a request without a required parameter."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def no_such(kind: str, object_id: str, param: str = "id", status: int = 404) -> StripeError:
    """Say that there is no object of this id."""
    return StripeError(f"No such {kind}: {object_id}", status=status, code="resource_missing", param=param, stored=True)
