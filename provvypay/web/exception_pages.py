"""The pages about one exception: what is known, what may be done, and the question with the journals it will post."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from decimal import Decimal
from urllib.parse import quote

from flask import Response, url_for
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.money import to_decimal
from provvypay.domain.roles import Permission
from provvypay.domain.statuses import LinkStatus, Provider, ResolutionAction
from provvypay.errors import Conflict
from provvypay.flows.current_rates import current_rates
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.kit.settings import settings
from provvypay.services import exceptions, link_list, link_views, returns, settlement_rows
from provvypay.services.corrections import asked, decide, desk, held, outlook, plans, requests, waiting
from provvypay.services.corrections.decide import Decision
from provvypay.services.exceptions import ExceptionView
from provvypay.services.ledger import journal_views, previews
from provvypay.services.pay_tokens import plain
from provvypay.services.transfer_value import to_minor
from provvypay.web.decision_words import DECISIONS, line
from provvypay.web.explorer import has_explorer
from provvypay.web.formatting import money
from provvypay.web.forms import FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import render
from provvypay.web.request_context import actor

_STRIPE = "https://api.stripe.com"
_SIX = Decimal("0.000001")
MOST_LINKS = 8
WITH_LINK = frozenset({ResolutionAction.APPLIED, ResolutionAction.MATCHED})
PAYABLE = frozenset({LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED})


@dataclass(frozen=True, slots=True)
class Rates:
    """What tokens were worth when they came, and what they are worth now."""

    then_minor: int | None
    then_currency: str | None
    then_rate: str
    now_minor: int | None
    now_currency: str
    now_rate: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A decision, thought through as things are now."""

    plan: plans.Plan | None = None
    then: plans.Plan | None = None
    """the settlement a match leads to"""
    journals: list[previews.Preview] = field(default_factory=list)
    waits: bool = False
    """whether a second person is asked"""
    missing_minor: int = 0
    problem: str | None = None


def page(
    exception_id: uuid.UUID,
    *,
    http_status: int = 200,
    problem: str | None = None,
    form: FormState | None = None,
) -> Response:
    """Show one exception, with what may be done about it to those who may.

    :param problem: why what was tried is not possible
    :param form: of a comment that was refused
    """
    may_correct = current_org.allows(Permission.CORRECTIONS_MAKE)
    with transaction(current_org.id) as session:
        org = current_org.id
        found = exceptions.one(session, org, exception_id)
        booked = found.payment_id if current_org.allows(Permission.LEDGER_VIEW) else None
        journal = journal_views.of_payment(session, org, booked) if booked else None
        credit = held.read(session, org, exception_id)
        link = held.target(session, org, found.link_id, locked=False) if found.link_id else None
        actions = plans.possible(credit, link) if may_correct else ()
        money_back = returns.of_payment(session, org, found.payment_id) if found.payment_id else None
        parts = settlement_rows.parts_of(session, org, link.id, link.currency) if link and found.kind == "SHORT" else ()
        happened = desk.happened(session, org, exception_id)
        colleagues = desk.colleagues(session, org) if may_correct else []
        waits = waiting.of_exception(session, org, exception_id)
    return render(
        "exceptions/show.html",
        http_status=http_status,
        exception=found,
        left_minor=credit.left_minor,
        link=_link(found),
        journal=journal,
        explorer=has_explorer(),
        stripe_url=_stripe_url(found),
        rates=_rates(found),
        actions=[(action, DECISIONS[action]) for action in actions],
        refund_url=_refund_url(found, money_back, credit.left_minor),
        rest=_rest(found, sum(part.amount_minor for part in parts)) if parts else None,
        history=[line(one) for one in happened],
        colleagues=colleagues,
        may_correct=may_correct,
        asked=waits,
        problem=problem,
        form=form or FormState(),
        comment_id=str(uuid7()),
    )


def question(
    decision: Decision,
    *,
    query: str = "",
    http_status: int = 200,
    problem: str | None = None,
    form: FormState | None = None,
    request_id: str = "",
) -> Response:
    """Ask once more, with the exact journals the decision will post; or first for the link it is about.

    :param decision: as far as it is known; its version is replaced by the one of now
    """
    org = current_org.id
    looked, links = Looked(), []
    with transaction(org) as session:
        found = exceptions.one(session, org, decision.exception_id)
        decision = replace(decision, version=found.version)
        link = held.target(session, org, decision.link_id, locked=False) if decision.link_id else None
        if decision.action in WITH_LINK and link is None:
            links = _links(session, found, decision.action, query)
        else:
            looked = _look(session, decision, link)
        small = held.read(session, org, decision.exception_id).small_minor
    return render(
        "exceptions/decision.html",
        http_status=http_status,
        exception=found,
        decision=decision,
        words=DECISIONS[decision.action],
        link=link,
        own_link=_link(found),
        links=links,
        query=query,
        plan=looked.plan,
        then=looked.then,
        journals=looked.journals,
        missing_minor=looked.missing_minor,
        small_minor=small,
        # Asked while it is missing, and while it is let be missing.
        can_let_be_missing=decision.write_off or 0 < looked.missing_minor <= small,
        problem=problem or looked.problem,
        waits=looked.waits,
        needs_reason=looked.waits or decision.action in asked.WITH_REASON,
        form=form or FormState({"reason": decision.reason}),
        request_id=request_id or str(uuid7()),
    )


