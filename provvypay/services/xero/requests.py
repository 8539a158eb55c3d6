"""What members ask for: another mapping, rows to be written again, links from before the connection."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import xero_mapping
from provvypay.domain import xero_problems as why
from provvypay.domain.xero_mapping import Chosen
from provvypay.errors import Conflict
from provvypay.kit.db import changed
from provvypay.services import audit
from provvypay.services.xero import planning
from provvypay.services.xero.connections import Connection

_AGAIN = """
    UPDATE xero_syncs s SET state = 'PENDING', attempts = 0, next_attempt_at = clock_timestamp(), problem = '',
        last_error = '', lease_until = NULL, revision = s.revision + :recreate
    FROM xero_connections c
    WHERE c.id = s.connection_id AND c.state <> 'DISCONNECTED' AND s.organization_id = :organization_id
"""
_ONES = text(f"{_AGAIN} AND s.state IN ('FAILED', 'RETRYING') AND s.id = ANY(:ids)")
_FAILED_SINCE = text(f"{_AGAIN} AND s.state = 'FAILED' AND s.created_at >= :since")
_OF_MAPPING = text(f"{_AGAIN} AND s.state = 'FAILED' AND s.problem = ANY(:problems)")
_WAITING_FOR_MAPPING = text(
    "UPDATE xero_syncs SET next_attempt_at = clock_timestamp() WHERE organization_id = :organization_id"
    " AND state IN ('PENDING', 'RETRYING') AND problem = :problem"
)


def save_mapping(session: Session, connection: Connection, chosen: Chosen, *, version: int, actor: audit.Actor) -> None:
    """Keep what a merchant chose, and let go on what waited for it or failed by it.

    :raises Conflict: when somebody else saved since this form was loaded
    """
    saved = session.execute(
        text(
            "UPDATE xero_connections SET mapping = CAST(:mapping AS jsonb), mapping_version = mapping_version + 1"
            " WHERE organization_id = :organization_id AND id = :id AND mapping_version = :version RETURNING id"
        ),
        {
            "organization_id": connection.organization_id,
            "id": connection.id,
            "version": version,
            "mapping": json.dumps(xero_mapping.stored(chosen)),
        },
    ).first()
    if saved is None:
        raise Conflict(f"mapping of {connection.id} is not version {version}")
    given = {"organization_id": connection.organization_id}
    session.execute(_WAITING_FOR_MAPPING, {**given, "problem": why.WAITS_FOR_MAPPING})
    session.execute(_OF_MAPPING, {**given, "recreate": 0, "problems": list(why.OF_THE_MAPPING)})
    audit.record(
        session, "xero.mapping_changed", actor, organization_id=connection.organization_id,
        subject_type="xero_connection", subject_id=str(connection.id), **xero_mapping.stored(chosen),
    )  # fmt: skip


def replay(
    session: Session,
    organization_id: uuid.UUID,
    ids: Sequence[uuid.UUID],
    *,
    recreate: bool = False,
    actor: audit.Actor,
) -> int:
    """Have rows written again that failed or wait, each with all its tries; return how many.

    :param recreate: under a new number, because the document was voided in Xero and a person wants it again
    """
    done = changed(
        session.execute(_ONES, {"organization_id": organization_id, "ids": list(ids), "recreate": 1 if recreate else 0})
    )
    _note(session, organization_id, actor, done, recreate=recreate, ids=[str(one) for one in ids][:50])
    return done


def replay_failed(session: Session, organization_id: uuid.UUID, since: dt.datetime, *, actor: audit.Actor) -> int:
    """Have everything written again that failed since a moment; return how many rows."""
    done = changed(session.execute(_FAILED_SINCE, {"organization_id": organization_id, "since": since, "recreate": 0}))
    _note(session, organization_id, actor, done, since=since.isoformat())
    return done


def backfill(session: Session, organization_id: uuid.UUID, since: dt.datetime, *, actor: audit.Actor) -> int:
    """Plan rows for links paid since a moment, also before the connection; return how many."""
    done = planning.backfill(session, organization_id, since)
    audit.record(
        session, "xero.backfilled", actor, organization_id=organization_id, subject_type="xero_sync", rows=done,
        since=since.isoformat(),
    )  # fmt: skip
    return done


def _note(session: Session, organization_id: uuid.UUID, actor: audit.Actor, rows: int, **detail: Any) -> None:
    audit.record(
        session, "xero.replayed", actor, organization_id=organization_id, subject_type="xero_sync", rows=rows, **detail
    )
