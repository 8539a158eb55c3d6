"""Make, open, edit and cancel links for a merchant."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from provvypay.flows import doorbell, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import payment_links
from provvypay.services.audit import Actor
from provvypay.services.payment_links import LinkDetails


def create_link(
    organization_id: uuid.UUID, details: LinkDetails, *, actor: Actor, open_now: bool, link_id: uuid.UUID | None = None
) -> PaymentLink:
    """Make a link with its CREATION snapshots; whatever state the rate source is in.

    :param link_id: chosen by the caller so that a form sent twice makes one link: the second gets the first's
    :raises Invalid: for an expiry that cannot be
    """
    rates = current_rates()
    with transaction(organization_id) as session:
        return payment_links.create(
            session, organization_id, details, rates, actor=actor, now=now(), open_now=open_now, link_id=link_id
        )


def activate(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor) -> PaymentLink:
    """Open a draft.

    :raises IllegalStep: when it is no draft
    """
    with transaction(organization_id) as session:
        link = payment_links.activate(session, link_id, actor=actor, now=now())
        _touch(session, link)
    return link


def cancel(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor) -> PaymentLink:
    """Cancel an open link, or discard a draft; its Checkout Session is ended at Stripe afterwards.

    :raises IllegalStep: when it is paid, expired or canceled already
    """
    with transaction(organization_id) as session:
        link = payment_links.cancel(session, link_id, actor=actor, now=now())
        _touch(session, link)
        doorbell.outbox_after_commit(session)
    return link


def edit_draft(
    organization_id: uuid.UUID, link_id: uuid.UUID, details: LinkDetails, *, version: int, actor: Actor
) -> PaymentLink:
    """Change a draft.

    :raises Conflict: when another tab changed it, or it is open by now
    """
    with transaction(organization_id) as session:
        return payment_links.edit_draft(session, link_id, details, version=version, actor=actor, now=now())


def _touch(session: Session, link: PaymentLink) -> None:
    on_commit(session, lambda: live.touch(link.short_code))