def _look(session: Session, decision: Decision, link: held.Target | None) -> Looked:
    """Think a decision through, as things are now."""
    org = current_org.id
    try:
        credit, plan = decide.preview(session, org, decision, now=clock.now())
    except plans.NotEnough as error:
        return Looked(problem=error.public_message, missing_minor=error.missing_minor)
    except Conflict as error:
        return Looked(problem=error.public_message)
    then = outlook.after_match(session, credit, link, plan, now=clock.now()) if link else None
    return Looked(
        plan=plan,
        then=then,
        journals=previews.of_drafts(session, org, [*plan.drafts, *(then.drafts if then else ())]),
        waits=decision.action in asked.SECOND_PERSON
        and requests.needs_second_person(session, org, plan.amount_minor, credit.currency),
    )


def decision_of(
    exception_id: uuid.UUID, sent: dict[str, str], *, version: int = 0, reason: str = ""
) -> Decision | None:
    """Return the decision an address or a form names, or None for one there is not."""
    action = sent.get("action", "")
    if action not in DECISIONS:
        return None
    try:
        link_id = uuid.UUID(sent["link_id"]) if sent.get("link_id") else None
    except ValueError:
        link_id = None
    return Decision(
        exception_id=exception_id,
        version=version,
        action=ResolutionAction(action),
        actor=actor(),
        reason=reason,
        link_id=link_id if action in WITH_LINK else None,
        write_off=sent.get("write_off") == "1",
    )


def _links(
    session: Session, found: ExceptionView, action: ResolutionAction, query: str
) -> list[tuple[link_list.LinkRow, bool]]:
    """Return links it may be for, the suggested one first, each with whether it is that."""
    chosen = link_list.Filter(query=query, status=None if query else str(LinkStatus.OPEN))
    rows = link_list.page(session, current_org.id, chosen).rows
    rows = [row for row in rows if row.status in PAYABLE]
    if action is ResolutionAction.APPLIED:
        rows = [row for row in rows if row.currency == found.currency and row.id != found.link_id]
    suggested = found.suggestion.id if found.suggestion else None
    if suggested and not query:
        first = link_list.some(session, current_org.id, [suggested])
        rows = [*first, *(row for row in rows if row.id != suggested)]
    return [(row, row.id == suggested) for row in rows[:MOST_LINKS]]


def _refund_url(found: ExceptionView, money_back: returns.Returnable | None, left_minor: int) -> str | None:
    """Return where money of a card is sent back; None when none can be, or not by this member."""
    if money_back is None or found.link_id is None or left_minor < 1 or not money_back.is_refundable:
        return None
    if not current_org.allows(Permission.REFUNDS_REQUEST):
        return None
    return url_for("refunds.index", link_id=found.link_id, payment=found.payment_id)


def _link(found: ExceptionView) -> dict[str, object] | None:
    if found.link_id is None:
        return None
    return {
        "url": url_for("links.show", link_id=found.link_id),
        "description": found.link_description,
        "amount_minor": found.link_amount_minor,
        "currency": found.link_currency,
        "status": found.link_status,
        "short_code": found.short_code,
    }


def _stripe_url(found: ExceptionView) -> str | None:
    """Return where Stripe's dashboard shows a payment; None for others, and for a Stripe that is only a sandbox."""
    if found.provider != Provider.STRIPE or settings().stripe_api_base != _STRIPE:
        return None
    mode = "test/" if settings().mode == "test" else ""
    return f"https://dashboard.stripe.com/{mode}payments/{quote(found.provider_reference, safe='')}"


def _rates(found: ExceptionView) -> Rates | None:
    """Return what its tokens were worth then and are worth now, in the currency they were booked in."""
    if found.asset is None or not found.units:
        return None
    currency = found.received_currency or current_org.currency
    then_rate = ""
    if found.received_minor:
        whole = Decimal(found.units).scaleb(-ASSETS[found.asset].decimals)
        then_rate = plain((to_decimal(found.received_minor, currency) / whole).quantize(_SIX))
    rate = current_rates().get(found.asset, currency)
    return Rates(
        then_minor=found.received_minor,
        then_currency=found.received_currency,
        then_rate=then_rate,
        now_minor=to_minor(found.units, found.asset, rate.value, currency) if rate else None,
        now_currency=currency,
        now_rate=plain(rate.value.quantize(_SIX)) if rate else "",
    )


def _rest(found: ExceptionView, came_minor: int) -> dict[str, object] | None:
    """Return how to ask the customer for the rest of an open link: the address, and a letter that says so."""
    if found.link_status != LinkStatus.OPEN or not found.short_code or not found.link_amount_minor:
        return None
    missing = found.link_amount_minor - came_minor
    currency = str(found.link_currency)
    pay_url = link_views.pay_url(settings().public_base_url, found.short_code)
    subject = f"{current_org.name}: {money(missing, currency)} still to pay"
    body = (
        f"Hello,\n\nthank you, we received {money(came_minor, currency)} for “{found.link_description}”. "
        f"{money(missing, currency)} of {money(found.link_amount_minor, currency)} is still to pay. "
        f"This page says how:\n\n{pay_url}\n\nKind regards\n{current_org.name}\n"
    )
    mail = f"mailto:{quote(found.customer_email, safe='@')}?subject={quote(subject)}&body={quote(body)}"
    return {"missing_minor": missing, "currency": currency, "pay_url": pay_url, "mail_url": mail}
