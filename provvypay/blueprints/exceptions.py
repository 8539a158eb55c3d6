"""The inbox of money that needs a person: the list, one of it with what is known, and deciding about it."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.roles import Permission
from provvypay.domain.statuses import ExceptionKind
from provvypay.errors import Conflict, Invalid, NotFound
from provvypay.flows import corrections
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services import exception_list, exceptions, keyset
from provvypay.services.corrections import desk, waiting
from provvypay.services.corrections.decide import Decision
from provvypay.services.corrections.held import Changed
from provvypay.web import exception_pages
from provvypay.web.decision_words import DECISIONS, REQUESTED
from provvypay.web.forms import Fields
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect, render, wants_fragment
from provvypay.web.request_context import actor

bp = Blueprint("exceptions", __name__, url_prefix="/exceptions")


@bp.get("")
@needs(Permission.MONEY_VIEW)
def index() -> Response:
    """Show the exceptions of the filter in the address, newest first."""
    chosen = exception_list.Filter.read(request.args)
    with transaction(current_org.id) as session:
        page = exception_list.page(
            session,
            current_org.id,
            chosen,
            me=current_user.id,
            now=clock.now(),
            cursor=keyset.decode(request.args.get("cursor")),
        )
        asked = waiting.all_of(session, current_org.id, most=20)
    return render(
        "exceptions/index.html",
        rows=page.rows,
        chosen=chosen,
        tabs=[
            (text, _address(chosen.of_state(state)), chosen.state == state)
            for state, text in (("OPEN", "Open"), ("RESOLVED", "Resolved"), ("ALL", "All"))
        ],
        kinds=list(ExceptionKind),
        currencies=sorted(CURRENCIES),
        asked=asked,
        requested=REQUESTED,
        next_url=_address(chosen, page.older) if page.older else None,
        prev_url=_address(chosen, page.newer) if page.newer else None,
    )


@bp.get("/count")
@needs(Permission.MONEY_VIEW)
def count() -> Response:
    """Return the number beside the navigation's word, which asks for itself; people are led to the list."""
    if not wants_fragment():
        return redirect(url_for("exceptions.index"))
    with transaction(current_org.id) as session:
        number = exception_list.count_open(session, current_org.id)
    return render("exceptions/_count.html", fragments=("exceptions_count",), exceptions_open=number)


@bp.get("/<uuid:exception_id>")
@needs(Permission.MONEY_VIEW)
def show(exception_id: uuid.UUID) -> Response:
    """Show one exception: what happened, the evidence, and what may be done."""
    return exception_pages.page(exception_id)


@bp.get("/<uuid:exception_id>/decision")
@needs(Permission.CORRECTIONS_MAKE)
def decision(exception_id: uuid.UUID) -> Response:
    """Ask whether to take a decision, with the journals it will post; first for its link, if it needs one."""
    wanted = exception_pages.decision_of(exception_id, request.args.to_dict())
    if wanted is None:
        return exception_pages.page(exception_id)
    return exception_pages.question(wanted, query=request.args.get("q", ""))


@bp.post("/<uuid:exception_id>/decision")
@needs(Permission.CORRECTIONS_MAKE)
def decide(exception_id: uuid.UUID) -> Response:
    """Take a decision, as the member saw it; 409 with things as they are now when somebody else was faster."""
    fields = Fields(request.form)
    reason = fields.text("reason", most=500)
    wanted = exception_pages.decision_of(exception_id, request.form.to_dict(), version=fields.version(), reason=reason)
    if wanted is None:
        return exception_pages.page(exception_id, http_status=422, problem="Choose what should happen to it.")
    try:
        fields.check()
        taken = corrections.take(current_org.id, wanted, request_id=_id_of(fields.raw("request_id")))
    except Invalid as error:
        fields.take_in(error)
        return _anew(wanted, fields)
    except Changed as error:
        return _changed(wanted, error)
    except Conflict as error:
        return exception_pages.question(wanted, http_status=409, problem=error.public_message)
    if taken.waits:
        flash("It waits for somebody else to approve it. Nothing is booked yet.", "accent")
    else:
        flash(DECISIONS[wanted.action].done, "good")
    settled = taken.settled_link
    here = url_for("exceptions.show", exception_id=exception_id)
    return redirect(url_for("links.show", link_id=settled.id) if settled else here)


def _anew(wanted: Decision, fields: Fields) -> Response:
    """Ask again with what was typed."""
    return exception_pages.question(
        wanted, http_status=422, form=fields.state("reason"), request_id=fields.raw("request_id")
    )


def _changed(wanted: Decision, error: Changed) -> Response:
    """Show things as they are now to who came second; who pressed twice is led on, for it is done."""
    with transaction(current_org.id) as session:
        twice = desk.is_own_deed(
            session,
            current_org.id,
            wanted.exception_id,
            action=wanted.action,
            version=wanted.version,
            actor=wanted.actor,
        )
    if twice:
        return redirect(url_for("exceptions.show", exception_id=wanted.exception_id))
    return exception_pages.page(wanted.exception_id, http_status=409, problem=error.public_message)


@bp.post("/<uuid:exception_id>/comments")
@needs(Permission.CORRECTIONS_MAKE)
def comment(exception_id: uuid.UUID) -> Response:
    """Add a comment."""
    fields = Fields(request.form)
    try:
        with transaction(current_org.id) as session:
            exceptions.one(session, current_org.id, exception_id)
            desk.comment(
                session,
                current_org.id,
                exception_id,
                fields.raw("body"),
                comment_id=_id_of(fields.raw("comment_id")),
                actor=actor(),
            )
    except Invalid as error:
        fields.take_in(error)
        return exception_pages.page(exception_id, http_status=422, form=fields.state("body"))
    return redirect(url_for("exceptions.show", exception_id=exception_id, _anchor="history"))


@bp.post("/<uuid:exception_id>/assignment")
@needs(Permission.CORRECTIONS_MAKE)
def assign(exception_id: uuid.UUID) -> Response:
    """Hand an exception to a member, or to nobody."""
    chosen = Fields(request.form).raw("to")
    try:
        to = uuid.UUID(chosen) if chosen else None
    except ValueError as error:
        raise NotFound(f"member {chosen!r}") from error
    with transaction(current_org.id) as session:
        name = desk.assign(session, current_org.id, exception_id, to, actor=actor())
    flash(f"{name} works on it." if name else "Nobody works on it now.", "quiet")
    return redirect(url_for("exceptions.show", exception_id=exception_id))


def _address(chosen: exception_list.Filter, cursor: str | None = None) -> str:
    """Return the address of a list, or of another page of it."""
    said: dict[str, Any] = chosen.address()
    return url_for("exceptions.index", **said, cursor=cursor)


def _id_of(sent: str) -> uuid.UUID:
    """Return the id a form was given when it was drawn, so that sent twice it does one thing; else a new one."""
    try:
        return uuid.UUID(sent)
    except ValueError:
        return uuid7()
