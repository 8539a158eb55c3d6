"""Whom links are for: kept apart from the links, so that a person can be erased without touching what was booked."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.models.payment_link import LinkContact


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer as the merchant names them; the pay page never does."""

    name: str = ""
    email: str = ""

    @property
    def is_somebody(self) -> bool:
        """Say whether anything is known."""
        return bool(self.name or self.email)


NOBODY = Contact()


def of_link(session: Session, link_id: uuid.UUID) -> Contact:
    """Return whom a link is for; NOBODY when that is not known, or erased."""
    row = session.execute(
        select(LinkContact.name, LinkContact.email).where(LinkContact.link_id == link_id)
    ).one_or_none()
    return Contact(row.name, row.email) if row else NOBODY


def keep(
    session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, contact: Contact, *, now: dt.datetime
) -> None:
    """Write down whom a link is for, in place of whoever it was for before; NOBODY erases.

    A trigger keeps the words it is found by, so an erased person is found by nothing.

    :param link_id: of a link the caller has locked, or has just made
    """
    if not contact.is_somebody:
        session.execute(delete(LinkContact).where(LinkContact.link_id == link_id))
        return
    said = {"name": contact.name, "email": contact.email}
    session.execute(
        insert(LinkContact)
        .values(link_id=link_id, organization_id=organization_id, **said)
        .on_conflict_do_update(index_elements=["link_id"], set_={**said, "updated_at": now})
    )
