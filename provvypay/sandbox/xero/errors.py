"""How Xero says no: one shape for tokens and connections, one for documents, plain text for the rest."""

import uuid
from typing import Any

ZERO_ID = "00000000-0000-0000-0000-000000000000"
NOT_FOUND = "The resource you're looking for cannot be found"
VALIDATION, POST_DATA, QUERY = 10, 14, 16


class XeroError(Exception):
    """A request that is answered with something other than what it asked for."""

    def __init__(self, status: int, body: dict[str, Any] | str, headers: dict[str, str] | None = None) -> None:
        super().__init__(body if isinstance(body, str) else str(body.get("Message") or body.get("Detail") or body))
        self.status = status
        self.body = body
        self.headers = headers or {}


class Invalid(Exception):
    """One document is refused; the texts are shown to a person.

    :ivar messages: Xero's sentences, at least one
    """

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = list(messages)


def refused(status: int, title: str, detail: str) -> XeroError:
    """Return the answer to a token, scope or tenant that does not fit."""
    body = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return XeroError(status, {**body, "Instance": str(uuid.uuid4()), "Extensions": {}})


def unauthorized(detail: str) -> XeroError:
    return refused(401, "Unauthorized", detail)


def forbidden() -> XeroError:
    return refused(403, "Forbidden", "AuthenticationUnsuccessful")


def not_found() -> XeroError:
    return XeroError(404, NOT_FOUND)


def bad_request(number: int, kind: str, message: str) -> XeroError:
    """Return a refusal of the request as a whole."""
    return XeroError(400, {"ErrorNumber": number, "Type": kind, "Message": message})


def bad_body(message: str) -> XeroError:
    return bad_request(POST_DATA, "PostDataInvalidException", message)


def bad_query(message: str) -> XeroError:
    return bad_request(QUERY, "QueryParseException", message)


def validation(elements: list[dict[str, Any]]) -> XeroError:
    """Return the refusal of documents, each with its ValidationErrors."""
    body = {"ErrorNumber": VALIDATION, "Type": "ValidationException", "Message": "A validation exception occurred"}
    return XeroError(400, {**body, "Elements": elements})


def failed(element: dict[str, Any], id_name: str, problem: Invalid) -> dict[str, Any]:
    """Return a refused document as Xero shows it: what was sent, an id of zeros, and what is wrong with it."""
    errors = [{"Message": message} for message in problem.messages]
    sent = {name: value for name, value in element.items() if value is not None}
    return {**sent, id_name: sent.get(id_name, ZERO_ID), "HasErrors": True, "ValidationErrors": errors}
