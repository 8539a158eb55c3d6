"""A Xero access token that can be used now: read, or refreshed by exactly one of all that need it.

The refresh is the one call to a vendor made inside a transaction: the lock and the commit of the new tokens end
together, so nobody ever uses tokens that were not saved, and a crash between Xero's answer and our commit leaves the
old refresh token, which Xero takes for half an hour
(docs/decisions/0027-xero-tokens-are-refreshed-under-their-row-lock.md).
"""

from __future__ import annotations

import datetime as dt
import uuid

import structlog
from sqlalchemy.orm import Session

from provvypay.integrations import xero_identity
from provvypay.integrations.xero_errors import XeroRefused
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.sealing import CannotOpen
from provvypay.services.xero import connections, grants
from provvypay.services.xero.grants import NewTokens, OpenGrant

log = structlog.get_logger(__name__)

register("xero.refreshed")

KEEP_ALIVE_DAYS = 30
YOUNG = dt.timedelta(days=1)
"""two who keep a grant alive at once make one refresh"""


def access_token(organization_id: uuid.UUID, grant_id: uuid.UUID, *, refused: str | None = None) -> str:
    """Return an access token with some minutes left.

    :param refused: a token that Xero has just called too old; if nobody refreshed since, this call does
    :raises XeroRefused: `reconnect`, when the consent is over; its owners have been told
    :raises XeroUnavailable: when the refresh got no answer; nothing is changed
    """
    try:
        with transaction(organization_id) as session:
            found = grants.opened(session, organization_id, grant_id, locked=False)
        if found and found.state == "LIVE" and found.is_fresh(clock.now(), but=refused):
            return found.access_token
        return _refresh(organization_id, grant_id, refused=refused, always=False)
    except CannotOpen as error:
        log.exception("alert.xero_tokens_cannot_be_opened", grant=str(grant_id))
        _broken(organization_id, grant_id, "The stored tokens cannot be opened with this installation’s keys.")
        raise XeroRefused("reconnect", ("tokens cannot be opened",)) from error


def _refresh(organization_id: uuid.UUID, grant_id: uuid.UUID, *, refused: str | None, always: bool) -> str:
    """Refresh under the row's lock, unless somebody did while we waited for it."""
    try:
        with transaction(organization_id) as session:
            grant = grants.opened(session, organization_id, grant_id, locked=True)
            now = clock.now()
            grant = _alive(grant)
            young = now - grant.refreshed_at < YOUNG
            if young if always else grant.is_fresh(now, but=refused):
                return grant.access_token
            tokens = _asked(grant, now)
            failpoint("xero.refreshed")
            _save(session, organization_id, grant, tokens, now)
    except XeroRefused as error:
        if error.reason == "reconnect":
            _broken(organization_id, grant_id, error.messages[0])
        raise
    return tokens.access_token


def _alive(grant: OpenGrant | None) -> OpenGrant:
    if grant is None or grant.state != "LIVE":
        raise XeroRefused("reconnect", ("the consent is over",))
    return grant


def _asked(grant: OpenGrant, now: dt.datetime) -> xero_identity.Tokens:
    """Ask Xero with the last refresh token, and with the one before while Xero may still take it."""
    client = xero_identity.client()
    try:
        return client.refresh(grant.refresh_token)
    except XeroRefused as error:
        young = now - grant.refreshed_at < grants.GRACE
        if error.reason != "reconnect" or not grant.previous_refresh_token or not young:
            raise
    return client.refresh(grant.previous_refresh_token)


def _save(
    session: Session, organization_id: uuid.UUID, grant: OpenGrant, tokens: xero_identity.Tokens, now: dt.datetime
) -> None:
    fresh = NewTokens(tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes)
    grants.save_refreshed(session, organization_id, grant, fresh, now=now)


def _broken(organization_id: uuid.UUID, grant_id: uuid.UUID, why: str) -> None:
    with transaction(organization_id) as session:
        grants.refuse(session, organization_id, grant_id, why)
        if connections.needs_reconnect(session, organization_id, grant_id, why):
            log.warning("xero.needs_reconnect", grant=str(grant_id), why=why)


def keep_alive() -> int:
    """Refresh the grants of quiet merchants, which would lapse at 60 days; return how many."""
    with transaction() as session:
        waiting = grants.quiet(session, days=KEEP_ALIVE_DAYS)
    done = 0
    for organization_id, grant_id in waiting:
        try:
            _refresh(organization_id, grant_id, refused=None, always=True)
            done += 1
        except XeroRefused:
            continue  # told already
    return done


def rotate_keys() -> tuple[int, int]:
    """Seal every grant's tokens with the first key; return how many were, and how many no key of ours opens."""
    done = lost = 0
    seen: set[uuid.UUID] = set()
    while True:
        with transaction() as session:
            waiting = [pair for pair in grants.to_reseal(session, most=100 + len(seen)) if pair[1] not in seen]
        if not waiting:
            return done, lost
        for organization_id, grant_id in waiting:
            seen.add(grant_id)
            try:
                with transaction(organization_id) as session:
                    grants.reseal(session, organization_id, grant_id)
                done += 1
            except CannotOpen:
                lost += 1
