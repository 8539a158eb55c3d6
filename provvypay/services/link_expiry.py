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


@dataclass(frozen=True, slots=True)
class Shown:
    """An account a link showed with a quote, and since when: it may have been paid there."""

    hedera_account_id: uuid.UUID
    since: dt.datetime


_SHOWN = text("""
    SELECT q.hedera_account_id, min(q.created_at) AS since
    FROM payment_attempts q JOIN hedera_accounts a ON a.id = q.hedera_account_id AND a.network = :network
    WHERE q.organization_id = :org AND q.link_id = :link_id GROUP BY 1 ORDER BY 2
""")


def shown_accounts(session: Session, due: DueLink, network: str) -> list[Shown]:
    """Return the accounts a link showed; none for a link that never gave a quote."""
    rows = session.execute(_SHOWN, {"org": due.organization_id, "link_id": due.link_id, "network": network})
    return [Shown(row.hedera_account_id, row.since) for row in rows]
