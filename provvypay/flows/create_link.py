"""Make, open, change, cancel and archive links for a merchant."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from provvypay.errors import NotFound, ProvvypayError
from provvypay.flows import doorbell, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import on_commit, transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import link_changes, payment_links
from provvypay.services.audit import Actor
from provvypay.services.payment_links import LinkDetails

MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class NotCanceled:
    """A link that could not be canceled with others, and why."""

    link_id: uuid.UUID
    short_code: str
    description: str
    sentence: str


@dataclass(slots=True)
class CanceledTogether:
    """What became of several links."""

    done: list[uuid.UUID] = field(default_factory=list)
    not_possible: list[NotCanceled] = field(default_factory=list)
    unknown: int = 0
    """ids that are no link of this organization"""


def create_link(
    organization_id: uuid.UUID, details: LinkDetails, *, actor: Actor, open_now: bool, link_id: uuid.UUID | None = None
) -> PaymentLink:
    """Make a link; whatever state the rate source is in.

    :param link_id: chosen by the caller so that a form sent twice makes one link: the second gets the first's
    :raises Invalid: for an expiry that cannot be
    """
    rates = current_rates()
    with transaction(organization_id) as session:
        return payment_links.create(
            session, organization_id, details, rates, actor=actor, now=now(), open_now=open_now, link_id=link_id
        )


def activate(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor) -> PaymentLink:
    """Open a draft, with its CREATION snapshots.

    :raises IllegalStep: when it is no draft
    """
    rates = current_rates()
    return _change(
        organization_id, lambda session: payment_links.activate(session, link_id, rates, actor=actor, now=now())
    )


def cancel(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor, version: int | None = None) -> PaymentLink:
    """Cancel an open link, or discard a draft; its Checkout Session is ended at Stripe afterwards.

    :param version: the one the person saw; None for whatever it says by now
    :raises IllegalStep: when it is paid, expired or canceled already
    :raises Conflict: when it was changed since
    """
    return _change(
        organization_id,
        lambda session: payment_links.cancel(session, link_id, actor=actor, now=now(), version=version),
    )


def cancel_many(organization_id: uuid.UUID, link_ids: Sequence[uuid.UUID], *, actor: Actor) -> CanceledTogether:
    """Cancel links one by one, each under its own lock: one that cannot be canceled does not keep the others.

    :param link_ids: at most MOST_AT_ONCE
    """
    if len(link_ids) > MOST_AT_ONCE:
        raise ValueError(f"{len(link_ids)} links at once")
    found = CanceledTogether()
    for link_id in dict.fromkeys(link_ids):
        try:
            found.done.append(cancel(organization_id, link_id, actor=actor).id)
        except NotFound:
            found.unknown += 1
        except ProvvypayError as error:
            with transaction(organization_id) as session:
                link = payment_links.get(session, link_id)
            found.not_possible.append(NotCanceled(link_id, link.short_code, link.description, error.public_message))
    return found


def edit(
    organization_id: uuid.UUID, link_id: uuid.UUID, details: LinkDetails, *, version: int, actor: Actor
) -> PaymentLink:
    """Change a draft, or what may be changed of an open link; a card page that says otherwise is ended afterwards.

    :raises Conflict: when another tab changed it, it has ended, or its money is frozen
    :raises Invalid: for an expiry that cannot be
    """
    return _change(
        organization_id,
        lambda session: link_changes.edit(session, link_id, details, version=version, actor=actor, now=now()),
    )


def archive(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor) -> PaymentLink:
    """Put a link that has ended out of sight.

    :raises Conflict: while it can still be paid or opened
    """
    return _change(organization_id, lambda session: link_changes.archive(session, link_id, actor=actor, now=now()))


def unarchive(organization_id: uuid.UUID, link_id: uuid.UUID, *, actor: Actor) -> PaymentLink:
    """Bring a link back into the lists."""
    return _change(organization_id, lambda session: link_changes.unarchive(session, link_id, actor=actor))


def _change(organization_id: uuid.UUID, work: Callable[[Session], PaymentLink]) -> PaymentLink:
    """Do it in one transaction; afterwards the pay page asks anew, and what is left in the outbox is delivered."""
    with transaction(organization_id) as session:
        link = work(session)
        on_commit(session, lambda: live.touch(link.short_code))
        doorbell.outbox_after_commit(session)
    return link
