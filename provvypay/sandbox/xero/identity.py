"""Consent and tokens: single-use codes, half-hour access tokens, refresh tokens that are replaced at every use.

Reference: Xero's OAuth 2.0 guide and FAQ, checked 2026-11-22. A used refresh token works for 30 more minutes from its
first use, in case the answer was lost; tokens of generations before it do not.
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from provvypay.sandbox.xero.state import USERS, XeroState, new_id

CODE_SECONDS = 5 * 60
ACCESS_SECONDS = 30 * 60
GRACE_SECONDS = 30 * 60
UNUSED_SECONDS = 60 * 24 * 60 * 60
ID_TOKEN_SECONDS = 5 * 60
ISSUER = "https://identity.xero.com"
_SIGNING_KEY = secrets.token_bytes(32)


class OAuthError(Exception):
    """A refusal of the token endpoint: {"error": …} with status 400, nothing else.

    :ivar word: OAuth's word for it
    """

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def consent(state: XeroState, user: str, tenants: list[str], asked: dict[str, str]) -> str:
    """Connect organisations for a person and return the code the app may exchange. Hold the lock.

    :param user: e-mail address, one of USERS
    :param asked: scope, redirect_uri and, if there was one, code_challenge of the request
    """
    now, event = state.core.clock.exact(), new_id()
    for tenant_id in tenants:
        _connect(state, user, tenant_id, event, now)
    code = secrets.token_urlsafe(32)
    state.codes[code] = {**asked, "user": user, "event": event, "expires": now + CODE_SECONDS, "used": False}
    state.core.touch()
    return code


def _connect(state: XeroState, user: str, tenant_id: str, event: str, now: float) -> None:
    known = next(
        (row for row in state.connections.values() if row["tenantId"] == tenant_id and row["user"] == user), None
    )
    if known:
        known.update(authEventId=event, updated=now)
        return
    connection = {"id": new_id(), "authEventId": event, "tenantId": tenant_id, "user": user}
    state.connections[connection["id"]] = {**connection, "created": now, "updated": now}


def exchange(state: XeroState, code: str, redirect_uri: str, verifier: str | None) -> dict[str, Any]:
    """Return tokens for a code. Hold the lock.

    :raises OAuthError: for a code that is unknown, used, too old, or was asked for another address or verifier
    """
    asked = state.codes.get(code)
    if not asked or asked["used"] or asked["expires"] < state.core.clock.exact():
        raise OAuthError("invalid_grant")
    asked["used"] = True
    state.core.touch()
    if redirect_uri != asked["redirect_uri"] or not _proves(asked.get("code_challenge"), verifier):
        raise OAuthError("invalid_grant")
    grant = {
        "id": new_id(),
        "user": asked["user"],
        "event": asked["event"],
        "scopes": asked["scope"].split(),
        "generation": 0,
        "revoked": False,
    }
    state.grants[grant["id"]] = grant
    return _tokens(state, grant)


def _proves(challenge: str | None, verifier: str | None) -> bool:
    if not challenge:
        return True
    digest = hashlib.sha256((verifier or "").encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def refresh(state: XeroState, token: str) -> dict[str, Any]:
    """Return new tokens for a refresh token. Hold the lock.

    :raises OAuthError: for a token that was never issued, is revoked, lay unused for 60 days, or whose grace is over
    """
    held, now = state.refresh_tokens.get(token), state.core.clock.exact()
    grant = state.grants[held["grant"]] if held else None
    if not held or not grant or grant["revoked"] or held["dead"]:
        raise OAuthError("invalid_grant")
    if held["used"] is None:
        if held["issued"] + UNUSED_SECONDS < now or held["generation"] != grant["generation"]:
            raise OAuthError("invalid_grant")
        held["used"] = now
        grant["generation"] += 1
        _bury(state, grant, held)
    elif held["generation"] != grant["generation"] - 1 or held["used"] + GRACE_SECONDS < now:
        raise OAuthError("invalid_grant")
    return _tokens(state, grant)


def _bury(state: XeroState, grant: dict[str, Any], used: dict[str, Any]) -> None:
    """Let the successors that were issued beside this one die: only the chain that goes on lives."""
    for row in state.refresh_tokens.values():
        if row["grant"] == grant["id"] and row["generation"] <= used["generation"] and row is not used:
            row["dead"] = True


def _tokens(state: XeroState, grant: dict[str, Any]) -> dict[str, Any]:
    now = state.core.clock.exact()
    access = _jwt(grant, now, {"authentication_event_id": grant["event"], "scope": grant["scopes"]}, ACCESS_SECONDS)
    _forget_old(state, now)
    state.access_tokens[access] = {"grant": grant["id"], "expires": now + ACCESS_SECONDS, "dead": False}
    answer: dict[str, Any] = {"access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer"}
    if "openid" in grant["scopes"]:
        answer["id_token"] = _jwt(grant, now, {"email": grant["user"]}, ID_TOKEN_SECONDS)
    if "offline_access" in grant["scopes"]:
        fresh = secrets.token_urlsafe(40)
        answer["refresh_token"] = fresh
        state.refresh_tokens[fresh] = {
            "grant": grant["id"], "generation": grant["generation"], "issued": now, "used": None, "dead": False,
        }  # fmt: skip
    answer["scope"] = " ".join(grant["scopes"])
    state.core.touch()
    return answer


def _forget_old(state: XeroState, now: float) -> None:
    """Forget access tokens that ended a day ago: they are refused all the same, only in other words."""
    for token in [token for token, row in state.access_tokens.items() if row["expires"] + 86_400 < now]:
        del state.access_tokens[token]


def _jwt(grant: dict[str, Any], now: float, claims: dict[str, Any], seconds: int) -> str:
    body = {
        "nbf": int(now), "exp": int(now) + seconds, "iss": ISSUER, "aud": f"{ISSUER}/resources", "iat": int(now),
        "client_id": "sandbox", "sub": hashlib.md5(grant["user"].encode(), usedforsecurity=False).hexdigest(),
        "xero_userid": USERS[grant["user"]], "jti": secrets.token_hex(16), **claims,
    }  # fmt: skip
    head = {"alg": "HS256", "typ": "JWT"}
    text = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, body))
    return f"{text}.{_base64(hmac.new(_SIGNING_KEY, text.encode(), hashlib.sha256).digest())}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def revoke(state: XeroState, token: str) -> None:
    """Let a refresh token die, and with it everything its person has connected; an unknown one changes nothing."""
    if not (held := state.refresh_tokens.get(token)):
        return
    user = state.grants[held["grant"]]["user"]
    for grant in state.grants.values():
        if grant["user"] == user:
            grant["revoked"] = True
    for row in state.access_tokens.values():
        if state.grants[row["grant"]]["user"] == user:
            row["dead"] = True
    for connection_id in [name for name, row in state.connections.items() if row["user"] == user]:
        del state.connections[connection_id]
    state.core.touch()


def connected(state: XeroState, user: str, tenant_id: str) -> bool:
    """Say whether a person has this organisation connected."""
    return any(row["user"] == user and row["tenantId"] == tenant_id for row in state.connections.values())
