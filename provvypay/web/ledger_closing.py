"""Closing a period on its page: what is closed, what another day would change, and the record of it all."""

from __future__ import annotations

import datetime as dt

from flask import Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.errors import Invalid
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services.ledger import periods, reads
from provvypay.web import days
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import redirect, render
from provvypay.web.request_context import actor

EVERYTHING = "nothing"
"""stands for a day: through nothing, so that all is open"""


def page(form: FormState | None = None, http_status: int = 200) -> Response:
    """Show through which day the books are closed; with `through` in the address also what that day would change."""
    asked = (form.values if form else request.args).get("through", "")
    form = form or FormState({"through": "" if asked == EVERYTHING else asked})
    with transaction(current_org.id) as session:
        locks = periods.history(session, current_org.id)
        prospect, balanced = None, True
        if asked and "through" not in form.errors:
            try:
                prospect = periods.prospect(
                    session, current_org.id, _day(asked), time_zone=current_org.time_zone, now=clock.now()
                )
                balances = reads.trial_balance(session, current_org.id, before=prospect.before)
                balanced = all(one.balances for one in balances)
            except Invalid as error:
                form.errors |= error.fields
                http_status = 422
    latest = locks[0] if locks else None
    closed = latest.locked_through if latest else None
    wanted = _day(asked) if prospect else None
    since, until = (wanted, closed) if prospect and prospect.opens else (closed, wanted)
    return render(
        "ledger/closing.html",
        http_status=http_status,
        form=form,
        lock=shown(latest),
        seen=latest.seq if latest else 0,
        locks=_record(locks),
        since=since + dt.timedelta(days=1) if since else "",
        until=until or "",
        prospect=prospect,
        balanced=balanced,
        asked=asked,
        asked_words=_words(wanted),
        yesterday=(days.today(current_org.time_zone) - dt.timedelta(days=1)).isoformat(),
        may_manage=current_org.allows(Permission.LEDGER_MANAGE),
    )


def change() -> Response:
    """Close the books through a day, or open them again; the page with what is wrong when it cannot be.

    :raises Conflict: when somebody else closed or opened them since the page was loaded
    """
    fields = Fields(request.form)
    reason = fields.text("reason", most=500)
    if fields.valid:
        try:
            through = _day(fields.raw("through"))
            with transaction(current_org.id) as session:
                periods.change(
                    session, current_org.id, through, seen=fields.version("seen"), time_zone=current_org.time_zone,
                    reason=reason, actor=actor(), now=clock.now(),
                )  # fmt: skip
        except Invalid as error:
            fields.take_in(error)
        else:
            flash(f"The books are closed through {_words(through)}." if through else "All periods are open.", "good")
            return redirect(url_for("ledger.closing"))
    return page(fields.state("through", "reason"), 422)


def shown(lock: periods.LockView | None) -> str:
    """Return the last closed day in words; nothing while all is open."""
    return _words(lock.locked_through) if lock else ""


def _day(typed: str) -> dt.date | None:
    """Return the day that was asked for; None opens everything.

    :raises Invalid: for what is no day
    """
    if typed == EVERYTHING:
        return None
    day = days.day_of(typed)
    if day is None:
        raise Invalid({"through": "Choose a day."})
    return day


def _record(locks: list[periods.LockView]) -> list[dict[str, object]]:
    """Return what was closed and opened, newest first; against the one before it says which of the two it was."""
    return [
        {
            "lock": one,
            "through": _words(one.locked_through),
            "opened": one.open_from is None or bool(last and last.open_from and one.open_from < last.open_from),
        }
        for one, last in zip(locks, [*locks[1:], None], strict=False)
    ]


def _words(day: dt.date | None) -> str:
    return days.in_words(day) if day else ""
