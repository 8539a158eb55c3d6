"""Money that needs a person: what arrived, why it is held, and how it is booked. Read-only for now."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, request, url_for

from provvypay.domain.roles import Permission
from provvypay.kit.db import transaction
from provvypay.services import exceptions, keyset
from provvypay.services.ledger import journal_views
from provvypay.web.explorer import has_explorer
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import render

bp = Blueprint("exceptions", __name__, url_prefix="/exceptions")


@bp.get("")
@needs(Permission.MONEY_VIEW)
def index() -> Response:
    """Show the open exceptions, newest first."""
    with transaction(current_org.id) as session:
        page = exceptions.page(session, current_org.id, cursor=keyset.decode(request.args.get("cursor")))
    return render(
        "exceptions/index.html",
        rows=page.rows,
        next_url=url_for("exceptions.index", cursor=page.older) if page.older else None,
        prev_url=url_for("exceptions.index", cursor=page.newer) if page.newer else None,
    )


@bp.get("/<uuid:exception_id>")
@needs(Permission.MONEY_VIEW)
def show(exception_id: uuid.UUID) -> Response:
    """Show one exception with its link and, to those who may look into the books, its journal."""
    with transaction(current_org.id) as session:
        found = exceptions.one(session, current_org.id, exception_id)
        may_look = current_org.allows(Permission.LEDGER_VIEW)
        booked = found.payment_id if may_look else None
        journal = journal_views.of_payment(session, current_org.id, booked) if booked else None
    return render("exceptions/show.html", exception=found, link=_link(found), journal=journal, explorer=has_explorer())


def _link(found: exceptions.ExceptionView) -> dict[str, object] | None:
    if found.link_id is None:
        return None
    return {
        "url": url_for("links.show", link_id=found.link_id),
        "description": found.link_description,
        "amount_minor": found.link_amount_minor,
        "currency": found.link_currency,
    }
