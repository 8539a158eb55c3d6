"""What people get when something is wrong: a page, an alert inside the page they have, or JSON for machines."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from provvypay.errors import Invalid, NotFound, ProvvypayError, Throttled, Unavailable
from provvypay.kit import db
from provvypay.web.guards import ask_to_sign_in
from provvypay.web.htmx import wants_fragment
from provvypay.web.request_context import request_id

log = structlog.get_logger(__name__)

_TITLES = {
    400: "This form can’t be accepted",
    403: "Your role does not allow this",
    404: "There is nothing at this address",
    409: "This was changed in the meantime",
    413: "That is too much at once",
    429: "Too many tries",
    500: "Something went wrong on our side",
    503: "We cannot reach a service we need",
}
_SENTENCES = {
    400: "It may be too old. Load the page again and send it once more. Nothing was changed.",
    403: "What you sent came from a page of another site. Open the page here and do it again. Nothing was changed.",
    404: "It may be mistyped, or the thing may belong to another organization than the one you work in now.",
    405: "This address does not take this kind of request.",
    413: "What was sent is larger than this page takes. Nothing was changed.",
    429: "Wait a little, then try again. This limit protects you and everybody else.",
}
# Roles are refused by an error of ours; 403 from anywhere else is a form that another site's page sent.
_FROM_ELSEWHERE = "This came from another site"
# What machines are told; for other statuses the words of the protocol do.
_FOR_MACHINES = {
    404: "There is nothing at this address.",
    405: _SENTENCES[405],
    413: "The body is larger than this address takes.",
}
# Statuses that have no page of their own borrow the nearest one.
_PAGES = {405: 404, 408: 400, 410: 409, 411: 400, 414: 400, 415: 400, 422: 400, 431: 413, 502: 503, 504: 503}
# Connection lost or refused, too many connections, shutting down, cancelled by our own time-outs.
_DATABASE_AWAY = ("08", "53", "57")


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(ProvvypayError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _expected(error: ProvvypayError) -> Response:
    log.info("request.refused", code=error.code, http_status=error.status, detail=str(error))
    # For a page that does not exist the general sentence says more; whatever is special keeps its own.
    general = type(error) is NotFound and error.public_message == NotFound.public_message
    response = answer(error.status, None if general else error.public_message, code=error.code)
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Invalid) and request.blueprint != "webhooks":
        log.info("request.invalid", fields=sorted(error.fields))
    return response


def _http(error: HTTPException) -> Response:
    if error.response is not None and error.code is None:
        return make_response(error.response)
    status = error.code or 500
    if status == 401:
        return ask_to_sign_in()
    if 300 <= status < 400:
        return make_response(error.get_response())
    title = _FROM_ELSEWHERE if status == 403 else None
    response = answer(status, None, code=error.name.lower().replace(" ", "_"), title=title)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and _is_away(error)):
        log.error("database.away", error=type(error).__name__)
        return answer(503, Unavailable.public_message, code=Unavailable.code)
    log.error("request.failed", endpoint=request.endpoint, exc_info=error)
    return answer(500, None, code="internal_error")


def _is_away(error: DBAPIError) -> bool:
    state = db.sqlstate(error)
    return error.connection_invalidated or state is None or state[:2] in _DATABASE_AWAY


def answer(status: int, message: str | None, *, code: str, title: str | None = None) -> Response:
    """Return the answer to a failed request, in the shape its sender understands.

    :param message: a sentence for people; None for the general one of the status
    :param title: None for the general one
    """
    if request.blueprint == "webhooks" or request.path.startswith("/webhooks/"):
        words = (
            message or _FOR_MACHINES.get(status) or f"{HTTPStatus(status).description or HTTPStatus(status).phrase}."
        )
        return make_response(jsonify(error={"code": code, "message": words}), status)
    page = _PAGES.get(status, status if status in _TITLES else (500 if status >= 500 else 400))
    sentence = message or _SENTENCES.get(status) or _SENTENCES.get(page)
    if page == 500:
        sentence = f"{sentence or ProvvypayError.public_message} If you write to us about it, name {request_id()}."
    if wants_fragment():
        body = render_template("errors/_alert.html", title=title or _TITLES[page], message=sentence, http_status=status)
    else:
        again = request.path if page == 429 and request.method == "GET" else None
        heading = title or _TITLES[page]
        body = render_template(f"errors/{page}.html", title=heading, message=sentence, http_status=status, again=again)
    response = make_response(body, status)
    response.vary.update(["HX-Request", "HX-Target"])
    return response
