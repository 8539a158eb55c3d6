"""Make payment links and move them through their states.

Reading them for pages is the work of link_views.py and link_list.py; changing what they say, of link_changes.py.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import LinkStatus, SessionState
from provvypay.errors import Conflict, Invalid, NotFound
from provvypay.kit.ids import uuid7
from provvypay.models.payment import CheckoutSession
from provvypay.models.payment_link import LinkStatusEvent, PaymentLink
from provvypay.services import audit, link_contacts, outbox, short_codes
from provvypay.services import state_machine as steps
from provvypay.services.fx import snapshots
from provvypay.services.link_contacts import NOBODY, Contact

LONGEST_LIFE = dt.timedelta(days=366)
SHORTEST_LIFE = dt.timedelta(minutes=5)

# 26^8 codes: even with ten million links the fifth collision in a row is a fault elsewhere.
_CODE_TRIES = 5


@dataclass(frozen=True, slots=True)
class LinkDetails:
    """What a merchant says of a link."""

    amount_minor: int
    currency: str
    description: str
    reference: str = ""
    expires_at: dt.datetime | None = None
    contact: Contact = NOBODY
    return_url: str = ""
    """where the receipt leads back to; https, or empty"""
    own_data: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ("CARD",)


def create(
    session: Session,
    organization_id: uuid.UUID,
    details: LinkDetails,
    rates: RateTable,
    *,
    actor: audit.Actor,
    now: dt.datetime,
    open_now: bool = True,
    link_id: uuid.UUID | None = None,
) -> PaymentLink:
    """Make a link, as OPEN with its CREATION snapshots, or as DRAFT, which gets them when it is opened.

    :param link_id: chosen by the caller, so that the same form sent twice makes one link; the second call returns it
    :param rates: read before the transaction; may be empty, creation never fails for want of rates
    :raises Invalid: for an expiry in the past or too far away
    """
    check_expiry(details.expires_at, now)
    link_id = link_id or uuid7()
    inserted = session.scalar(
        insert(PaymentLink)
        .values(
            id=link_id,
            organization_id=organization_id,
            short_code=_free_code(session),
            amount_minor=details.amount_minor,
            currency=details.currency,
            created_by=actor.id,
            **said_of(details),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(PaymentLink.id)
    )
    if inserted is None:
        return get(session, link_id)
    if details.contact.is_somebody:
        link_contacts.keep(session, organization_id, link_id, details.contact, now=now)
    target, event = (LinkStatus.OPEN, steps.OPENED) if open_now else (LinkStatus.DRAFT, steps.DRAFTED)
    advance(session, organization_id, link_id, LinkStatus.NEW, target, event=event, actor=actor, at=now)
    if open_now:
        # A draft's currency may still change; what its rates were when it lay in the drawer is nobody's evidence.
        snapshots.record_creation(session, organization_id, link_id, details.currency, rates, now=now)
    audit.record(
        session,
        "link.created",
        actor,
        organization_id=organization_id,
        subject_type="payment_link",
        subject_id=str(link_id),
        amount_minor=details.amount_minor,
        currency=details.currency,
        status=target,
    )
    return get(session, link_id)


def said_of(details: LinkDetails) -> dict[str, object]:
    """Return the columns of what may be said anew as long as a link has not ended."""
    return {
        "description": details.description,
        "reference": details.reference,
        "expires_at": details.expires_at,
        "return_url": details.return_url,
        "own_data": dict(details.own_data),
        "methods": list(details.methods),
    }


def get(session: Session, link_id: uuid.UUID) -> PaymentLink:
    """Return a link of the transaction's organization.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    link = session.scalar(
        select(PaymentLink).where(PaymentLink.id == link_id).execution_options(populate_existing=True)
    )
    if link is None:
        raise NotFound(f"link {link_id}")
    return link


def lock(session: Session, link_id: uuid.UUID) -> PaymentLink:
    """Return a link with its row locked until the transaction ends.

    :raises NotFound: as get()
    """
    link = session.scalar(
        select(PaymentLink)
        .where(PaymentLink.id == link_id)
        .with_for_update(of=PaymentLink)
        .execution_options(populate_existing=True)
    )
    if link is None:
        raise NotFound(f"link {link_id}")
    return link


