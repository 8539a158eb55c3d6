"""The few errors every room may raise; each knows its HTTP status, a stable code and a sentence for people."""

from __future__ import annotations


class ProvvypayError(Exception):
    """Base of all expected failures. `str(error)` is for logs, `public_message` is for people."""

    status = 500
    code = "internal_error"
    public_message = "Something went wrong on our side. Nothing was lost; try again in a moment."

    def __init__(self, detail: str = "", *, public_message: str | None = None, code: str | None = None) -> None:
        super().__init__(detail or public_message or self.public_message)
        if public_message is not None:
            self.public_message = public_message
        if code is not None:
            self.code = code


class NotFound(ProvvypayError):
    """There is no such thing, or it belongs to somebody else: both answer alike."""

    status = 404
    code = "not_found"
    public_message = "There is nothing at this address."


class Forbidden(ProvvypayError):
    """The signed-in member lacks a permission."""

    status = 403
    code = "forbidden"
    public_message = "Your role does not allow this."


class Conflict(ProvvypayError):
    """The thing is no longer in the state the caller saw."""

    status = 409
    code = "conflict"
    public_message = "This was changed in the meantime. Reload the page and look again."


class Gone(Conflict):
    """The thing existed and can no longer be used this way."""

    status = 410
    code = "gone"
    public_message = "This is no longer available."


class Invalid(ProvvypayError):
    """Input that cannot be accepted.

    :ivar fields: field name → sentence that says what to enter
    """

    status = 422
    code = "invalid"
    public_message = "Some of what was entered cannot be used."

    def __init__(self, fields: dict[str, str], *, public_message: str | None = None) -> None:
        super().__init__(", ".join(f"{name}: {text}" for name, text in fields.items()), public_message=public_message)
        self.fields = fields


class Throttled(ProvvypayError):
    """Too many tries.

    :ivar retry_after: whole seconds until the next try may succeed
    """

    status = 429
    code = "throttled"
    public_message = "Too many tries. Wait a little, then try again."

    def __init__(self, retry_after: int, *, public_message: str | None = None) -> None:
        super().__init__(f"retry after {retry_after} s", public_message=public_message)
        self.retry_after = retry_after


class Unavailable(ProvvypayError):
    """Something we depend on does not answer; a later try may succeed.

    :ivar retry_after: whole seconds it wants to be left alone, 0 when it did not say how long; None: it did not ask
    """

    status = 503
    code = "unavailable"
    public_message = "We cannot reach a service we need. Nothing was charged; try again in a moment."
    retry_after: int | None = None
