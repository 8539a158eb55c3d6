"""Consents and their tokens: states that travel once, one row per grant, refreshed under its row lock.

The tokens are sealed here and nowhere else; no other function ever sees one that it does not need.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from provvypay.kit import sealing
from provvypay.kit.ids import token_hash, uuid7
from provvypay.kit.sealing import Place
from provvypay.models.xero import XeroAuthorization, XeroGrant

STATE_LIFE = dt.timedelta(minutes=10)
LEFT_ENOUGH = dt.timedelta(minutes=2)
"""an access token with less than this left is refreshed before it is used"""
GRACE = dt.timedelta(minutes=30)
"""how long Xero takes the refresh token before the last"""

_USE_STATE = text("""
    UPDATE xero_authorizations SET used_at = clock_timestamp()
    WHERE organization_id = :organization_id AND state_hash = :state AND session_id = :session_id AND used_at IS NULL
        AND expires_at > clock_timestamp()
    RETURNING id
""")
# A refresh takes up to 20 s, and so do those that wait for it; the timeouts of a page are shorter.
_PATIENCE = text("""
    SELECT set_config('lock_timeout', '25s', true), set_config('statement_timeout', '28s', true),
        set_config('idle_in_transaction_session_timeout', '40s', true)
""")


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Tokens to be sealed."""

    access_token: str
    refresh_token: str
    expires_at: dt.datetime
    scopes: str


@dataclass(frozen=True, slots=True)
class OpenGrant:
    """A grant with its tokens open; never kept, never logged."""

    id: uuid.UUID
    state: str
    version: int
    access_token: str
    refresh_token: str
    previous_refresh_token: str
    expires_at: dt.datetime
    refreshed_at: dt.datetime
    auth_event_id: str

    def is_fresh(self, now: dt.datetime, *, but: str | None) -> bool:
        """Say whether the access token may be used; `but` is one that Xero has just refused."""
        return self.expires_at > now + LEFT_ENOUGH and self.access_token != but

    def __repr__(self) -> str:
        return f"OpenGrant({self.id}, {self.state}, version {self.version})"


def begin(
    session: Session,
    organization_id: uuid.UUID,
    session_id: uuid.UUID,
    *,
    user_id: uuid.UUID,
    state: str,
    now: dt.datetime,
) -> None:
    """Remember a state that travels to Xero; only its hash is kept."""
    session.execute(
        insert(XeroAuthorization).values(
            id=uuid7(),
            organization_id=organization_id,
            session_id=session_id,
            user_id=user_id,
            state_hash=token_hash(state),
            expires_at=now + STATE_LIFE,
        )
    )


def use_state(session: Session, organization_id: uuid.UUID, session_id: uuid.UUID, state: str) -> bool:
    """Use a state up; False when it is not of this session and organization, too old, or was used."""
    found = session.execute(
        _USE_STATE, {"organization_id": organization_id, "session_id": session_id, "state": token_hash(state)}
    )
    return found.first() is not None


def keep(
    session: Session,
    organization_id: uuid.UUID,
    tokens: NewTokens,
    *,
    auth_event_id: str,
    xero_user_id: str,
    user_id: uuid.UUID,
) -> uuid.UUID:
    """Store what a consent gave; return the grant's id."""
    grant_id = uuid7()
    session.execute(
        insert(XeroGrant).values(
            id=grant_id,
            organization_id=organization_id,
            auth_event_id=auth_event_id,
            xero_user_id=xero_user_id,
            scopes=tokens.scopes,
            access_token=sealing.seal(tokens.access_token, _place(organization_id, grant_id, "access_token")),
            refresh_token=sealing.seal(tokens.refresh_token, _place(organization_id, grant_id, "refresh_token")),
            expires_at=tokens.expires_at,
            created_by=user_id,
        )
    )
    return grant_id


def opened(session: Session, organization_id: uuid.UUID, grant_id: uuid.UUID, *, locked: bool) -> OpenGrant | None:
    """Return a grant with its tokens; None for one that is not this organization's, or has ended.

    :param locked: hold the row until the transaction ends; waits for whoever refreshes it
    :raises CannotOpen: when the tokens were sealed with a key that is gone
    """
    statement = select(XeroGrant).where(XeroGrant.organization_id == organization_id, XeroGrant.id == grant_id)
    if locked:
        session.execute(_PATIENCE)
        statement = statement.with_for_update()
    row = session.scalar(statement)
    if row is None or row.state == "ENDED":
        return None
    before = row.previous_refresh_token
    return OpenGrant(
        id=row.id,
        state=row.state,
        version=row.version,
        access_token=sealing.unseal(row.access_token, _place(organization_id, row.id, "access_token")),
        refresh_token=sealing.unseal(row.refresh_token, _place(organization_id, row.id, "refresh_token")),
        previous_refresh_token=sealing.unseal(before, _place(organization_id, row.id, "refresh_token"))
        if before
        else "",
        expires_at=row.expires_at,
        refreshed_at=row.refreshed_at,
        auth_event_id=row.auth_event_id,
    )


