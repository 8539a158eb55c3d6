"""The books: accounts with what they hold, statements, journals, the trial balance; the chart, and closing periods."""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import Blueprint, Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import NotFound
from provvypay.kit.db import transaction
from provvypay.services import keyset
from provvypay.services.ledger import accounts, exports, journal_list, journal_views, periods, reads, statements
from provvypay.services.ledger.causes import TITLES
from provvypay.services.ledger.statements import Range
from provvypay.web import days, downloads, ledger_chart, ledger_closing
from provvypay.web.days import Days
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect, render
from provvypay.web.request_context import actor

bp = Blueprint("ledger", __name__, url_prefix="/ledger")

_CURRENCY = re.compile(r"[A-Z]{3}")


@bp.get("")
@needs(Permission.LEDGER_VIEW)
def index() -> Response:
    """Show every account that was ever used, with what it holds in each currency and of each token."""
    with transaction(current_org.id) as session:
        found = reads.overview(session, current_org.id, first=current_org.currency)
        lock = periods.current(session, current_org.id)
    groups = [
        (name, rows)
        for kind, name in ledger_chart.GROUPS.items()
        if (rows := [row for row in found if row.kind == kind])
    ]
    return render("ledger/index.html", groups=groups, lock=ledger_closing.shown(lock))


# ---------------------------------------------------------------- statements


@bp.get("/accounts/<code>")
@needs(Permission.LEDGER_VIEW)
def account(code: str) -> Response:
    """Show the entries of an account in one currency, newest first, with the balance after each."""
    currency, chosen, within = _asked_of_account()
    cursor = keyset.decode(request.args.get("cursor"))
    with transaction(current_org.id) as session:
        view = statements.account(session, current_org.id, code, currency, within=within)
        if "currency" not in request.args and view.currencies and currency not in view.currencies:
            currency = view.currencies[0]
            view = statements.account(session, current_org.id, code, currency, within=within)
        page = statements.page(session, current_org.id, code, currency, within=within, cursor=cursor)
    address: dict[str, Any] = {"code": code, "currency": currency} | chosen.address()
    return render(
        "ledger/account.html",
        account=view,
        rows=page.rows,
        days=chosen,
        address=address,
        next_url=url_for("ledger.account", **address, cursor=page.older) if page.older else None,
        prev_url=url_for("ledger.account", **address, cursor=page.newer) if page.newer else None,
    )


@bp.get("/accounts/<code>.csv")
@needs(Permission.LEDGER_VIEW)
def account_csv(code: str) -> Response:
    """Return the entries of an account as CSV, all pages of it."""
    currency, chosen, within = _asked_of_account()
    organization_id, zone = current_org.id, current_org.time_zone
    with transaction(organization_id) as session:
        accounts.one(session, organization_id, code)
    rows = exports.statement(lambda: transaction(organization_id), organization_id, code, currency, within, zone=zone)
    return downloads.csv_file(_file(f"account {code} {currency}", chosen), exports.STATEMENT, rows)


def _asked_of_account() -> tuple[str, Days, Range]:
    """Return the currency and the days a statement is asked for.

    :raises NotFound: for what cannot be a currency
    """
    currency = request.args.get("currency", current_org.currency)
    if not _CURRENCY.fullmatch(currency):
        raise NotFound(f"currency {currency!r}")
    chosen = Days.read(request.args)
    return currency, chosen, Range(*chosen.instants(current_org.time_zone))


# ---------------------------------------------------------------- journals


@bp.get("/journals")
@needs(Permission.LEDGER_VIEW)
def journals() -> Response:
    """Show journals by kind, account, currency, days and number, newest first."""
    chosen, filtered = _asked_of_journals()
    with transaction(current_org.id) as session:
        cursor = keyset.decode(request.args.get("cursor"))
        page = journal_list.page(session, current_org.id, filtered, cursor=cursor)
        chart = accounts.chart(session, current_org.id)
    address: dict[str, Any] = filtered.address() | chosen.address()
    return render(
        "ledger/journals.html",
        rows=page.rows,
        filtered=filtered,
        days=chosen,
        address=address,
        kinds=sorted(TITLES.items(), key=lambda kind: kind[1]),
        states=list(journal_list.STATES.items()),
        chart=[(row.code, f"{row.code} {row.name}") for row in chart if row.is_used],
        next_url=url_for("ledger.journals", **address, cursor=page.older) if page.older else None,
        prev_url=url_for("ledger.journals", **address, cursor=page.newer) if page.newer else None,
    )


@bp.get("/journals.csv")
@needs(Permission.LEDGER_VIEW)
def journals_csv() -> Response:
    """Return the entries of the journals of a list as CSV, all pages of it."""
    chosen, filtered = _asked_of_journals()
    organization_id, zone = current_org.id, current_org.time_zone
    rows = exports.journals(lambda: transaction(organization_id), organization_id, filtered, zone=zone)
    return downloads.csv_file(_file("journals", chosen), exports.JOURNALS, rows)


