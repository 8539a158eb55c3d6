"""The money lines of a link's timeline: written once each, read with its status events by link_views.py."""

from __future__ import annotations

import datetime as dt
import json
import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.kit.db import changed
from provvypay.kit.ids import uuid7

_ADD = text("""
    INSERT INTO payment_events (id, organization_id, link_id, payment_id, kind, dedupe, data, occurred_at)
    VALUES (:id, :organization_id, :link_id, :payment_id, :kind, :dedupe, CAST(:data AS jsonb), :occurred_at)
    ON CONFLICT (link_id, kind, dedupe) DO NOTHING
""")


def add(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    kind: str,
    *,
    dedupe: str,
    occurred_at: dt.datetime,
    payment_id: uuid.UUID | None = None,
    **data: object,
) -> bool:
    """Write one line, once: the same kind and `dedupe` of a link changes nothing. Say whether it is new.

    :param kind: a dotted name of docs/reference/events.md
    :param occurred_at: when it happened at its source
    """
    written = session.execute(
        _ADD,
        {
            "id": uuid7(),
            "organization_id": organization_id,
            "link_id": link_id,
            "payment_id": payment_id,
            "kind": kind,
            "dedupe": dedupe,
            "data": json.dumps(data),
            "occurred_at": occurred_at,
        },
    )
    return changed(written) == 1
