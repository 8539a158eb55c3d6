"""Connect a merchant's Xero: the trip to the consent page and back, the choice of a company, and the end of it.

The state that travels is bound to one session of one organization and good once; a second proof (PKCE) is made from it
and the installation's secret, so that a stolen code is worth nothing to anybody else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass

import structlog

from provvypay.errors import Conflict, NotFound, ProvvypayError, Unavailable
from provvypay.flows import xero_tokens
from provvypay.integrations import xero_identity
from provvypay.integrations.xero import Client
from provvypay.integrations.xero_errors import XeroRefused, XeroUnavailable
from provvypay.integrations.xero_identity import Company
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.ids import secret_token
from provvypay.kit.sealing import CannotOpen
from provvypay.kit.settings import settings
from provvypay.services import audit
from provvypay.services.xero import connections, grants
from provvypay.services.xero.connections import Connection
from provvypay.services.xero.grants import NewTokens

log = structlog.get_logger(__name__)


class BadState(ProvvypayError):
    """The way back from Xero does not belong to a way there, or was used, or took too long."""

    status = 400
    code = "bad_state"
    public_message = (
        "This way back from Xero is not the one we sent you on, was used before, or took more than ten minutes. "
        "Nothing was connected. Begin again under Settings, Xero."
    )


class NoCompany(Conflict):
    """The consent opened no company."""

    code = "no_company"
    public_message = "Xero let us into no company. Connect again and choose one."


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person came back with: the grant, and the companies it opens."""

    grant_id: uuid.UUID
    companies: tuple[Company, ...]
    needs_choice: bool
    """several companies, or another one than was connected before"""
    before: Connection | None


def begin(organization_id: uuid.UUID, session_id: uuid.UUID, user_id: uuid.UUID) -> str:
    """Return the address of Xero's consent page for this session.

    :raises Unavailable: while this installation has no app at Xero
    """
    if not settings().xero_on:
        raise Unavailable("Xero is off", public_message="Xero is not set up on this installation.")
    state = secret_token()
    with transaction(organization_id) as session:
        grants.begin(session, organization_id, session_id, user_id=user_id, state=state, now=clock.now())
    return xero_identity.client().consent_url(state, _challenge(_verifier(state)))


def finish(organization_id: uuid.UUID, session_id: uuid.UUID, *, state: str, code: str, actor: audit.Actor) -> Consent:
    """Take what Xero sent back: use the state up, exchange the code, and see which companies it opens.

    A single company that is new here, or the one connected before, is connected at once; anything else is a choice.

    :raises BadState: for a state or a code that is not ours, or not good any more; nothing is stored
    """
    with transaction(organization_id) as session:
        if not grants.use_state(session, organization_id, session_id, state):
            raise BadState("state")
    try:
        tokens = xero_identity.client().exchange(code, _verifier(state))
    except XeroRefused as error:
        raise BadState(str(error)) from error
    with transaction(organization_id) as session:
        grant_id = grants.keep(
            session,
            organization_id,
            NewTokens(tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes),
            auth_event_id=tokens.auth_event_id,
            xero_user_id=tokens.xero_user_id,
            user_id=_user(actor),
        )
        before = connections.last(session, organization_id)
    found = xero_identity.client().companies(tokens.access_token, tokens.auth_event_id)
    if not found:
        raise NoCompany(f"grant {grant_id}")
    same = before is None or before.tenant_id == found[0].tenant_id
    consent = Consent(grant_id, found, needs_choice=len(found) > 1 or not same, before=before)
    if not consent.needs_choice:
        choose(organization_id, grant_id, found[0].tenant_id, actor=actor)
    return consent


def offered(organization_id: uuid.UUID, grant_id: uuid.UUID) -> Consent:
    """Return what a consent opens, for the page where a company is chosen.

    :raises NotFound: for a grant that is not this organization's, or has ended
    """
    with transaction(organization_id) as session:
        grant = grants.opened(session, organization_id, grant_id, locked=False)
        before = connections.last(session, organization_id)
    if grant is None:
        raise NotFound(f"grant {grant_id}")
    token = xero_tokens.access_token(organization_id, grant_id)
    found = xero_identity.client().companies(token, grant.auth_event_id)
    return Consent(grant_id, found, needs_choice=True, before=before)


def choose(organization_id: uuid.UUID, grant_id: uuid.UUID, tenant_id: uuid.UUID, *, actor: audit.Actor) -> None:
    """Connect one of a consent's companies, and let go of what is not needed any more.

    :raises NotFound: for a company the consent does not open
    :raises CompanyTaken: when another organization writes into its books
    """
    consent = offered(organization_id, grant_id)
    company = next((one for one in consent.companies if one.tenant_id == tenant_id), None)
    if company is None:
        raise NotFound(f"tenant {tenant_id}")
    chart = Client(str(tenant_id), lambda old: xero_tokens.access_token(organization_id, grant_id, refused=old),
                   in_person=True).chart()  # fmt: skip
    with transaction(organization_id) as session:
        connection_id, replaced = connections.connect(
            session,
            organization_id,
            grant_id=grant_id,
            tenant_id=tenant_id,
            xero_connection_id=company.connection_id,
            name=company.name,
            actor=actor,
        )
        connections.keep_chart(session, organization_id, connection_id, chart)
    if replaced is not None:
        # The same company keeps its connection at Xero; only the tokens before are forgotten.
        _let_go(organization_id, replaced, at_xero=replaced.tenant_id != tenant_id)


def disconnect(organization_id: uuid.UUID, *, actor: audit.Actor) -> bool:
    """End the connection, here first and then at Xero; say whether Xero knows it too."""
    with transaction(organization_id) as session:
        connection = connections.live(session, organization_id)
        if connection is None:
            return True
        connections.disconnect(session, organization_id, connection.id, actor=actor)
    return _let_go(organization_id, connection, at_xero=True)


def _let_go(organization_id: uuid.UUID, connection: Connection, *, at_xero: bool) -> bool:
    """End a connection at Xero, which counts it until then, and forget its tokens.

    Only the connection is deleted, never the consent revoked: a revocation would end every connection of that person,
    those of other organizations too.
    """
    if connection.grant_id is None:
        return True
    told = not at_xero
    if at_xero and connection.xero_connection_id:
        try:
            token = xero_tokens.access_token(organization_id, connection.grant_id)
            xero_identity.client().disconnect(token, connection.xero_connection_id)
            told = True
        except (XeroUnavailable, XeroRefused, CannotOpen) as error:
            log.warning("xero.not_told_of_the_end", connection=str(connection.id), error=type(error).__name__)
    with transaction(organization_id) as session:
        grants.end(session, organization_id, connection.grant_id)
    return told


def _user(actor: audit.Actor) -> uuid.UUID:
    if actor.id is None:
        raise ValueError("only a person can consent")
    return actor.id


def _verifier(state: str) -> str:
    """Return the second proof for a state; only who knows the installation's secret can make it."""
    made = hmac.new(settings().secret_key.encode(), f"xero-pkce:{state}".encode(), hashlib.sha256).digest()
    return _text(made)


def _challenge(verifier: str) -> str:
    return _text(hashlib.sha256(verifier.encode()).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
