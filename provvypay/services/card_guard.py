"""The guard against card testing: a link on which many cards are declined takes none for a while.

Thieves try stolen numbers on a page that says at once which of them work. Each try is a declined card, which costs the
merchant fees and their standing with the bank. A person with an honest problem tries two or three cards, mistypes one
or two, and stays below; a script makes dozens a minute. The hosted page stays open between tries, so pausing means
ending its session too (topic card.paused). What counts stands in the link's own timeline, so no Redis forgets it.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.services import outbox, timeline

MOST_DECLINES = 8
"""declined cards within WINDOW that pause a link's cards"""
WINDOW = dt.timedelta(minutes=15)
"""long enough for a script that takes its time, short enough that a bad evening is forgotten the next morning"""
PAUSE = dt.timedelta(minutes=30)
"""a script goes elsewhere; a customer comes back after dinner"""

# What a pause has answered already does not count again.
_DECLINES = text("""
    SELECT count(*) FROM payment_events
    WHERE link_id = :id AND kind = 'card.declined' AND occurred_at > greatest(CAST(:since AS timestamptz), coalesce(
        (SELECT max(occurred_at) FROM payment_events WHERE link_id = :id AND kind = 'card.paused'), '-infinity'))
""")
_PAUSED_UNTIL = text("""
    SELECT max(CAST(data ->> 'until' AS timestamptz)) FROM payment_events WHERE link_id = :id AND kind = 'card.paused'
""")
_TELL = text("""
    INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, link_id, data)
    SELECT gen_random_uuid(), :organization_id, m.user_id, 'card.paused', :cause_id, l.id,
        jsonb_build_object('amount_minor', l.amount_minor, 'currency', l.currency, 'description', l.description)
            || CAST(:facts AS jsonb)
    FROM memberships m JOIN payment_links l ON l.organization_id = m.organization_id AND l.id = :link_id
    WHERE m.organization_id = :organization_id
    ON CONFLICT (cause_id, kind, user_id) DO NOTHING
""")


def consider(
    session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, *, cause_id: uuid.UUID, now: dt.datetime
) -> bool:
    """Pause a link's cards if too many were declined; say whether this call did. Its members are told once.

    :param link_id: locked by the caller
    :param cause_id: the Checkout Session on which the last card was declined; a session pauses once at most
    """
    declines = session.scalar(_DECLINES, {"id": link_id, "since": now - WINDOW}) or 0
    if declines < MOST_DECLINES or paused_until(session, link_id, now=now):
        return False
    until = (now + PAUSE).isoformat()
    timeline.add(
        session,
        organization_id,
        link_id,
        "card.paused",
        dedupe=str(cause_id),
        occurred_at=now,
        declines=declines,
        until=until,
    )
    session.execute(
        _TELL,
        {
            "organization_id": organization_id,
            "link_id": link_id,
            "cause_id": cause_id,
            "facts": json.dumps({"declines": declines, "until": until}),
        },
    )
    outbox.add(session, organization_id, "card.paused", dedupe=str(cause_id), link_id=str(link_id))
    return True


def paused_until(session: Session, link_id: uuid.UUID, *, now: dt.datetime) -> dt.datetime | None:
    """Return when a link takes cards again; None when it does."""
    until = session.scalar(_PAUSED_UNTIL, {"id": link_id})
    return until if until is not None and until > now else None
