"""The chart of accounts on pages: the list, a new account, another name."""

from __future__ import annotations

from flask import Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import Invalid
from provvypay.kit.db import transaction
from provvypay.services.ledger import accounts
from provvypay.services.ledger.accounts import KINDS, MOST_IN_NAME
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import redirect, render
from provvypay.web.request_context import actor

GROUPS = {"ASSET": "Assets", "LIABILITY": "Liabilities", "REVENUE": "Revenue", "EXPENSE": "Expenses"}
"""kinds of accounts, as the headings above them"""

_NAME_MISSING = "Enter what the account is called."


def chart_page() -> Response:
    """Show every account, archived ones apart."""
    with transaction(current_org.id) as session:
        rows = accounts.chart(session, current_org.id)
    groups = [
        (name, found)
        for kind, name in GROUPS.items()
        if (found := [row for row in rows if row.kind == kind and row.archived_at is None])
    ]
    if archived := [row for row in rows if row.archived_at is not None]:
        groups.append(("Archived: nothing can be posted to them", archived))
    return render(
        "ledger/chart.html",
        groups=groups,
        may_manage=current_org.allows(Permission.LEDGER_MANAGE),
    )


def new_page(form: FormState | None = None, http_status: int = 200) -> Response:
    """Show the form of a new account."""
    return render(
        "ledger/new_account.html",
        fragments=("account_form",),
        http_status=http_status,
        form=form or FormState({"kind": "EXPENSE"}),
        kinds=list(KINDS.items()),
    )


def add() -> Response:
    """Make an account of the organization's own; the form with what is wrong when it cannot be."""
    fields = Fields(request.form)
    code = fields.text("code", "Enter a number of four digits, such as 6150.", most=4)
    name = fields.text("name", _NAME_MISSING, most=MOST_IN_NAME)
    kind = fields.choice("kind", KINDS, "Choose one of the four kinds.")
    if fields.valid:
        try:
            with transaction(current_org.id) as session:
                accounts.add(session, current_org.id, code, name, kind, actor=actor())
        except Invalid as error:
            fields.take_in(error)
        else:
            flash(f"{code} {name} is in the chart.", "good")
            return redirect(url_for("ledger.chart"))
    return new_page(fields.state("code", "name", "kind"), 422)


def edit_page(code: str, form: FormState | None = None, http_status: int = 200) -> Response:
    """Show the form that renames an account.

    :raises NotFound: for a code that is not in the chart
    """
    with transaction(current_org.id) as session:
        row = accounts.one(session, current_org.id, code)
    return render(
        "ledger/edit_account.html",
        fragments=("account_form",),
        http_status=http_status,
        account=row,
        form=form or FormState({"name": row.name, "version": str(row.version)}),
    )


def rename(code: str) -> Response:
    """Save another name; the form with what is wrong when it cannot be."""
    fields = Fields(request.form)
    name = fields.text("name", _NAME_MISSING, most=MOST_IN_NAME)
    if fields.valid:
        try:
            with transaction(current_org.id) as session:
                accounts.rename(session, current_org.id, code, name, version=fields.version(), actor=actor())
        except Invalid as error:
            fields.take_in(error)
        else:
            flash(f"Account {code} is called {name} now.", "good")
            return redirect(url_for("ledger.chart"))
    return edit_page(code, fields.state("name", "version"), 422)


def seen() -> int:
    """Return the version of the account the person saw."""
    return Fields(request.form).version()
