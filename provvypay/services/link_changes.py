"""Change what a link says: all of it while it is a draft, all but its money while it is open; and put it away.

Whoever saves names the version they saw, so that two tabs cannot overwrite each other.
"""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import update
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict
from provvypay.models.payment_link import PaymentLink
from provvypay.services import audit, link_contacts, outbox
from provvypay.services.payment_links import LinkDetails, check_expiry, get, lock, said_of

CHANGEABLE = (LinkStatus.DRAFT, LinkStatus.OPEN)


def edit(
    session: Session, link_id: uuid.UUID, details: LinkDetails, *, version: int, actor: audit.Actor, now: dt.datetime
) -> PaymentLink:
    """Change a draft, or an open link but for its amount, currency and ways to pay, which are frozen.

    A card page that is open carries the description and the end; when one of them changes it is ended through the
    outbox, and the next click makes another.

    :param version: the one the person saw
    :raises Conflict: when it was changed since, has ended, or its money should change although it is frozen
    :raises Invalid: for an end that cannot be; the one it has may stay, however near
    """
    link = lock(session, link_id)
    if link.status not in CHANGEABLE:
        raise Conflict(
            f"link {link_id} is {link.status}", public_message="This link has ended, so it can’t be changed."
        )
    if link.version != version:
        raise Conflict(f"link {link_id} is version {link.version}, not {version}")
    said = said_of(details)
    if link.status == LinkStatus.OPEN:
        money = (details.amount_minor, details.currency, tuple(details.methods))
        if money != (link.amount_minor, link.currency, tuple(link.methods)):
            raise Conflict(f"the money of link {link_id} is frozen", public_message=FROZEN)
    else:
        said |= {"amount_minor": details.amount_minor, "currency": details.currency}
    if details.expires_at != link.expires_at or link.status == LinkStatus.DRAFT:
        check_expiry(details.expires_at, now)
    session.execute(
        # The objects of this session are read again below, not guessed.
        update(PaymentLink)
        .where(PaymentLink.id == link_id)
        .values(**said, version=version + 1)
        .execution_options(synchronize_session=False)
    )
    link_contacts.keep(session, link.organization_id, link_id, details.contact, now=now)
    carried = (details.description, details.expires_at) != (link.description, link.expires_at)
    if link.status == LinkStatus.OPEN and carried:
        outbox.add(
            session, link.organization_id, "link.changed", dedupe=f"{link_id}:{version + 1}", link_id=str(link_id)
        )
    _record(session, "link.edited", link, actor)
    return get(session, link_id)


FROZEN = (
    "This link is open already, so its amount, currency and ways to pay are frozen. Duplicate it and cancel this one."
)


def archive(session: Session, link_id: uuid.UUID, *, actor: audit.Actor, now: dt.datetime) -> PaymentLink:
    """Put a link that has ended out of sight of the lists; doing it again changes nothing.

    :raises Conflict: while it can still be paid or opened: it stays in sight
    """
    link = lock(session, link_id)
    if link.status in CHANGEABLE:
        raise Conflict(
            f"link {link_id} is {link.status}",
            public_message="Only a link that is paid, expired or canceled can be archived. Cancel this one first.",
        )
    if link.archived_at is not None:
        return link
    _record(session, "link.archived", link, actor)
    return _put(session, link, now)


def unarchive(session: Session, link_id: uuid.UUID, *, actor: audit.Actor) -> PaymentLink:
    """Bring a link back into the lists; doing it again changes nothing."""
    link = lock(session, link_id)
    if link.archived_at is None:
        return link
    _record(session, "link.unarchived", link, actor)
    return _put(session, link, None)


def _put(session: Session, link: PaymentLink, archived_at: dt.datetime | None) -> PaymentLink:
    session.execute(
        update(PaymentLink)
        .where(PaymentLink.id == link.id)
        .values(archived_at=archived_at, version=link.version + 1)
        .execution_options(synchronize_session=False)
    )
    return get(session, link.id)


def _record(session: Session, action: str, link: PaymentLink, actor: audit.Actor) -> None:
    audit.record(
        session,
        action,
        actor,
        organization_id=link.organization_id,
        subject_type="payment_link",
        subject_id=str(link.id),
    )
