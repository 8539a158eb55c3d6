"""Links marked as paid by hand and that undone; and corrections that wait for a second person."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import Conflict
from provvypay.flows import corrections
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services import payment_links
from provvypay.web import correction_pages, mark_form
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect
from provvypay.web.request_context import actor

bp = Blueprint("corrections", __name__)

_WAITS = "It waits for somebody else to approve it. Nothing is booked yet."


@bp.get("/links/<uuid:link_id>/manual-payment")
@needs(Permission.CORRECTIONS_MAKE)
def mark(link_id: uuid.UUID) -> Response:
    """Show the form that marks a link as paid, with the journals it will post."""
    return mark_form.page(link_id, mark_form.blank())


@bp.post("/links/<uuid:link_id>/manual-payment")
@needs(Permission.CORRECTIONS_MAKE)
def mark_paid(link_id: uuid.UUID) -> Response:
    """Mark a link as paid; the same form sent twice marks it once. 409 with why when it cannot be any more."""
    _exists(link_id)
    fields = Fields(request.form)
    wanted = mark_form.read(fields, link_id)
    if not fields.valid:
        return mark_form.page(link_id, mark_form.state(fields), 422)
    try:
        done = corrections.mark_paid(current_org.id, wanted)
    except Conflict as error:
        return mark_form.page(link_id, mark_form.state(fields), 409, problem=error.public_message)
    if done is None:
        flash(_WAITS, "accent")
    else:
        flash("Marked as paid.", "good")
    return redirect(url_for("links.show", link_id=link_id))


@bp.get("/links/<uuid:link_id>/manual-payment/undoing")
@needs(Permission.CORRECTIONS_MAKE)
def undo(link_id: uuid.UUID) -> Response:
    """Ask whether to undo a mark, with the journals that take it back."""
    return mark_form.undo_page(link_id, FormState())


@bp.post("/links/<uuid:link_id>/manual-payment/undoing")
@needs(Permission.CORRECTIONS_MAKE)
def undo_mark(link_id: uuid.UUID) -> Response:
    """Undo a mark; 409 with why when the link is not marked any more."""
    _exists(link_id)
    fields = Fields(request.form)
    reason = fields.text("reason", "Say why the mark was wrong.", most=500)
    if not fields.valid:
        return mark_form.undo_page(link_id, fields.state("reason", "request_id"), 422)
    try:
        request_id = uuid.UUID(fields.raw("request_id"))
    except ValueError:
        request_id = uuid7()
    try:
        done = corrections.undo_mark(current_org.id, link_id, actor=actor(), reason=reason, request_id=request_id)
    except Conflict as error:
        return mark_form.undo_page(link_id, fields.state("reason"), 409, problem=error.public_message)
    flash("The mark is undone. Its journals are taken back." if done else _WAITS, "quiet" if done else "accent")
    return redirect(url_for("links.show", link_id=link_id))


@bp.get("/corrections/<uuid:request_id>")
@needs(Permission.MONEY_VIEW)
def show(request_id: uuid.UUID) -> Response:
    """Show a correction somebody asked for, with the journals it would post now."""
    return correction_pages.page(request_id)


@bp.post("/corrections/<uuid:request_id>/approval")
@needs(Permission.CORRECTIONS_MAKE)
def approve(request_id: uuid.UUID) -> Response:
    """Do what somebody else asked for; 409 with why when it is not possible any more."""
    version = Fields(request.form).version()
    try:
        row = corrections.approve(current_org.id, request_id, actor=actor(), version=version)
    except Conflict as error:
        return correction_pages.page(request_id, 409, problem=error.public_message)
    flash("Approved and done.", "good")
    if row.link_id is not None:
        return redirect(url_for("links.show", link_id=row.link_id))
    return redirect(url_for("exceptions.show", exception_id=row.exception_id))


@bp.post("/corrections/<uuid:request_id>/rejection")
@needs(Permission.CORRECTIONS_MAKE)
def reject(request_id: uuid.UUID) -> Response:
    """Decline what somebody else asked for."""
    corrections.reject(current_org.id, request_id, actor=actor())
    flash("Declined. Nothing was booked.", "quiet")
    return redirect(url_for("corrections.show", request_id=request_id))


@bp.post("/corrections/<uuid:request_id>/withdrawal")
@needs(Permission.CORRECTIONS_MAKE)
def withdraw(request_id: uuid.UUID) -> Response:
    """Take back what one asked for oneself."""
    corrections.withdraw(current_org.id, request_id, actor=actor())
    flash("Taken back. Nothing was booked.", "quiet")
    return redirect(url_for("corrections.show", request_id=request_id))


def _exists(link_id: uuid.UUID) -> None:
    """Refuse a link of another organization before its form is judged.

    :raises NotFound: for it, and for one there is not alike
    """
    with transaction(current_org.id) as session:
        payment_links.get(session, link_id)
