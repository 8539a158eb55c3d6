"""What is written to Xero: which accounts it goes to, the queue, and having it written again."""

from __future__ import annotations

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import Invalid, ProvvypayError
from provvypay.flows import xero_reconcile, xero_sync
from provvypay.kit.db import transaction
from provvypay.services.xero import requests
from provvypay.web import xero_mapping_form, xero_pages
from provvypay.web.forms import Fields
from provvypay.web.guards import current_org, needs, signed_in
from provvypay.web.htmx import redirect
from provvypay.web.request_context import actor

bp = Blueprint("xero_books", __name__, url_prefix="/settings/xero")


@bp.get("/mapping")
@needs(Permission.XERO_MANAGE)
def mapping() -> Response:
    """Show what goes where, with what we suggest until something was chosen; `code` shows what a link would make."""
    connection = xero_pages.live_connection()
    if connection is None:
        return redirect(url_for("xero.show"))
    return xero_pages.mapping_page(connection, xero_mapping_form.state(connection), code=request.args.get("code", ""))


@bp.post("/mapping")
@needs(Permission.XERO_MANAGE)
def save_mapping() -> Response:
    """Keep what was chosen, if the company's chart allows it.

    :raises Conflict: when somebody else saved since this form was loaded
    """
    connection = xero_pages.live_connection()
    if connection is None:
        return redirect(url_for("xero.show"))
    fields = Fields(request.form)
    chosen = xero_mapping_form.read(fields, connection.chart)
    if not fields.valid:
        form = fields.state(*xero_mapping_form.kept(connection.chart))
        return xero_pages.mapping_page(connection, form, http_status=422)
    with transaction(current_org.id) as session:
        requests.save_mapping(session, connection, chosen, version=fields.version(), actor=actor())
    flash("Saved. Paid links are written to Xero from now on.", "good")
    return redirect(url_for("xero.show"))


@bp.post("/chart")
@needs(Permission.XERO_MANAGE)
def read_chart() -> Response:
    """Ask Xero for accounts, tax rates, currencies and lock dates anew."""
    try:
        xero_sync.refresh_chart(current_org.id)
    except ProvvypayError as error:
        flash(error.public_message, "warn")
    else:
        flash("Accounts, tax rates and currencies were read anew.", "good")
    return redirect(url_for("xero_books.mapping"))


@bp.get("/queue")
@signed_in
def queue() -> Response:
    """Show the newest rows; `show` is waiting, failed, synced or skipped."""
    return xero_pages.queue_page(request.args.get("show", ""))


@bp.post("/comparisons")
@needs(Permission.XERO_REPLAY)
def compare() -> Response:
    """Compare our documents with Xero now, and show what differs."""
    try:
        found = xero_reconcile.reconcile(current_org.id, in_person=True)
    except ProvvypayError as error:
        flash(error.public_message, "warn")
    else:
        flash(f"{found} differ from what was written." if found else "Everything stands there as written.", "quiet")
    return redirect(url_for("xero_books.queue"))


@bp.post("/replays")
@needs(Permission.XERO_REPLAY)
def replay() -> Response:
    """Have rows written again: those named by `id`, or all that failed since a day.

    :raises Invalid: without either
    """
    ids = [uuid.UUID(one) for one in request.form.getlist("id") if _is_id(one)]
    since = request.form.get("since", "")
    with transaction(current_org.id) as session:
        if ids:
            recreate = bool(request.form.get("recreate"))
            done = requests.replay(session, current_org.id, ids, recreate=recreate, actor=actor())
        elif since:
            done = requests.replay_failed(session, current_org.id, _moment(since), actor=actor())
        else:
            raise Invalid({"id": "Choose what is to be written again."})
    flash(f"{done} to be written again." if done else "There was nothing to write again.", "quiet")
    return redirect(url_for("xero_books.queue"))


@bp.post("/backfill")
@needs(Permission.XERO_REPLAY)
def backfill() -> Response:
    """Write links paid since a day, also from before the connection."""
    since = _moment(request.form.get("since", ""))
    with transaction(current_org.id) as session:
        done = requests.backfill(session, current_org.id, since, actor=actor())
    flash(f"{done} documents are on their way." if done else "Everything since then is there or on its way.", "quiet")
    return redirect(url_for("xero_books.queue"))


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _moment(day: str) -> dt.datetime:
    """Return the beginning of a day in the organization's zone.

    :raises Invalid: for what is no day
    """
    try:
        found = dt.date.fromisoformat(day)
    except ValueError as error:
        raise Invalid({"since": "Enter a day."}) from error
    return dt.datetime.combine(found, dt.time(), ZoneInfo(current_org.time_zone))
