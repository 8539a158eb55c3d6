"""The books: trial balance, the entries of an account, one journal with its cause."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import NotFound
from provvypay.kit.clock import UTC
from provvypay.kit.db import transaction
from provvypay.services import keyset
from provvypay.services.ledger import journal_views, reads
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import render

bp = Blueprint("ledger", __name__, url_prefix="/ledger")

_CURRENCY = re.compile(r"[A-Z]{3}")


@bp.get("")
@needs(Permission.LEDGER_VIEW)
def index() -> Response:
    """Show the trial balance of each currency, as it is now or as it was at the end of a day."""
    day = _day(request.args.get("at", ""))
    with transaction(current_org.id) as session:
        groups = reads.trial_balance(session, current_org.id, before=_end_of(day) if day else None)
    groups.sort(key=lambda group: (group.currency != current_org.currency, group.currency))
    return render("ledger/index.html", groups=groups, at=day.isoformat() if day else "")


@bp.get("/accounts/<code>")
@needs(Permission.LEDGER_VIEW)
def account(code: str) -> Response:
    """Show the entries of an account in one currency, newest first, with the balance after each."""
    currency = request.args.get("currency", current_org.currency)
    if not _CURRENCY.fullmatch(currency):
        raise NotFound(f"currency {currency!r}")
    cursor = keyset.decode(request.args.get("cursor"))
    with transaction(current_org.id) as session:
        view = reads.account(session, current_org.id, code, currency)
        page = reads.statement(session, current_org.id, code, currency, cursor=cursor)
    return render(
        "ledger/account.html",
        account=view,
        rows=page.rows,
        next_url=_page_url(code, currency, page.older),
        prev_url=_page_url(code, currency, page.newer),
    )


@bp.get("/journals/<uuid:journal_id>")
@needs(Permission.LEDGER_VIEW)
def journal(journal_id: uuid.UUID) -> Response:
    """Show one journal and what it was posted for."""
    with transaction(current_org.id) as session:
        view, cause = journal_views.one(session, current_org.id, journal_id)
    return render(
        "ledger/journal.html",
        journal=view,
        cause={"title": cause.title, "detail": cause.detail, "url": _cause_url(cause)},
    )


def _cause_url(cause: journal_views.Cause) -> str | None:
    if cause.exception_id is not None:
        return url_for("exceptions.show", exception_id=cause.exception_id)
    if cause.journal_id is not None:
        return url_for("ledger.journal", journal_id=cause.journal_id)
    if cause.link_id is not None:
        return url_for("links.show", link_id=cause.link_id)
    return None


def _page_url(code: str, currency: str, cursor: str | None) -> str | None:
    return url_for("ledger.account", code=code, currency=currency, cursor=cursor) if cursor else None


def _day(typed: str) -> dt.date | None:
    """Return a chosen day; what is none means now."""
    try:
        return dt.date.fromisoformat(typed)
    except ValueError:
        return None


def _end_of(day: dt.date) -> dt.datetime | None:
    """Return the first moment after a day of the organization's zone; None for the last day there is."""
    try:
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(current_org.time_zone)).astimezone(
            UTC
        )
    except OverflowError:
        return None
