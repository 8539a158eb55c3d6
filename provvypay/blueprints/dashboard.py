"""The first page after signing in: figures, what needs a person, what happened lately; live."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import RefundState
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import overview, return_views
from provvypay.services.corrections.waiting import RequestView
from provvypay.services.corrections.waiting import all_of as requests_waiting
from provvypay.services.overview import CurrencySum
from provvypay.web.activity import ActivityLine, describe, exception_title
from provvypay.web.decision_words import REQUESTED
from provvypay.web.formatting import money, when_exact
from provvypay.web.guards import current_org, signed_in
from provvypay.web.htmx import render

bp = Blueprint("dashboard", __name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure: either an amount or a count."""

    label: str
    amount_minor: int | None
    currency: str
    count: int | None
    hint: str


@bp.get("/dashboard")
@signed_in
def show() -> Response:
    """Show the whole page, or its live part."""
    moment = clock.now()
    with transaction(current_org.id) as session:
        figures = overview.figures(session, current_org.id, now=moment)
        waiting = overview.attention(session, current_org.id)
        may_approve = current_org.allows(Permission.REFUNDS_APPROVE)
        going_back = return_views.waiting(session, current_org.id, may_approve=may_approve)
        asked = requests_waiting(session, current_org.id) if _may_correct() else []
        happened = overview.activity(session, current_org.id, now=moment)
        steps = overview.first_steps(session, current_org.id, network=settings().hedera_network)
    return render(
        "dashboard/show.html",
        fragments=("dashboard_live",),
        figures=_figures(figures),
        attention=[*map(_asked, asked), *map(_going_back, going_back), *map(_attention, waiting)],
        activity=_lines(happened),
        checklist=_checklist(steps),
        links_count=figures.links_count,
    )


def _figures(found: overview.Figures) -> list[Figure]:
    return [
        _sum("Outstanding", found.outstanding, "open link"),
        _sum("Received in 30 days", found.received, "payment"),
        _sum("Fees in 30 days", found.fees, "payment"),
        Figure(
            "Exceptions",
            None,
            current_org.currency,
            found.exceptions_open,
            "waiting for you" if found.exceptions_open else "none open",
        ),
    ]


def _sum(label: str, sums: list[CurrencySum], unit: str) -> Figure:
    """Show the organization's own currency large, the others beside it: they are never added up."""
    own = next((one for one in sums if one.currency == current_org.currency), CurrencySum(current_org.currency, 0, 0))
    others = [money(one.amount_minor, one.currency) for one in sums if one.currency != current_org.currency]
    count = f"{own.count} {unit}{'' if own.count == 1 else 's'}"
    return Figure(
        label, own.amount_minor, own.currency, own.count, " · ".join([count, *(f"and {other}" for other in others)])
    )


def _attention(one: overview.OpenException) -> dict[str, object]:
    worth = f"{money(one.amount_minor, one.currency)}. " if one.amount_minor and one.currency else ""
    return {
        "title": one.description or "Money without a link",
        "detail": f"{worth}{exception_title(one.kind)}",
        "url": url_for("exceptions.show", exception_id=one.id),
        "status": one.kind,
    }


def _going_back(one: return_views.WaitingReturn) -> dict[str, object]:
    amount = money(one.amount_minor, one.currency)
    if one.kind == RefundState.CREATED:
        detail = f"{amount}. Somebody asked to refund it."
    else:
        until = f" by {when_exact(one.due_by)}" if one.due_by else ""
        detail = f"{amount}. The customer’s bank wants an answer{until}, at Stripe’s dashboard."
    url = url_for("refunds.index", link_id=one.link_id)
    return {"title": one.description, "detail": detail, "url": url, "status": one.kind}


def _may_correct() -> bool:
    return current_org.allows(Permission.CORRECTIONS_MAKE)


def _asked(one: RequestView) -> dict[str, object]:
    amount = money(one.amount_minor, one.currency)
    what = REQUESTED[one.action]
    own = one.requested_by == current_user.id
    who = "You asked; somebody else has to approve it." if own else f"{one.asked_by} asks you to approve it."
    url = url_for("corrections.show", request_id=one.id)
    return {"title": one.description, "detail": f"{amount}. {what}. {who}", "url": url, "status": one.state}


def _lines(happened: list[overview.Happening]) -> list[ActivityLine]:
    return [line for one in happened if (line := describe(one)) is not None]


def _checklist(steps: overview.FirstSteps) -> list[dict[str, object]]:
    """Return the way to the first payment; empty once it arrived."""
    if steps.has_payment:
        return []
    return [
        {"title": "Create your account", "done": True, "url": None},
        {
            "title": "Say who your customers can ask",
            "done": steps.profile_filled,
            "url": url_for("settings.organization"),
        },
        *_crypto_step(steps),
        {"title": "Make a payment link", "done": steps.has_link, "url": url_for("links.new")},
        {"title": "Open it and send it to a customer", "done": steps.has_opened, "url": url_for("links.index")},
        {"title": "Get paid", "done": False, "url": None},
    ]


def _crypto_step(steps: overview.FirstSteps) -> list[dict[str, object]]:
    """Return the step of being paid in tokens; none in an installation that takes no crypto."""
    if settings().crypto_network is None:
        return []
    url = url_for("payment_settings.show")
    return [{"title": "Say where crypto goes, if you take it", "done": steps.takes_crypto, "url": url}]
