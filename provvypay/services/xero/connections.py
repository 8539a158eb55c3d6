"""Connections to companies in Xero: made, paused, broken, ended; at most one lives at a time."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provvypay.domain.roles import Role
from provvypay.errors import Conflict
from provvypay.kit.ids import uuid7
from provvypay.models.xero import XeroConnection
from provvypay.services import audit

OTHER_COMPANY = "OTHER_COMPANY"


class CompanyTaken(Conflict):
    """The company's books are written by another organization of ours."""

    code = "company_taken"
    public_message = (
        "This company is connected to another organization in Provvypay. Disconnect it there first: two of them "
        "writing into one set of books would count income twice."
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as flows and views need it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    tenant_id: uuid.UUID
    state: str
    grant_id: uuid.UUID | None
    xero_connection_id: uuid.UUID | None
    tenant_name: str
    chart: Mapping[str, Any]
    chart_at: dt.datetime | None
    mapping: Mapping[str, Any]
    mapping_version: int
    paused_until: dt.datetime | None
    pause_reason: str | None
    problem: str
    connected_at: dt.datetime
    reconciled_at: dt.datetime | None

    @property
    def is_mapped(self) -> bool:
        """Say whether the merchant has chosen what goes where."""
        return bool(self.mapping)


def live(session: Session, organization_id: uuid.UUID) -> Connection | None:
    """Return the connection that is not disconnected, if there is one."""
    row = session.scalar(
        select(XeroConnection).where(
            XeroConnection.organization_id == organization_id, XeroConnection.state != "DISCONNECTED"
        )
    )
    return _of(row) if row else None


def last(session: Session, organization_id: uuid.UUID) -> Connection | None:
    """Return the connection used last, whatever became of it."""
    row = session.scalar(
        select(XeroConnection)
        .where(XeroConnection.organization_id == organization_id)
        .order_by((XeroConnection.state == "DISCONNECTED").asc(), XeroConnection.connected_at.desc())
        .limit(1)
    )
    return _of(row) if row else None


def connect(
    session: Session,
    organization_id: uuid.UUID,
    *,
    grant_id: uuid.UUID,
    tenant_id: uuid.UUID,
    xero_connection_id: uuid.UUID,
    name: str,
    actor: audit.Actor,
) -> tuple[uuid.UUID, Connection | None]:
    """Let a company be the one that is written to; return its row and the connection it takes the place of.

    A company that was connected before takes its row up again, with its mapping and its documents. What waits for
    another company is skipped: its documents' ids mean nothing in these books.

    :raises CompanyTaken: when another organization writes to it
    """
    before = live(session, organization_id)
    if before and before.tenant_id != tenant_id:
        disconnect(session, organization_id, before.id, actor=actor)
    _skip_others(session, organization_id, tenant_id)
    values: dict[str, Any] = {
        "state": "CONNECTED", "grant_id": grant_id, "xero_connection_id": xero_connection_id, "tenant_name": name,
        "problem": "", "paused_until": None, "pause_reason": None, "disconnected_at": None,
        "connected_at": text("clock_timestamp()"),
    }  # fmt: skip
    known = session.scalar(
        select(XeroConnection.id).where(
            XeroConnection.organization_id == organization_id, XeroConnection.tenant_id == tenant_id
        )
    )
    connection_id = known or uuid7()
    try:
        with session.begin_nested():
            if known:
                session.execute(update(XeroConnection).where(XeroConnection.id == known).values(**values))
            else:
                session.execute(
                    insert(XeroConnection).values(
                        id=connection_id, organization_id=organization_id, tenant_id=tenant_id, state="CONNECTED",
                        grant_id=grant_id, xero_connection_id=xero_connection_id, tenant_name=name,
                    )
                )  # fmt: skip
    except IntegrityError as error:
        raise CompanyTaken(f"tenant {tenant_id}") from error
    audit.record(
        session, "xero.connected", actor, organization_id=organization_id, subject_type="xero_connection",
        subject_id=str(connection_id), tenant_id=str(tenant_id), name=name,
    )  # fmt: skip
    return connection_id, before


def _skip_others(session: Session, organization_id: uuid.UUID, tenant_id: uuid.UUID) -> None:
    session.execute(
        text("""
            UPDATE xero_syncs s SET state = 'SKIPPED', next_attempt_at = NULL, problem = :why, lease_until = NULL
            FROM xero_connections c
            WHERE c.id = s.connection_id AND s.organization_id = :organization_id AND c.tenant_id <> :tenant_id
                AND s.state IN ('PENDING', 'RETRYING')
        """),
        {"organization_id": organization_id, "tenant_id": tenant_id, "why": OTHER_COMPANY},
    )


def disconnect(session: Session, organization_id: uuid.UUID, connection_id: uuid.UUID, *, actor: audit.Actor) -> None:
    """End a connection: nothing is sent any more; what waits stays, in case the company is connected again."""
    session.execute(
        text(
            "UPDATE xero_connections SET state = 'DISCONNECTED', disconnected_at = clock_timestamp(),"
            " paused_until = NULL, pause_reason = NULL"
            " WHERE organization_id = :organization_id AND id = :id AND state <> 'DISCONNECTED'"
        ),
        {"organization_id": organization_id, "id": connection_id},
    )
    audit.record(
        session, "xero.disconnected", actor, organization_id=organization_id, subject_type="xero_connection",
        subject_id=str(connection_id),
    )  # fmt: skip


def needs_reconnect(session: Session, organization_id: uuid.UUID, grant_id: uuid.UUID, why: str) -> bool:
    """Say that a grant's companies must be connected again, and tell owners and admins, once an outage.

    :returns: whether this call found it out
    """
    broken = session.execute(
        text(
            "UPDATE xero_connections SET state = 'NEEDS_RECONNECT', problem = :why"
            " WHERE organization_id = :organization_id AND grant_id = :grant_id AND state = 'CONNECTED'"
            " RETURNING id, tenant_name"
        ),
        {"organization_id": organization_id, "grant_id": grant_id, "why": why[:200]},
    ).all()
    for row in broken:
        tell_owners(session, organization_id, "xero.needs_reconnect", grant_id, {"company": row.tenant_name})
    return bool(broken)


def pause(session: Session, organization_id: uuid.UUID, connection_id: uuid.UUID, reason: str, seconds: int) -> None:
    """Send nothing to a company for a while; a longer pause stays."""
    session.execute(
        text(
            "UPDATE xero_connections SET paused_until = clock_timestamp() + make_interval(secs => :seconds),"
            " pause_reason = :reason WHERE organization_id = :organization_id AND id = :id AND state = 'CONNECTED'"
            " AND (paused_until IS NULL OR paused_until < clock_timestamp() + make_interval(secs => :seconds))"
        ),
        {"organization_id": organization_id, "id": connection_id, "reason": reason, "seconds": seconds},
    )


def keep_chart(
    session: Session, organization_id: uuid.UUID, connection_id: uuid.UUID, chart: Mapping[str, Any]
) -> None:
    """Remember what Xero answered about a company."""
    session.execute(
        text(
            "UPDATE xero_connections SET chart = CAST(:chart AS jsonb), chart_at = clock_timestamp()"
            " WHERE organization_id = :organization_id AND id = :id"
        ),
        {"organization_id": organization_id, "id": connection_id, "chart": json.dumps(chart)},
    )


def tell_owners(
    session: Session, organization_id: uuid.UUID, kind: str, cause_id: uuid.UUID, facts: Mapping[str, Any]
) -> None:
    """Tell owners and admins of a trouble with the connection itself."""
    session.execute(
        text("""
            INSERT INTO notifications (id, organization_id, user_id, kind, cause_id, data)
            SELECT gen_random_uuid(), :organization_id, m.user_id, :kind, :cause_id, CAST(:facts AS jsonb)
            FROM memberships m WHERE m.organization_id = :organization_id AND m.role = ANY(:roles)
            ON CONFLICT (cause_id, kind, user_id) DO NOTHING
        """),
        {
            "organization_id": organization_id,
            "kind": kind,
            "cause_id": cause_id,
            "facts": json.dumps(facts),
            "roles": [Role.OWNER, Role.ADMIN],
        },
    )


def _of(row: XeroConnection) -> Connection:
    return Connection(
        **{name: getattr(row, name) for name in Connection.__dataclass_fields__}  # every field is a column
    )
