"""Find the links whose time has passed, of whatever organization, in batches that follow each other."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class DueLink:
    """An open link whose time has passed."""

    organization_id: uuid.UUID
    link_id: uuid.UUID
    expires_at: dt.datetime


# In front of every link that can be due.
FIRST_DUE = DueLink(uuid.UUID(int=0), uuid.UUID(int=0), dt.datetime(1970, 1, 1, tzinfo=dt.UTC))


def due_expiries(session: Session, *, most: int, after: DueLink = FIRST_DUE) -> list[DueLink]:
    """Return open links whose time has passed, across organizations, longest first; none that somebody holds locked.

    :param after: the last one seen: a link that waits for its card payment stays due, and must not hold up the others
    """
    rows = session.execute(
        text("SELECT * FROM due_expiries(:most, :after, :after_id)"),
        {"most": most, "after": after.expires_at, "after_id": after.link_id},
    )
    return [DueLink(row.organization_id, row.link_id, row.expires_at) for row in rows]
