"""Payment links: the list, making and editing them, one link with its timeline, rates and books, and its QR code."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Forbidden, Invalid, NotFound
from provvypay.flows import create_link
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import link_crypto, link_story, link_views, return_views, returns
from provvypay.services.corrections import waiting
from provvypay.services.fx import reads as fx_reads
from provvypay.services.ledger import journal_views
from provvypay.services.link_changes import CHANGEABLE
from provvypay.services.state_machine import IllegalStep
from provvypay.web import link_form, link_lists, qr, xero_pages
from provvypay.web.explorer import has_explorer
from provvypay.web.forms import Fields
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect, render
from provvypay.web.link_pages import (
    base_url,
    changed_meanwhile,
    edit_page,
    ended,
    new_page,
    offered,
    stored,
    stored_with_contact,
    view,
)
from provvypay.web.request_context import actor

bp = Blueprint("links", __name__, url_prefix="/links")

_TABS = {"overview": "Overview", "timeline": "Timeline", "rates": "Rates", "books": "Books", "xero": "Xero"}


@bp.get("")
@needs(Permission.LINKS_VIEW)
def index() -> Response:
    """Show links in the order and with the filter of the address; the whole page or its table."""
    return link_lists.list_page()


@bp.get("/export.csv")
@needs(Permission.LINKS_VIEW)
def export() -> Response:
    """Return the links of a list as CSV, all pages of it."""
    return link_lists.csv_file()


@bp.post("/cancellations")
@needs(Permission.LINKS_MANAGE)
def cancel_many() -> Response:
    """Ask whether to cancel the chosen links; once confirmed, do it and say what was not possible."""
    return link_lists.cancellation()


@bp.get("/new")
@needs(Permission.LINKS_MANAGE)
def new() -> Response:
    """Show the form of a new link; with `from`, it says what that link says."""
    original = request.args.get("from", "")
    if not original:
        return new_page(link_form.blank(current_org.currency, offered()))
    try:
        link, contact = stored_with_contact(uuid.UUID(original))
    except ValueError as error:
        raise NotFound(f"link {original!r}") from error
    return new_page(link_form.of_copy(link, contact, current_org.time_zone))


@bp.post("")
@needs(Permission.LINKS_MANAGE)
def create() -> Response:
    """Make a link, as open or as a draft; the same form sent again leads to the same link."""
    fields = Fields(request.form)
    details = link_form.read(fields, current_org.time_zone, clock.now(), offered=offered())
    action = "draft" if fields.raw("action") == "draft" else "open"
    if fields.valid:
        try:
            link = create_link.create_link(
                current_org.id,
                details,
                actor=actor(),
                open_now=action == "open",
                link_id=link_form.link_id(fields, action, current_org.id, current_user.id),
            )
        except Invalid as error:
            fields.take_in(error)
        else:
            return redirect(url_for("links.show", link_id=link.id))
    return new_page(link_form.state(fields, "form_key"), 422)


@bp.get("/<uuid:link_id>")
@needs(Permission.LINKS_VIEW)
def show(link_id: uuid.UUID) -> Response:
    """Show one link, or the live part of its page; each tab has an address of its own.

    :raises Forbidden: for the books, when the member's role may not look into them
    """
    tabs = {name: text for name, text in _TABS.items() if name != "books" or current_org.allows(Permission.LEDGER_VIEW)}
    tab = request.args.get("tab", "overview")
    if tab in _TABS and tab not in tabs:
        raise Forbidden(f"{current_org.role} lacks {Permission.LEDGER_VIEW}")
    tab = tab if tab in tabs else "overview"
    with transaction(current_org.id) as session:
        org = current_org.id
        link = view(session, link_id)
        payment = link_views.payment(session, org, link_id)
        with_steps = tab in {"overview", "timeline"}
        steps = link_story.steps(session, org, link_id, link.status) if with_steps else []
        crypto = link_crypto.of_link(session, org, link_id, link.amount_minor, now=clock.now())
        rates = fx_reads.of_link(session, org, link_id) if tab == "rates" else []
        went_back = return_views.of_link(session, org, link_id)
        can_refund = link.status != LinkStatus.OPEN and _may_refund() and returns.can_go_back(session, org, link_id)
        journals = journal_views.of_link(session, org, link_id) if tab == "books" else []
        correction = waiting.of_link(session, org, link_id)
    waits = link.status == LinkStatus.OPEN or went_back.waits or (payment is not None and payment.fee_state != "KNOWN")
    return render(
        "links/show.html",
        fragments=("link_live",),
        stop_polling=not waits,
        link=link,
        payment=payment,
        went_back=went_back,
        can_refund=can_refund,
        correction=correction,
        steps=steps,
        rates=rates,
        journals=journals,
        xero_rows=xero_pages.rows_of_link(link_id) if tab == "xero" else [],
        may_replay=current_org.allows(Permission.XERO_REPLAY),
        by_account=journal_views.by_account(journals),
        crypto=crypto,
        explorer=has_explorer(),
        qr_svg=qr.inline(link.pay_url) if tab == "overview" and link.status != LinkStatus.DRAFT else "",
        tab=tab,
        tabs=list(tabs.items()),
    )


@bp.get("/<uuid:link_id>/edit")
@needs(Permission.LINKS_MANAGE)
def edit(link_id: uuid.UUID) -> Response:
    """Show the form of a draft or an open link; one that has ended shows itself."""
    link, contact = stored_with_contact(link_id)
    if link.status not in CHANGEABLE:
        return redirect(url_for("links.show", link_id=link_id))
    return edit_page(link, link_form.of_link(link, contact, current_org.time_zone))


@bp.post("/<uuid:link_id>/edit")
@needs(Permission.LINKS_MANAGE)
def save(link_id: uuid.UUID) -> Response:
    """Save a link, and open a draft if asked to; 409 with what was typed when somebody else saved it meanwhile."""
    link = stored(link_id)
    if link.status not in CHANGEABLE:
        # Before anything is read: the form of an open link sends no money, and that of a draft may be incomplete.
        raise ended(link)
    fields = Fields(request.form)
    details = link_form.read(fields, current_org.time_zone, clock.now(), offered=offered(), link=link)
    if fields.valid:
        try:
            saved = create_link.edit(current_org.id, link_id, details, version=fields.version(), actor=actor())
        except Invalid as error:
            fields.take_in(error)
        except Conflict as error:
            return changed_meanwhile(link_id, fields, details, error)
        else:
            if fields.raw("action") == "open" and saved.status == LinkStatus.DRAFT:
                create_link.activate(current_org.id, link_id, actor=actor())
            return redirect(url_for("links.show", link_id=link_id))
    return edit_page(link, link_form.state(fields, "version"), 422)


@bp.post("/<uuid:link_id>/activation")
@needs(Permission.LINKS_MANAGE)
def activation(link_id: uuid.UUID) -> Response:
    """Open a draft, as the member saw it.

    :raises Conflict: when it was changed since: nobody opens an amount they have not seen
    """
    link = stored(link_id)
    if link.status == LinkStatus.DRAFT and link.version != Fields(request.form).version():
        raise Conflict(f"link {link_id} is version {link.version}")
    try:
        create_link.activate(current_org.id, link_id, actor=actor())
    except Invalid as error:
        flash(next(iter(error.fields.values())), "warn")
        return redirect(url_for("links.edit", link_id=link_id))
    flash("The link is open. Send it to your customer.", "good")
    return redirect(url_for("links.show", link_id=link_id))


@bp.get("/<uuid:link_id>/cancellation")
@needs(Permission.LINKS_MANAGE)
def cancellation(link_id: uuid.UUID) -> Response:
    """Ask whether to cancel, for browsers without scripts."""
    with transaction(current_org.id) as session:
        link = view(session, link_id)
    if not link.can_cancel:
        return redirect(url_for("links.show", link_id=link_id))
    return render("links/cancel.html", link=link, changed=False)


@bp.post("/<uuid:link_id>/cancellation")
@needs(Permission.LINKS_MANAGE)
def cancel(link_id: uuid.UUID) -> Response:
    """Cancel an open link or discard a draft, as the member saw it; 409 with the question anew when it was changed.

    :raises IllegalStep: when it is paid, expired or canceled already
    """
    version = Fields(request.form).version()
    try:
        link = create_link.cancel(current_org.id, link_id, actor=actor(), version=version)
    except IllegalStep:
        raise
    except Conflict:
        with transaction(current_org.id) as session:
            shown = view(session, link_id)
        return render("links/cancel.html", http_status=409, link=shown, changed=True)
    flash("The draft is discarded." if link.opened_at is None else "The link is canceled.", "quiet")
    return redirect(url_for("links.show", link_id=link_id))


@bp.post("/<uuid:link_id>/duplicate")
@needs(Permission.LINKS_MANAGE)
def duplicate(link_id: uuid.UUID) -> Response:
    """Lead to the form of a new link that says what this one says; nothing is made before that form is sent."""
    original: dict[str, Any] = {"from": stored(link_id).id}
    return redirect(url_for("links.new", **original))


@bp.post("/<uuid:link_id>/archiving")
@needs(Permission.LINKS_MANAGE)
def archive(link_id: uuid.UUID) -> Response:
    """Put a link that has ended out of sight of the lists.

    :raises Conflict: while it can still be paid or opened
    """
    create_link.archive(current_org.id, link_id, actor=actor())
    flash("The link is archived. You find it under Archived.", "quiet")
    return redirect(url_for("links.show", link_id=link_id))


@bp.post("/<uuid:link_id>/unarchiving")
@needs(Permission.LINKS_MANAGE)
def unarchive(link_id: uuid.UUID) -> Response:
    """Bring a link back into the lists."""
    create_link.unarchive(current_org.id, link_id, actor=actor())
    flash("The link is back in the list.", "quiet")
    return redirect(url_for("links.show", link_id=link_id))


@bp.get("/<uuid:link_id>/qr.svg")
@needs(Permission.LINKS_VIEW)
def qr_svg(link_id: uuid.UUID) -> Response:
    """Return the QR code of the pay page as a drawing; `size` is small, medium or large in print."""
    link = _opened(link_id)
    return qr.svg_file(
        link_views.pay_url(base_url(), link.short_code), link.short_code, size=request.args.get("size", "")
    )


@bp.get("/<uuid:link_id>/qr.png")
@needs(Permission.LINKS_VIEW)
def qr_png(link_id: uuid.UUID) -> Response:
    """Return the QR code of the pay page as a picture, see qr_svg()."""
    link = _opened(link_id)
    return qr.png_file(
        link_views.pay_url(base_url(), link.short_code), link.short_code, size=request.args.get("size", "")
    )


# ---------------------------------------------------------------- what the views share


def _may_refund() -> bool:
    return current_org.allows(Permission.REFUNDS_REQUEST)


def _opened(link_id: uuid.UUID) -> PaymentLink:
    link = stored(link_id)
    if link.opened_at is None:
        raise NotFound(f"link {link_id} was never open: it has no pay page")
    return link