def _asked_of_journals() -> tuple[Days, journal_list.Filter]:
    chosen = Days.read(request.args)
    within = Range(*chosen.instants(current_org.time_zone))
    return chosen, journal_list.Filter.read(request.args, within)


@bp.get("/journals/<uuid:journal_id>")
@needs(Permission.LEDGER_VIEW)
def journal(journal_id: uuid.UUID) -> Response:
    """Show one journal, what it was posted for, and what took it back."""
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


# ---------------------------------------------------------------- trial balance


@bp.get("/trial-balance")
@needs(Permission.LEDGER_VIEW)
def trial_balance() -> Response:
    """Show the balances of each currency as they are now, or as they were at the end of a day."""
    day = days.day_of(request.args.get("at", ""))
    with transaction(current_org.id) as session:
        before = days.first_instant_after(day, current_org.time_zone) if day else None
        groups = reads.trial_balance(session, current_org.id, before=before)
        lock = periods.current(session, current_org.id)
    groups.sort(key=lambda group: (group.currency != current_org.currency, group.currency))
    is_final = bool(day and lock and lock.open_from and before and before <= lock.open_from)
    return render(
        "ledger/trial_balance.html",
        groups=groups,
        at=day.isoformat() if day else "",
        at_words=days.in_words(day) if day else "",
        is_final=is_final,
    )


@bp.get("/trial-balance.csv")
@needs(Permission.LEDGER_VIEW)
def trial_balance_csv() -> Response:
    """Return the trial balance of now, or of the end of a day, as CSV."""
    day = days.day_of(request.args.get("at", ""))
    with transaction(current_org.id) as session:
        before = days.first_instant_after(day, current_org.time_zone) if day else None
        groups = reads.trial_balance(session, current_org.id, before=before)
    as_of = (day or days.today(current_org.time_zone)).isoformat()
    name = f"trial balance {current_org.name} {as_of}"
    return downloads.csv_file(name, exports.TRIAL_BALANCE, exports.trial_balance(groups, as_of))


# ---------------------------------------------------------------- the chart


@bp.get("/chart")
@needs(Permission.LEDGER_VIEW)
def chart() -> Response:
    """Show every account of the chart, archived ones at the end."""
    return ledger_chart.chart_page()


@bp.get("/chart.csv")
@needs(Permission.LEDGER_VIEW)
def chart_csv() -> Response:
    """Return the chart as CSV."""
    with transaction(current_org.id) as session:
        rows = exports.chart(session, current_org.id, current_org.time_zone)
    return downloads.csv_file(f"chart of accounts {current_org.name}", exports.CHART, rows)


@bp.get("/chart/new")
@needs(Permission.LEDGER_MANAGE)
def new_account() -> Response:
    """Show the form of a new account."""
    return ledger_chart.new_page()


@bp.post("/chart")
@needs(Permission.LEDGER_MANAGE)
def add_account() -> Response:
    """Give the organization an account of its own."""
    return ledger_chart.add()


@bp.get("/chart/<code>")
@needs(Permission.LEDGER_MANAGE)
def edit_account(code: str) -> Response:
    """Show the form that renames an account, and whether it can be archived."""
    return ledger_chart.edit_page(code)


@bp.post("/chart/<code>")
@needs(Permission.LEDGER_MANAGE)
def rename_account(code: str) -> Response:
    """Call an account otherwise, unless somebody else did since the form was loaded."""
    return ledger_chart.rename(code)


@bp.post("/chart/<code>/archiving")
@needs(Permission.LEDGER_MANAGE)
def archive_account(code: str) -> Response:
    """Put an unused account of the organization's own away."""
    with transaction(current_org.id) as session:
        accounts.archive(session, current_org.id, code, version=ledger_chart.seen(), actor=actor())
    flash(f"Account {code} is archived. It stands at the end of the chart.", "quiet")
    return redirect(url_for("ledger.chart"))


@bp.post("/chart/<code>/unarchiving")
@needs(Permission.LEDGER_MANAGE)
def restore_account(code: str) -> Response:
    """Bring an archived account back."""
    with transaction(current_org.id) as session:
        accounts.restore(session, current_org.id, code, version=ledger_chart.seen(), actor=actor())
    flash(f"Account {code} is back in the chart.", "quiet")
    return redirect(url_for("ledger.chart"))


# ---------------------------------------------------------------- closing


@bp.get("/closing")
@needs(Permission.LEDGER_VIEW)
def closing() -> Response:
    """Show through which day the books are closed, and what another day would close or open."""
    return ledger_closing.page()


@bp.post("/closing")
@needs(Permission.LEDGER_MANAGE)
def close() -> Response:
    """Close the books through a day, or open them again with a reason."""
    return ledger_closing.change()


def _file(what: str, chosen: Days) -> str:
    """Return the name of a file: what, whose, of which days."""
    last = chosen.last or days.today(current_org.time_zone)
    since = f"{chosen.first.isoformat()} to " if chosen.first else ""
    return f"{what} {current_org.name} {since}{last.isoformat()}"
