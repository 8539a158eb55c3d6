"""What a test does to the app's side of the stand-in: consent without a browser, end tokens, change settings."""

from dataclasses import fields
from typing import Any

from provvypay.sandbox.wishes import CannotDo
from provvypay.sandbox.xero import hand, identity, scopes
from provvypay.sandbox.xero.state import USERS, XeroSettings, XeroState

DEFAULT_SCOPES = (
    "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read "
    "accounting.banktransactions"
)


def consent(state: XeroState, wanted: dict[str, Any]) -> dict[str, Any]:
    """Consent without a browser and return the code, as the redirect would carry it.

    :param wanted: tenant_id (or tenant_ids), redirect_uri, scope, user; everything has a default but the tenant
    """
    ids = wanted.get("tenant_ids") or [wanted.get("tenant_id", "")]
    owners = [hand.tenant(state, str(name)).id for name in ids]
    user = str(wanted.get("user", next(iter(USERS))))
    scope = str(wanted.get("scope", DEFAULT_SCOPES))
    if user not in USERS or scopes.unknown(scope.split(), broad=state.settings.broad_scopes):
        raise CannotDo("user or scope is not known")
    asked = {"scope": scope, "redirect_uri": str(wanted.get("redirect_uri", "http://localhost:8000/xero/callback"))}
    asked["code_challenge"] = str(wanted.get("code_challenge", ""))
    return {"code": identity.consent(state, user, owners, asked), "scope": scope, "tenant_ids": owners}


def expire_tokens(state: XeroState) -> int:
    """Let every access token that lives be too old now; refresh tokens stay good."""
    now, count = state.core.clock.exact(), 0
    for row in state.access_tokens.values():
        if row["expires"] > now:
            row["expires"], count = now, count + 1
    state.core.touch()
    return count


def revoke(state: XeroState) -> int:
    """Let every refresh token die, so that a refresh answers invalid_grant; access tokens live to their end."""
    alive = [grant for grant in state.grants.values() if not grant["revoked"]]
    for grant in alive:
        grant["revoked"] = True
    state.core.touch()
    return len(alive)


def tune(state: XeroState, wanted: dict[str, Any]) -> None:
    """Change settings; what is not named stays. Hold the lock.

    :raises CannotDo: for an unknown setting or a value it cannot take; nothing is changed
    """
    known = {field.name for field in fields(XeroSettings)}
    if unknown := set(wanted) - known:
        raise CannotDo(f"Unknown setting {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    for name, value in wanted.items():
        present = getattr(XeroSettings(), name)
        fits = type(value) is type(present) and (not isinstance(value, int) or value >= 0)
        if name == "redirect_uris":
            fits = value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        if not fits:
            raise CannotDo(f"{name} cannot be {value!r}")
    for name, value in wanted.items():
        setattr(state.settings, name, value)
    state.core.touch()
