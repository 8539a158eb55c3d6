"""The form of a mark by hand: how the money came, when, and why we believe it; and that taken back."""

from __future__ import annotations

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from flask import Response

from provvypay.errors import Conflict
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services.corrections import held, marks, requests, waiting
from provvypay.services.corrections.marks import Mark
from provvypay.services.ledger import previews
from provvypay.web.decision_words import METHODS
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import render
from provvypay.web.request_context import actor

_KEPT = ("mark_id", "method", "paid_on", "reference", "reason")
EARLIEST = dt.timedelta(days=366)


def today() -> dt.date:
    """Return the day it is where the organization is."""
    return clock.now().astimezone(ZoneInfo(current_org.time_zone)).date()


def blank() -> FormState:
    """Return the form as it is first shown."""
    return FormState({"mark_id": str(uuid7()), "method": "BANK_TRANSFER", "paid_on": today().isoformat()})


def state(fields: Fields, summary: str | None = None) -> FormState:
    """Return the form as it comes back."""
    return fields.state(*_KEPT, summary=summary)


def read(fields: Fields, link_id: uuid.UUID) -> Mark:
    """Read how the money came; what is wrong is noted in the fields."""
    return Mark(
        mark_id=_id(fields.raw("mark_id")),
        link_id=link_id,
        method=fields.choice("method", marks.METHODS, "Choose how the money came."),
        paid_at=_moment(fields),
        reference=fields.text("reference", "Enter what the statement or the receipt says.", most=140),
        reason=fields.text("reason", "Say how you know that it was paid.", most=500),
        actor=actor(),
    )


def _moment(fields: Fields) -> dt.datetime:
    """Return the chosen day as a moment: now for today, else noon where the organization is."""
    now, day = clock.now(), None
    try:
        day = dt.date.fromisoformat(fields.raw("paid_on"))
    except ValueError:
        fields.refuse("paid_on", "Enter the day it was paid, like 2026-11-24.")
    if day is None or day == today():
        return now
    if day > today():
        fields.refuse("paid_on", "That day is still to come. Enter the day the money arrived.")
        return now
    if day < today() - EARLIEST:
        fields.refuse("paid_on", "That is more than a year ago. Look at the day again.")
        return now
    return dt.datetime.combine(day, dt.time(12), ZoneInfo(current_org.time_zone)).astimezone(clock.UTC)


def _id(sent: str) -> uuid.UUID:
    try:
        return uuid.UUID(sent)
    except ValueError:
        return uuid7()


def page(link_id: uuid.UUID, form: FormState, http_status: int = 200, problem: str | None = None) -> Response:
    """Show the form with the exact journals the mark will post."""
    org = current_org.id
    journals, due, parts, waits = [], 0, 0, False
    with transaction(org) as session:
        link = held.target(session, org, link_id, locked=False)
        asked = waiting.of_link(session, org, link_id)
        sample = Mark(uuid7(), link_id, "OTHER", clock.now(), "", "", actor())
        try:
            arrived, made_up = marks.plan(session, org, link, sample)
            due, parts = arrived.value_minor, made_up.held_minor
            journals = previews.of_drafts(session, org, marks.drafts(link, arrived, made_up))
            waits = requests.needs_second_person(session, org, due, link.currency)
        except Conflict as error:
            problem = problem or error.public_message
    return render(
        "links/mark.html",
        http_status=http_status,
        link=link,
        form=form,
        methods=list(METHODS.items()),
        journals=journals,
        due_minor=due,
        parts_minor=parts,
        waits=waits,
        asked=asked,
        problem=problem,
        today=today().isoformat(),
    )


def undo_page(link_id: uuid.UUID, form: FormState, http_status: int = 200, problem: str | None = None) -> Response:
    """Show what undoing a mark will post, and ask why."""
    org = current_org.id
    journals, amount, waits = [], 0, False
    with transaction(org) as session:
        link = held.target(session, org, link_id, locked=False)
        asked = waiting.of_link(session, org, link_id)
        try:
            mark = marks.marked(session, org, link)
            amount = mark.value_minor
            drafts = marks.reversals(session, org, mark.settlement_id, link_id, at=clock.now())
            journals = previews.of_drafts(session, org, drafts)
            waits = requests.needs_second_person(session, org, amount, link.currency)
        except Conflict as error:
            problem = problem or error.public_message
    return render(
        "links/undo_mark.html",
        http_status=http_status,
        link=link,
        form=form,
        journals=journals,
        amount_minor=amount,
        waits=waits,
        asked=asked,
        problem=problem,
        request_id=form.values.get("request_id") or str(uuid7()),
    )
