"""Payment links: the list, making and editing them, one link with its timeline, rates and books, and its QR code."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Forbidden, Invalid, NotFound
from provvypay.flows import create_link
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.models.payment_link import PaymentLink
from provvypay.services import keyset, link_story, link_views, payment_links
from provvypay.services.fx import reads as fx_reads
from provvypay.services.ledger import journal_views
from provvypay.services.payment_links import LinkDetails
from provvypay.web import link_form, qr
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect, render
from provvypay.web.request_context import actor

bp = Blueprint("links", __name__, url_prefix="/links")

_FASTER = (
    "Somebody saved this draft in the meantime. What you typed is not saved yet; "
    "save again to put it in place of theirs."
)
_TABS = {"overview": "Overview", "timeline": "Timeline", "rates": "Rates", "books": "Books"}


@bp.get("")
@needs(Permission.LINKS_VIEW)
def index() -> Response:
    """Show links, newest first; the whole page or its table."""
    asked = request.args.get("status", "")
    status = asked if asked in link_views.STATUSES else None
    query = link_views.searchable(request.args.get("q", ""))
    cursor = keyset.decode(request.args.get("cursor"))
    with transaction(current_org.id) as session:
        page = link_views.page(session, current_org.id, status=status, query=query, cursor=cursor)
        # They count all links: beside a search they would say something else than the list.
        counts = {} if query else link_views.counts(session, current_org.id)
    return render(
        "links/index.html",
        fragments=("links_table",),
        rows=page.rows,
        status=status,
        counts=counts,
        q=query,
        next_url=_page_url(status, query, page.older),
        prev_url=_page_url(status, query, page.newer),
    )


@bp.get("/new")
@needs(Permission.LINKS_MANAGE)
def new() -> Response:
    """Show the form of a new link."""
    return _new_page(link_form.blank(current_org.currency))


@bp.post("")
@needs(Permission.LINKS_MANAGE)
def create() -> Response:
    """Make a link, as open or as a draft; the same form sent again leads to the same link."""
    fields = Fields(request.form)
    details = link_form.read(fields, current_org.time_zone, clock.now())
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
    return _new_page(fields.state(*link_form.TYPED, "form_key"), 422)


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
        link = link_views.one(session, org, link_id, public_base_url=_base(), may_manage=_may_manage())
        payment = link_views.payment(session, org, link_id)
        with_steps = tab in {"overview", "timeline"}
        steps = link_story.steps(session, org, link_id, link.status) if with_steps else []
        rates = fx_reads.of_link(session, org, link_id) if tab == "rates" else []
        journals = journal_views.of_link(session, org, link_id) if tab == "books" else []
    waits = link.status == LinkStatus.OPEN or (payment is not None and payment.fee_state != "KNOWN")
    return render(
        "links/show.html",
        fragments=("link_live",),
        stop_polling=not waits,
        link=link,
        payment=payment,
        steps=steps,
        rates=rates,
        journals=journals,
        qr_svg=qr.inline(link.pay_url) if tab == "overview" and link.status != LinkStatus.DRAFT else "",
        tab=tab,
        tabs=list(tabs.items()),
    )


@bp.get("/<uuid:link_id>/edit")
@needs(Permission.LINKS_MANAGE)
def edit(link_id: uuid.UUID) -> Response:
    """Show the form of a draft; a link that is no draft any more shows itself."""
    link = _stored(link_id)
    if link.status != LinkStatus.DRAFT:
        return redirect(url_for("links.show", link_id=link_id))
    return _edit_page(link_id, link_form.of_draft(link, current_org.time_zone))


@bp.post("/<uuid:link_id>/edit")
@needs(Permission.LINKS_MANAGE)
def save(link_id: uuid.UUID) -> Response:
    """Save a draft, and open it if asked to; 409 with what was typed when somebody else saved it meanwhile."""
    fields = Fields(request.form)
    details = link_form.read(fields, current_org.time_zone, clock.now())
    if fields.valid:
        try:
            create_link.edit_draft(current_org.id, link_id, details, version=fields.version(), actor=actor())
        except Invalid as error:
            fields.take_in(error)
        except Conflict:
            return _changed_meanwhile(link_id, fields, details)
        else:
            if fields.raw("action") == "open":
                create_link.activate(current_org.id, link_id, actor=actor())
            return redirect(url_for("links.show", link_id=link_id))
    _stored(link_id)
    return _edit_page(link_id, fields.state(*link_form.TYPED, "version"), 422)


@bp.post("/<uuid:link_id>/activation")
@needs(Permission.LINKS_MANAGE)
def activation(link_id: uuid.UUID) -> Response:
    """Open a draft, as the member saw it.

    :raises Conflict: when it was changed since: nobody opens an amount they have not seen
    """
    link = _stored(link_id)
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
        link = link_views.one(session, current_org.id, link_id, public_base_url=_base(), may_manage=_may_manage())
    if not link.can_cancel:
        return redirect(url_for("links.show", link_id=link_id))
    return render("links/cancel.html", link=link)


@bp.post("/<uuid:link_id>/cancellation")
@needs(Permission.LINKS_MANAGE)
def cancel(link_id: uuid.UUID) -> Response:
    """Cancel an open link, or discard a draft.

    :raises IllegalStep: when it is paid, expired or canceled already
    """
    link = create_link.cancel(current_org.id, link_id, actor=actor())
    flash("The draft is discarded." if link.opened_at is None else "The link is canceled.", "quiet")
    return redirect(url_for("links.show", link_id=link_id))


@bp.get("/<uuid:link_id>/qr.svg")
@needs(Permission.LINKS_VIEW)
def qr_svg(link_id: uuid.UUID) -> Response:
    """Return the QR code of the pay page, to scale to any size."""
    link = _opened(link_id)
    return qr.svg_file(link_views.pay_url(_base(), link.short_code), link.short_code)


@bp.get("/<uuid:link_id>/qr.png")
@needs(Permission.LINKS_VIEW)
def qr_png(link_id: uuid.UUID) -> Response:
    """Return the QR code of the pay page, as a picture."""
    link = _opened(link_id)
    return qr.png_file(link_views.pay_url(_base(), link.short_code), link.short_code)


# ---------------------------------------------------------------- what the views share


def _base() -> str:
    return settings().public_base_url


def _may_manage() -> bool:
    return current_org.allows(Permission.LINKS_MANAGE)


def _stored(link_id: uuid.UUID) -> PaymentLink:
    with transaction(current_org.id) as session:
        return payment_links.get(session, link_id)


def _opened(link_id: uuid.UUID) -> PaymentLink:
    link = _stored(link_id)
    if link.opened_at is None:
        raise NotFound(f"link {link_id} was never open: it has no pay page")
    return link


def _page_url(status: str | None, query: str, cursor: str | None) -> str | None:
    return url_for("links.index", status=status, q=query or None, cursor=cursor) if cursor else None


def _new_page(form: FormState, http_status: int = 200) -> Response:
    return render(
        "links/new.html",
        fragments=("link_form",),
        http_status=http_status,
        form=form,
        currencies=link_form.currencies(),
    )


def _edit_page(link_id: uuid.UUID, form: FormState, http_status: int = 200) -> Response:
    return render(
        "links/edit.html",
        fragments=("link_form",),
        http_status=http_status,
        form=form,
        currencies=link_form.currencies(),
        link_id=link_id,
    )


def _changed_meanwhile(link_id: uuid.UUID, fields: Fields, typed: LinkDetails) -> Response:
    """Keep what was typed and say beside it what the draft holds by now; sending the form again replaces that.

    :raises Conflict: for a link that was opened or discarded meanwhile: it can only be looked at
    """
    link = _stored(link_id)
    if link.status != LinkStatus.DRAFT:
        raise Conflict(
            f"link {link_id} is {link.status}",
            public_message="This draft was opened or discarded in the meantime, so it can’t be edited any more.",
        )
    form = fields.state(*link_form.TYPED, summary=_FASTER)
    form.values["version"] = str(link.version)
    form.errors = link_form.differences(link, typed)
    response = _edit_page(link_id, form, 409)
    # The page puts a 409 into its alerts; this one brings the form itself.
    response.headers["HX-Retarget"] = "#link_form"
    response.headers["HX-Reswap"] = "outerHTML"
    return response
