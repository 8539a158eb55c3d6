"""Xero: connecting a company, and back from its consent page; what is written there stands in xero_books.py."""

from __future__ import annotations

import uuid
from typing import cast
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.flows import xero_connect
from provvypay.flows.xero_connect import BadState
from provvypay.kit.settings import settings
from provvypay.web import xero_pages
from provvypay.web.guards import current_org, needs, signed_in
from provvypay.web.htmx import redirect, render
from provvypay.web.request_context import actor

bp = Blueprint("xero", __name__)


@bp.get("/settings/xero")
@signed_in
def show() -> Response:
    """Say whether a Xero is connected, and how it goes."""
    return xero_pages.state_page()


@bp.post("/settings/xero/connection")
@needs(Permission.XERO_MANAGE)
def connect() -> Response:
    """Lead to Xero's consent page.

    :raises Unavailable: when this installation has no app at Xero
    """
    return redirect(xero_connect.begin(current_org.id, current_user.session_id, current_user.id))


@bp.get("/xero/callback")
@bp.get("/api/xero/callback")
def callback() -> Response:
    """Take in what Xero sends back. It comes to the registered host, and goes on to ours, where the session is."""
    ours = urlsplit(settings().public_base_url)
    if request.host != ours.netloc:
        kept = {name: request.args[name] for name in ("code", "state", "error") if name in request.args}
        onward = f"{settings().public_base_url}{request.path}?{urlencode(kept)}"
        return render("xero/onward.html", onward=onward)
    return cast("Response", _back_from_xero())


@needs(Permission.XERO_MANAGE)
def _back_from_xero() -> Response:
    if request.args.get("error"):
        flash("Nothing was connected: Xero was not given your consent.", "warn")
        return redirect(url_for("xero.show"))
    state, code = request.args.get("state", ""), request.args.get("code", "")
    if not state or not code:
        raise BadState("without state or code")
    consent = xero_connect.finish(current_org.id, current_user.session_id, state=state, code=code, actor=actor())
    if consent.needs_choice:
        return redirect(url_for("xero.companies", grant_id=str(consent.grant_id)))
    flash(f"{consent.companies[0].name} is connected. Say next what goes into which account.", "good")
    return redirect(url_for("xero.show"))


@bp.get("/settings/xero/companies/<uuid:grant_id>")
@needs(Permission.XERO_MANAGE)
def companies(grant_id: uuid.UUID) -> Response:
    """Ask which company is meant; one that is not the last one is never taken by itself."""
    consent = xero_connect.offered(current_org.id, grant_id)
    return render("xero/companies.html", consent=consent)


@bp.post("/settings/xero/companies/<uuid:grant_id>")
@needs(Permission.XERO_MANAGE)
def choose(grant_id: uuid.UUID) -> Response:
    """Connect the chosen company."""
    try:
        tenant_id = uuid.UUID(request.form.get("tenant_id", ""))
    except ValueError:
        consent = xero_connect.offered(current_org.id, grant_id)
        return render("xero/companies.html", http_status=422, consent=consent)
    xero_connect.choose(current_org.id, grant_id, tenant_id, actor=actor())
    flash("The company is connected. Say next what goes into which account.", "good")
    return redirect(url_for("xero.show"))


@bp.get("/settings/xero/disconnection")
@needs(Permission.XERO_MANAGE)
def disconnection() -> Response:
    """Ask whether to disconnect."""
    connection = xero_pages.live_connection()
    if connection is None:
        return redirect(url_for("xero.show"))
    return render("xero/disconnect.html", connection=connection)


@bp.post("/settings/xero/disconnection")
@needs(Permission.XERO_MANAGE)
def disconnect() -> Response:
    """End the connection here, and at Xero if it answers."""
    told = xero_connect.disconnect(current_org.id, actor=actor())
    if told:
        flash("Xero is disconnected. What was written there stays.", "quiet")
    else:
        flash("Xero is disconnected here. Xero itself did not answer: end the connection there too.", "warn")
    return redirect(url_for("xero.show"))
