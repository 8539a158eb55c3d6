"""Look ahead: what a match will go on to do, once the money is held for the link it was for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy.orm import Session

from provvypay.domain.statuses import ExceptionKind, LinkStatus, ResolutionAction
from provvypay.services.corrections import plans
from provvypay.services.corrections.held import Credit, Target
from provvypay.services.corrections.plans import Plan
from provvypay.services.ledger import chart


def after_match(session: Session, credit: Credit, link: Target, matched: Plan, *, now: dt.datetime) -> Plan | None:
    """Return the settlement a match leads to, as decide() will plan it; None when it is not enough or paid already."""
    if matched.value is None or link.status not in {LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED}:
        return None
    anew = replace(
        credit,
        id=plans.NOBODY,
        kind=ExceptionKind.SHORT,
        held_in=chart.CUSTOMER_CREDITS,
        link_id=link.id,
        currency=link.currency,
        left_minor=matched.value.value_minor,
    )
    try:
        return plans.settle_with(session, anew, link, write_off=True, now=now, action=ResolutionAction.ACCEPTED)
    except plans.NotEnough:
        return None
