"""What this member was told, newest first, and the act of having read it."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from flask_login import current_user

from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services import notifications
from provvypay.web import return_notices, xero_words
from provvypay.web.activity import exception_title
from provvypay.web.decision_words import CORRECTIONS, REQUESTED
from provvypay.web.formatting import money
from provvypay.web.guards import current_org, signed_in
from provvypay.web.htmx import redirect, render, wants_fragment

bp = Blueprint("notifications", __name__)


@bp.get("/notifications")
@signed_in
def index() -> Response:
    """Show the whole page, or its list."""
    return _page()


@bp.post("/notifications/readings")
@signed_in
def mark_all_read() -> Response:
    """Mark everything as read."""
    with transaction(current_org.id) as session:
        notifications.mark_all_read(session, current_org.id, current_user.id, now=clock.now())
    return _page() if wants_fragment() else redirect(url_for("notifications.index"))


def _page() -> Response:
    with transaction(current_org.id) as session:
        rows = notifications.newest(session, current_org.id, current_user.id)
    return render("notifications/index.html", fragments=("notifications_list",), rows=[_row(one) for one in rows])


def _row(told: notifications.Told) -> dict[str, object]:
    if told.kind.startswith("xero."):
        title, detail, url = xero_words.notice(told)
        return {"title": title, "detail": detail, "at": told.at, "read": told.read, "url": url}
    worth = told.data.get("amount_minor")
    # Money that could not be valued has no amount, and money that names no link no description.
    amount = money(int(worth), str(told.data["currency"])) if worth else "Money"
    about = str(told.data.get("description") or "Money without a link")
    if told.kind == "payment.exception":
        title, detail = f"{amount} needs you", f"{about}. {exception_title(str(told.data.get('kind')))}"
        url = url_for("exceptions.show", exception_id=told.cause_id)
    elif told.kind == "card.paused":
        title = "Card payments paused"
        detail = (
            f"{about}: {told.data['declines']} cards were declined within minutes. Somebody may be trying stolen "
            "cards. Nothing was charged, and the link takes cards again after half an hour."
        )
        url = url_for("links.show", link_id=told.link_id)
    elif told.kind in CORRECTIONS:
        title = CORRECTIONS[told.kind].format(amount=amount)
        detail = f"{about}. {REQUESTED[told.data['correction']]}: {told.data['reason']}"
        url = url_for("corrections.show", request_id=told.cause_id)
    elif (words := return_notices.words(told, amount)) is not None:
        title, detail = words
        url = url_for("links.show", link_id=told.link_id) if told.link_id else url_for("exceptions.index")
    else:
        title, detail = f"{amount} received", f"{about} is paid."
        url = url_for("links.show", link_id=told.link_id)
    return {"title": title, "detail": detail, "at": told.at, "read": told.read, "url": url}
