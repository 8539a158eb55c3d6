"""Xero's identity server: consent, tokens, and the list of connected companies, in our words.

Reference: developer.xero.com, OAuth 2.0, read November 2026. A code lives 5 minutes and is good once; access tokens
live 30 minutes, refresh tokens 60 days unused; each refresh gives a new refresh token, and the one before works for
30 more minutes. The SDK's own token calls have no time-out, so these are ours.

Odd codes: 400 `invalid_grant` the consent is over, a person must connect again · `invalid_client`,
`unauthorized_client`, `invalid_scope` our app is set up wrongly.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from provvypay.integrations.xero_errors import XeroMisunderstood, XeroRefused, XeroUnavailable
from provvypay.kit import clock
from provvypay.kit.http import HttpAnswer, HttpClient, HttpFailed, seconds_to_wait
from provvypay.kit.settings import Settings, settings

SCOPES = (
    "offline_access",
    "accounting.invoices",
    "accounting.payments",
    "accounting.contacts",
    "accounting.settings.read",
    "accounting.banktransactions",
)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a consent or a refresh gives."""

    access_token: str
    refresh_token: str
    expires_at: dt.datetime
    scopes: str
    auth_event_id: str
    """Xero's name of the consent, out of the access token"""
    xero_user_id: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company a consent opened."""

    connection_id: uuid.UUID
    tenant_id: uuid.UUID
    name: str
    auth_event_id: str


@dataclass(frozen=True)
class Client:
    """Calls to the identity server, and to the list of connections, which lives beside the Accounting API."""

    login_base: str
    client_id: str
    client_secret: str
    redirect_uri: str
    identity: HttpClient
    api: HttpClient

    def consent_url(self, state: str, challenge: str) -> str:
        """Return where a person says yes: a page of Xero's that refuses to be framed."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(SCOPES),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.login_base}/identity/connect/authorize?{urlencode(query)}"

    def exchange(self, code: str, verifier: str) -> Tokens:
        """Return the tokens a code stands for.

        :raises XeroRefused: for a code that is old, used or not ours
        :raises XeroUnavailable: without an answer
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return self._tokens({**form, "code_verifier": verifier}, holding_a_lock=False)

    def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens; called inside the transaction that holds the grant's row.

        :raises XeroRefused: `reconnect`, when the consent is over
        :raises XeroUnavailable: without an answer; the token that was sent stays good for half an hour
        """
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token}, holding_a_lock=True)

    def companies(self, access_token: str, auth_event_id: str) -> tuple[Company, ...]:
        """Return the companies of one consent; practices are left out."""
        answer = self._api("GET", "/connections", access_token, {"authEventId": auth_event_id})
        if answer.status != 200:
            raise _failure("GET /connections", answer)
        try:
            return tuple(
                Company(uuid.UUID(row["id"]), uuid.UUID(row["tenantId"]), row["tenantName"], row["authEventId"])
                for row in json.loads(answer.text)
                if row["tenantType"] == "ORGANISATION"
            )
        except (ValueError, KeyError, TypeError) as error:
            raise XeroMisunderstood(f"GET /connections: {type(error).__name__}") from error

    def disconnect(self, access_token: str, connection_id: uuid.UUID) -> None:
        """End one connection at Xero; one that is gone already is fine."""
        answer = self._api("DELETE", f"/connections/{connection_id}", access_token, {})
        if answer.status not in {204, 404}:
            raise _failure("DELETE /connections", answer)

    def _api(self, method: str, path: str, access_token: str, params: dict[str, str]) -> HttpAnswer:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            return self.api.send(method, path, headers=headers, params=params)
        except HttpFailed as error:
            raise XeroUnavailable(str(error)) from error

    def _tokens(self, form: dict[str, str], *, holding_a_lock: bool) -> Tokens:
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        headers = {**_FORM, "Authorization": f"Basic {basic}"}
        try:
            answer = self.identity.send(
                "POST", "/connect/token", form=form, headers=headers, holding_a_lock=holding_a_lock
            )
        except HttpFailed as error:
            raise XeroUnavailable(str(error)) from error
        if answer.status != 200:
            raise _failure("POST /connect/token", answer)
        try:
            return _read(json.loads(answer.text))
        except (ValueError, KeyError, TypeError) as error:
            raise XeroMisunderstood(f"POST /connect/token: {type(error).__name__}") from error


def _read(body: dict[str, Any]) -> Tokens:
    claims = _claims(str(body["access_token"]))
    return Tokens(
        access_token=str(body["access_token"]),
        refresh_token=str(body["refresh_token"]),
        expires_at=clock.now() + dt.timedelta(seconds=int(body["expires_in"])),
        scopes=str(body.get("scope", "")),
        auth_event_id=str(claims.get("authentication_event_id", "")),
        xero_user_id=str(claims.get("xero_userid", "")),
    )


def _claims(access_token: str) -> dict[str, Any]:
    """Return what the access token says of itself. It came over TLS from Xero, and is not used to decide who may."""
    try:
        middle = access_token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(what: str, answer: HttpAnswer) -> Exception:
    """Return what an answer means; its body is never repeated, for it may hold tokens."""
    if answer.status == 429 or answer.status >= 500 or answer.status == 408:
        wait = seconds_to_wait(answer) or None
        return XeroUnavailable(f"{what}: {answer.status}", retry_after=wait)
    try:
        body = json.loads(answer.text)
        word = str(body.get("error") or body.get("Detail") or "")[:80] if isinstance(body, dict) else ""
    except ValueError:
        word = ""
    if word == "invalid_grant" or answer.status in {401, 403}:
        return XeroRefused("reconnect", (word or str(answer.status),))
    return XeroRefused("request", (f"{what}: {answer.status} {word}".strip(),))


def from_settings(chosen: Settings) -> Client:
    """Return a client with an installation's addresses and secrets."""
    return Client(
        login_base=chosen.xero_login_base,
        client_id=chosen.xero_client_id or "",
        client_secret=chosen.xero_client_secret or "",
        redirect_uri=chosen.xero_redirect_uri or "",
        identity=HttpClient(chosen.xero_identity_base, answer_seconds=15),
        api=HttpClient(chosen.xero_api_base, answer_seconds=15),
    )


@lru_cache(maxsize=2)
def _client(chosen: Settings) -> Client:
    return from_settings(chosen)


def client() -> Client:
    """Return this process's client."""
    return _client(settings())