def find_by_code(session: Session, short_code: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return (organization, link) of a short code, across organizations; None when there is none."""
    row = session.execute(
        text("SELECT organization_id, link_id FROM lookup_link(:code)"), {"code": short_code}
    ).one_or_none()
    return (row.organization_id, row.link_id) if row else None


def advance(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    source: LinkStatus,
    target: LinkStatus,
    *,
    event: str,
    actor: audit.Actor,
    at: dt.datetime,
    reason: str = "",
) -> None:
    """Take one step; the database sets the status from it.

    Besides settle(), the only place that inserts a status event.

    :param at: when it happened at its source
    :raises IllegalStep: for a step that is not in the table; nothing is written
    """
    steps.check_step(source, target, event)
    session.execute(
        insert(LinkStatusEvent).values(
            link_id=link_id,
            # The trigger gives the number, under the link's row lock.
            seq=0,
            organization_id=organization_id,
            from_status=source,
            to_status=target,
            event=event,
            actor_type="USER" if actor.type == "USER" else "SYSTEM",
            actor_id=actor.id if actor.type == "USER" else None,
            reason=reason,
            effective_at=at,
        )
    )


def activate(
    session: Session, link_id: uuid.UUID, rates: RateTable, *, actor: audit.Actor, now: dt.datetime
) -> PaymentLink:
    """Open a draft: from now on customers can pay it, its amount is frozen, and the rates of the moment are kept.

    :param rates: as in create()
    :raises IllegalStep: when it is no draft any more
    :raises Invalid: when its expiry has passed while it lay in the drawer
    """
    link = lock(session, link_id)
    if link.status == LinkStatus.DRAFT:
        check_expiry(link.expires_at, now)
    source, organization_id = LinkStatus(link.status), link.organization_id
    advance(session, organization_id, link_id, source, LinkStatus.OPEN, event=steps.OPENED, actor=actor, at=now)
    snapshots.record_creation(session, organization_id, link_id, link.currency, rates, now=now)
    _record(session, "link.activated", link, actor)
    return get(session, link_id)


def cancel(
    session: Session, link_id: uuid.UUID, *, actor: audit.Actor, now: dt.datetime, version: int | None = None
) -> PaymentLink:
    """Cancel an open link or discard a draft; an open Checkout Session is expired at Stripe through the outbox.

    :param version: the one the person saw; None for whatever it says by now
    :raises IllegalStep: when it is paid, expired or canceled already
    :raises Conflict: when it was changed since
    """
    link = lock(session, link_id)
    source = LinkStatus(link.status)
    if version is not None and version != link.version and not source.is_final:
        raise Conflict(f"link {link_id} is version {link.version}, not {version}")
    event = steps.DISCARDED if source is LinkStatus.DRAFT else steps.CANCELED
    advance(session, link.organization_id, link.id, source, LinkStatus.CANCELED, event=event, actor=actor, at=now)
    outbox.add(session, link.organization_id, "link.closed", dedupe=f"{link.id}:canceled", link_id=str(link.id))
    _record(session, "link.canceled", link, actor)
    return get(session, link_id)


def expire(session: Session, link_id: uuid.UUID, *, now: dt.datetime) -> bool:
    """Expire a link whose time has passed; say whether it was done.

    Leaves it OPEN while a card payment for it is on its way: a session that is still open, or complete but not yet
    paid.
    """
    link = lock(session, link_id)
    if link.status != LinkStatus.OPEN or link.expires_at is None or now <= link.expires_at:
        return False
    waiting = session.scalar(
        select(func.count())
        .select_from(CheckoutSession)
        .where(CheckoutSession.link_id == link_id)
        .where(
            (CheckoutSession.state == SessionState.OPEN)
            | ((CheckoutSession.state == SessionState.COMPLETE) & (CheckoutSession.payment_status == "unpaid"))
        )
    )
    if waiting:
        return False
    advance(
        session,
        link.organization_id,
        link.id,
        LinkStatus.OPEN,
        LinkStatus.EXPIRED,
        event=steps.EXPIRED,
        actor=audit.SYSTEM,
        at=link.expires_at,
    )
    outbox.add(session, link.organization_id, "link.closed", dedupe=f"{link.id}:expired", link_id=str(link.id))
    return True


def check_expiry(expires_at: dt.datetime | None, now: dt.datetime) -> None:
    """Refuse an end that leaves no time to pay, or lies further away than a year.

    :raises Invalid: with a sentence
    """
    if expires_at is None:
        return
    if expires_at < now + SHORTEST_LIFE:
        raise Invalid({"expires_at": "Choose a time at least five minutes from now, so that there is time to pay."})
    if expires_at > now + LONGEST_LIFE:
        raise Invalid({"expires_at": "Choose a time within a year."})


def _free_code(session: Session) -> str:
    for _ in range(_CODE_TRIES):
        code = short_codes.make()
        if find_by_code(session, code) is None:
            return code
    raise RuntimeError("no free short code in five tries")


def _record(session: Session, action: str, link: PaymentLink, actor: audit.Actor) -> None:
    audit.record(
        session,
        action,
        actor,
        organization_id=link.organization_id,
        subject_type="payment_link",
        subject_id=str(link.id),
    )