def save_refreshed(
    session: Session, organization_id: uuid.UUID, grant: OpenGrant, tokens: NewTokens, *, now: dt.datetime
) -> None:
    """Store the tokens of a refresh beside the one before; the caller holds the row.

    :raises RuntimeError: when the row is of another version: it cannot be, under the lock
    """
    place = _place(organization_id, grant.id, "refresh_token")
    saved = session.execute(
        text("""
            UPDATE xero_grants SET access_token = :access, refresh_token = :refresh, previous_refresh_token = :previous,
                expires_at = :expires_at, refreshed_at = :now, version = version + 1, last_error = '', scopes = :scopes
            WHERE organization_id = :organization_id AND id = :id AND version = :version RETURNING id
        """),
        {
            "access": sealing.seal(tokens.access_token, _place(organization_id, grant.id, "access_token")),
            "refresh": sealing.seal(tokens.refresh_token, place),
            "previous": sealing.seal(grant.refresh_token, place),
            "expires_at": tokens.expires_at,
            "now": now,
            "scopes": tokens.scopes,
            "organization_id": organization_id,
            "id": grant.id,
            "version": grant.version,
        },
    )
    if saved.first() is None:
        raise RuntimeError(f"grant {grant.id} is not version {grant.version} any more")


def refuse(session: Session, organization_id: uuid.UUID, grant_id: uuid.UUID, why: str) -> None:
    """Write down that Xero takes this grant's tokens no more."""
    session.execute(
        text(
            "UPDATE xero_grants SET state = 'REFUSED', last_error = :why"
            " WHERE organization_id = :organization_id AND id = :id AND state = 'LIVE'"
        ),
        {"organization_id": organization_id, "id": grant_id, "why": why[:200]},
    )


def end(session: Session, organization_id: uuid.UUID, grant_id: uuid.UUID) -> None:
    """Forget a grant's tokens, unless a connection still lives by them."""
    session.execute(
        text("""
            UPDATE xero_grants g
            SET state = 'ENDED', access_token = '', refresh_token = '', previous_refresh_token = ''
            WHERE g.organization_id = :organization_id AND g.id = :id AND g.state <> 'ENDED' AND NOT EXISTS
                (SELECT FROM xero_connections c WHERE c.grant_id = g.id AND c.state <> 'DISCONNECTED')
        """),
        {"organization_id": organization_id, "id": grant_id},
    )


def quiet(session: Session, *, days: int, most: int = 50) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return organization and id of grants that were not refreshed for so many days."""
    rows = session.execute(text("SELECT * FROM quiet_xero_grants(:days, :most)"), {"days": days, "most": most})
    return [(row.organization_id, row.grant_id) for row in rows]


def to_reseal(session: Session, *, most: int = 100) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return organization and id of grants that are sealed with another key than the first."""
    rows = session.execute(
        text("SELECT * FROM xero_grants_to_reseal(:key, :most)"), {"key": sealing.current_key(), "most": most}
    )
    return [(row.organization_id, row.grant_id) for row in rows]


def reseal(session: Session, organization_id: uuid.UUID, grant_id: uuid.UUID) -> None:
    """Seal a grant's tokens with the first key; the row is held, so no refresh comes between.

    :raises CannotOpen: when the key they were sealed with is not among ours
    """
    grant = opened(session, organization_id, grant_id, locked=True)
    if grant is None:
        return
    place = _place(organization_id, grant_id, "refresh_token")
    before = grant.previous_refresh_token
    session.execute(
        text(
            "UPDATE xero_grants SET access_token = :access, refresh_token = :refresh,"
            " previous_refresh_token = :previous WHERE organization_id = :organization_id AND id = :id"
        ),
        {
            "access": sealing.seal(grant.access_token, _place(organization_id, grant_id, "access_token")),
            "refresh": sealing.seal(grant.refresh_token, place),
            "previous": sealing.seal(before, place) if before else "",
            "organization_id": organization_id,
            "id": grant_id,
        },
    )


def _place(organization_id: uuid.UUID, grant_id: uuid.UUID, column: str) -> Place:
    """Return a token's place; the refresh token before the last is bound to the column where it stood."""
    return Place(organization_id, "xero_grants", column, grant_id)
