"""A merchant with a Xero of their own: a company in the sandbox, connected as a person would connect it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from provvypay.domain import xero_mapping
from provvypay.flows import xero_connect
from provvypay.flows.xero_connect import Consent
from provvypay.flows.xero_sync import sync_organization
from provvypay.kit.db import transaction
from provvypay.services.xero import connections, requests
from provvypay.services.xero.connections import Connection
from tests.support.database import acting_as
from tests.support.factories import Make, Merchant
from tests.support.sandbox import SandboxControl


@dataclass
class Books:
    """A merchant, their company in Xero, and what stands in its books."""

    make: Make
    merchant: Merchant
    sandbox: SandboxControl
    tenant: str
    session_id: uuid.UUID

    @property
    def organization_id(self) -> uuid.UUID:
        return self.merchant.organization_id

    def consent(self, *tenants: str, user: str = "ada@example.com") -> tuple[str, str]:
        """Go to the consent page and come back; return state and code."""
        url = xero_connect.begin(self.organization_id, self.session_id, self.merchant.owner.id)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        made = self.sandbox.post(
            "/xero/consent", tenant_ids=list(tenants or (self.tenant,)), redirect_uri=asked["redirect_uri"],
            scope=asked["scope"], user=user, code_challenge=asked["code_challenge"],
        )  # fmt: skip
        return asked["state"], made["code"]

    def connect(self, *tenants: str) -> Consent:
        state, code = self.consent(*tenants)
        return xero_connect.finish(
            self.organization_id, self.session_id, state=state, code=code, actor=self.merchant.actor
        )

    @property
    def connection(self) -> Connection:
        with transaction(self.organization_id) as session:
            found = connections.last(session, self.organization_id)
        assert found is not None
        return found

    @property
    def in_xero(self) -> dict[str, Any]:
        """What the company's books hold."""
        return dict(self.sandbox.get(f"/xero/tenants/{self.tenant}/books")["tenants"][self.tenant])

    def map(self, **other: Any) -> None:
        """Choose what we suggest, with what a test wants otherwise."""
        import dataclasses

        connection = self.connection
        chosen = dataclasses.replace(xero_mapping.suggest(connection.chart), **other)
        with transaction(self.organization_id) as session:
            requests.save_mapping(
                session, connection, chosen, version=connection.mapping_version, actor=self.merchant.actor
            )

    def sync(self) -> int:
        """Write what is due, as the worker does."""
        with acting_as("worker"):
            return sync_organization(self.organization_id)

    def rows(self) -> dict[str, str]:
        """Return kind → state, with why where something is wrong."""
        with transaction(self.organization_id) as session:
            found = session.execute(text("SELECT kind, state, problem FROM xero_syncs ORDER BY kind, created_at")).all()
        return {row.kind: f"{row.state} {row.problem}".strip() for row in found}

    def sql(self, statement: str, **given: Any) -> Any:
        with acting_as("worker"), transaction(self.organization_id) as session:
            return session.execute(text(statement), given)

    def due_now(self) -> None:
        """Let everything that waits be due."""
        self.sql("UPDATE xero_syncs SET next_attempt_at = clock_timestamp() WHERE next_attempt_at IS NOT NULL")

    def told(self, kind: str) -> int:
        with transaction(self.organization_id) as session:
            return int(
                session.scalar(text("SELECT count(*) FROM notifications WHERE kind = :kind"), {"kind": kind}) or 0
            )


@pytest.fixture
def new_company(sandbox: SandboxControl) -> Callable[..., str]:
    def made(**wanted: Any) -> str:
        wanted = {"name": f"Vale Bicycles {uuid.uuid4().hex[:6]}", "country": "AU", **wanted}
        wanted.setdefault("currencies", ["USD", "EUR"])
        return str(sandbox.post("/xero/tenants", **wanted)["tenant_id"])

    return made


@pytest.fixture
def books(make: Make, sandbox: SandboxControl, new_company: Callable[..., str]) -> Books:
    merchant = make.merchant
    token = make.session_token(merchant.owner, merchant)
    with transaction() as session:
        from provvypay.kit.clock import now
        from provvypay.services import sign_in

        found = sign_in.who(session, token, now=now(), in_person=True)
    assert found is not None
    return Books(make, merchant, sandbox, new_company(), found.session_id)


@pytest.fixture
def connected(books: Books) -> Books:
    books.connect()
    return books


@pytest.fixture
def as_worker(app: object) -> Iterator[None]:
    with acting_as("worker"):
        yield


@pytest.fixture
def mapped(connected: Books) -> Books:
    """A company whose accounts are chosen as we suggest."""
    connected.map()
    return connected
