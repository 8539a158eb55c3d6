"""One template, two answers: the whole page, or the one block htmx asked for.

See docs/decisions/0006-one-template-two-answers.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Response, make_response, render_template, request
from flask import redirect as flask_redirect
from jinja2_fragments.flask import render_blocks

STOP_POLLING = 286  # htmx cancels a poll on this status


def wants_fragment() -> bool:
    """Say whether this is an htmx swap; boosted links and history restores want the page."""
    sent = request.headers
    return sent.get("HX-Request") == "true" and not (
        sent.get("HX-Boosted") == "true" or sent.get("HX-History-Restore-Request") == "true"
    )


def polls_by_itself() -> bool:
    """Say whether a live part of a page asks for itself: htmx names it as what triggers and what is replaced."""
    asked = request.headers.get("HX-Trigger", "")
    return request.method == "GET" and wants_fragment() and asked != "" and asked == request.headers.get("HX-Target")


def render(
    template: str,
    *,
    fragments: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    http_status: int = 200,
    stop_polling: bool = False,
    trigger: Mapping[str, object] | None = None,
    **context: object,
) -> Response:
    """Answer with a block when htmx targets one of `fragments`, else with the page.

    Call it after the transaction: the page's navigation reads for itself.

    :param fragments: blocks this view may serve; each is named like the id of its element
    :param also: blocks sent along out of band (their root carries hx-swap-oob)
    :param trigger: events for the parts of the page that care; fixed names, never a person's text
    """
    target = request.headers.get("HX-Target", "")
    if wants_fragment() and target in fragments:
        body = render_blocks(template, [target, *also], **context)
        response = make_response(body, STOP_POLLING if stop_polling else http_status)
    else:
        response = make_response(render_template(template, **context), http_status)
    response.vary.update(["HX-Request", "HX-Target"])
    if trigger:
        response.headers["HX-Trigger"] = json.dumps(trigger)
    return response


def redirect(url: str) -> Response:
    """Send the visitor on: 303 for browsers, HX-Redirect for htmx."""
    if wants_fragment():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
    else:
        response = make_response(flask_redirect(url, 303))
    response.vary.update(["HX-Request", "HX-Target"])
    return response
