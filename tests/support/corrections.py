"""Corrections as tests need them: a limit, and one that waits for a second person."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from provvypay.domain.statuses import CorrectionAction
from provvypay.flows import corrections
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services.corrections import requests
from provvypay.services.corrections.marks import Mark
from provvypay.services.corrections.requests import Request, Wish
from tests.support.factories import Make


def limited(organization_id: uuid.UUID, limit_minor: int | None) -> None:
    """Set above which amount a second person is asked."""
    with transaction(organization_id) as session:
        session.execute(
            text("UPDATE merchant_settings SET approval_limit_minor = :most WHERE organization_id = :org"),
            {"most": limit_minor, "org": organization_id},
        )


def asked_for(make: Make, link: PaymentLink) -> Request:
    """Let the owner ask to mark a link as paid."""
    details = {
        "mark_id": str(uuid.uuid4()),
        "method": "CASH",
        "paid_at": now().isoformat(),
        "reference": "receipt 17",
    }
    wish = Wish(
        uuid.uuid4(),
        CorrectionAction.MARK_PAID,
        None,
        link.id,
        details,
        link.amount_minor,
        link.currency,
        "seen in the till",
    )
    with transaction(link.organization_id) as session:
        requests.ask(session, link.organization_id, wish, actor=make.merchant.actor, title=link.description)
        return requests.get(session, link.organization_id, wish.request_id)


def marked(make: Make, link: PaymentLink) -> None:
    """Mark a link as paid by hand, as its owner would."""
    mark = Mark(uuid.uuid4(), link.id, "CASH", now(), "receipt 17", "seen in the till", make.merchant.actor)
    assert corrections.mark_paid(link.organization_id, mark) is not None
