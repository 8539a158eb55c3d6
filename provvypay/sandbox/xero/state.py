"""Everything the Xero stand-in remembers: its app, its people, their organisations and each organisation's books."""

import uuid
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from provvypay.sandbox.core import Core
from provvypay.sandbox.xero import organisations
from provvypay.sandbox.xero.limits import Limits
from provvypay.sandbox.xero.organisations import Tenant

USERS = {
    "ada@example.com": "b9b5d1d6-3f0e-4b6a-9c55-0a5a1db0a001",
    "grace@example.com": "b9b5d1d6-3f0e-4b6a-9c55-0a5a1db0a002",
}
"""The people who can consent, with their `xero_userid`."""
MOST_LOGGED = 20_000


@dataclass
class XeroSettings:
    """What may be tuned through the control door."""

    client_id: str = "5A4DB0C5A4DB0C5A4DB0C5A4DB0C0001"
    client_secret: str = "sandbox-app-secret"  # noqa: S105  (of a stand-in, it opens nothing)
    redirect_uris: list[str] | None = None
    """What is registered with the app; None: whatever Xero would let be registered."""
    broad_scopes: bool = False
    """Whether the app is an old one, which may still ask for accounting.transactions and the like."""
    minute_limit: int = 60
    day_limit: int = 5000
    concurrent_limit: int = 5
    app_minute_limit: int = 10_000
    provider_name: str = "Provvypay"
    slow_milliseconds: int = 0
    """How long every call of the Accounting API takes at least."""


class XeroState:
    """The tables, the settings and what hangs on them. Every access holds the core's lock."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.clear()

    def clear(self) -> None:
        """Return to the beginning: two demo companies, connected to nobody."""
        self.settings = XeroSettings()
        self.tenants: dict[str, Tenant] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.grants: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        self.access_tokens: dict[str, dict[str, Any]] = {}
        self.idempotency: dict[str, dict[str, Any]] = {}
        self.limits = Limits()
        self.token_calls: dict[str, int] = {}
        """How many calls of the token endpoint there were, by grant type and outcome."""
        self.requests: deque[dict[str, Any]] = deque(maxlen=MOST_LOGGED)
        """What was asked of the Accounting API, newest last; not kept in the snapshot."""
        for tenant in organisations.demo_companies(self.core.clock.exact()):
            self.tenants[tenant.id] = tenant

    def dump(self) -> dict[str, Any]:
        """Return everything but the log of requests as plain data."""
        return {
            "settings": asdict(self.settings),
            "tenants": [dict(vars(tenant)) for tenant in self.tenants.values()],
            "connections": self.connections,
            "grants": self.grants,
            "codes": self.codes,
            "refresh_tokens": self.refresh_tokens,
            "access_tokens": self.access_tokens,
            "idempotency": {key: kept for key, kept in self.idempotency.items() if kept["status"] is not None},
            "limits": dict(vars(self.limits)),
            "token_calls": self.token_calls,
        }

    def load(self, data: dict[str, Any]) -> None:
        """Take over dumped data; none begins anew."""
        self.clear()
        if not data:
            return
        self.settings = XeroSettings(**data["settings"])
        self.tenants = {row["id"]: Tenant(**row) for row in data["tenants"]}
        for name in ("connections", "grants", "codes", "refresh_tokens", "access_tokens", "idempotency", "token_calls"):
            setattr(self, name, data[name])
        self.limits = Limits(**data["limits"])
        self.limits.running = {}


def new_id() -> str:
    """Return a fresh identifier of Xero's look."""
    return str(uuid.uuid4())
