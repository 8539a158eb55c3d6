"""The inbox of exceptions: filtered, searched, newest first, page by page."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import short_codes
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.hedera_ids import NotAnId, transaction_id
from provvypay.domain.statuses import ExceptionKind
from provvypay.services import keyset, link_search
from provvypay.services.exceptions import sentence
from provvypay.services.numbers import exception_number

PAGE_SIZE = 25
STATES = ("OPEN", "RESOLVED", "ALL")
AGES = {"1": dt.timedelta(days=1), "7": dt.timedelta(days=7), "30": dt.timedelta(days=30)}
"""older than so many days"""
WHOSE = ("me", "nobody")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exceptions: all that the address of the list says."""

    state: str = "OPEN"
    kind: str = ""
    whose: str = ""
    currency: str = ""
    age: str = ""
    query: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filter:
        """Return what an address asks for; what it says wrongly is as if it were not said.

        Who searches means any state, unless they say which.
        """
        query = link_search.searchable(asked.get("q", ""))
        state = asked.get("state", "").upper()
        kind = asked.get("kind", "")
        whose = asked.get("whose", "")
        currency = asked.get("currency", "")
        age = asked.get("age", "")
        return cls(
            state=state if state in STATES else "ALL" if query else "OPEN",
            kind=kind if kind in set(ExceptionKind) else "",
            whose=whose if whose in WHOSE else "",
            currency=currency if currency in CURRENCIES else "",
            age=age if age in AGES else "",
            query=query,
        )

    def address(self) -> dict[str, str]:
        """Return what the address says: nothing of what goes without saying."""
        said = {
            "state": "" if self.state == ("ALL" if self.query else "OPEN") else self.state.lower(),
            "kind": self.kind,
            "whose": self.whose,
            "currency": self.currency,
            "age": self.age,
            "q": self.query,
        }
        return {name: value for name, value in said.items() if value}

    @property
    def narrows(self) -> bool:
        """Say whether it leaves out more than a state."""
        return bool(self.kind or self.whose or self.currency or self.age or self.query)

    def of_state(self, state: str) -> Filter:
        """Return the same filter for another state."""
        return replace(self, state=state)


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One line of the list."""

    id: uuid.UUID
    number: str
    kind: str
    state: str
    sentence: str
    amount_minor: int | None
    """what is held; None for money without a value"""
    currency: str | None
    asset: str | None
    units: int | None
    """for money from Hedera: smallest units that came, whatever is held of them"""
    occurred_at: dt.datetime
    link_id: uuid.UUID | None
    link_description: str | None
    short_code: str | None
    assignee: str | None
    waits: bool
    """whether a correction of it waits for a second person"""
    created_at: dt.datetime


# Only the page's rows are joined with what they are about.
_ROWS = """
    SELECT x.id, x.kind, x.state, x.created_at, x.link_id, x.held_in,
        coalesce(x.amount_minor, r.amount_minor, d.amount_minor) AS amount_minor,
        coalesce(x.currency, r.currency, d.currency) AS currency,
        coalesce(p.occurred_at, to_timestamp(CAST(h.consensus_timestamp AS numeric))) AS occurred_at,
        h.asset, h.amount AS units, l.description, l.short_code, l.status AS link_status, u.name AS assignee,
        EXISTS (SELECT FROM correction_requests c WHERE c.organization_id = :org AND c.exception_id = x.id
            AND c.state = 'WAITING') AS waits
    FROM (SELECT e.* FROM payment_exceptions e WHERE e.organization_id = :org {conditions}
          ORDER BY e.created_at {direction}, e.id {direction} LIMIT :most) AS x
    LEFT JOIN refunds r ON r.organization_id = x.organization_id AND r.id = x.refund_id
    LEFT JOIN disputes d ON d.organization_id = x.organization_id AND d.id = x.dispute_id
    LEFT JOIN payments p ON p.organization_id = x.organization_id
        AND p.id = coalesce(x.payment_id, r.payment_id, d.payment_id)
    LEFT JOIN hedera_transfers h
        ON h.organization_id = x.organization_id AND h.id = coalesce(x.transfer_id, p.transfer_id)
    LEFT JOIN payment_links l ON l.organization_id = x.organization_id AND l.id = x.link_id
    LEFT JOIN users u ON u.id = x.assigned_to
    ORDER BY x.created_at {direction}, x.id {direction}
"""
_OLDER = "AND (e.created_at, e.id) < (:at, :id)"
_NEWER = "AND (e.created_at, e.id) > (:at, :id)"
_CONDITIONS = {
    "state": "AND e.state = :state",
    "kind": "AND e.kind = :kind",
    "me": "AND e.assigned_to = :me",
    "nobody": "AND e.assigned_to IS NULL",
    "older": "AND e.created_at < :older",
    "currency": """AND :currency IN (e.currency,
        (SELECT r.currency FROM refunds r WHERE r.organization_id = :org AND r.id = e.refund_id),
        (SELECT d.currency FROM disputes d WHERE d.organization_id = :org AND d.id = e.dispute_id))""",
    # A short code, a transaction in any of its forms, a provider's reference, or the exception's own number.
    "query": """AND (e.link_id = (SELECT id FROM payment_links WHERE organization_id = :org AND short_code = :code)
        OR e.payment_id IN (SELECT id FROM payments WHERE organization_id = :org AND provider_reference = :typed)
        OR e.payment_id IN (SELECT p.id FROM hedera_transfers t JOIN payments p ON p.transfer_id = t.id
            WHERE t.organization_id = :org AND p.organization_id = :org AND t.transaction_id = :transaction)
        OR e.transfer_id IN (SELECT id FROM hedera_transfers
            WHERE organization_id = :org AND transaction_id = :transaction)
        OR e.refund_id IN (SELECT id FROM refunds WHERE organization_id = :org AND provider_refund_id = :typed)
        OR e.dispute_id IN (SELECT id FROM disputes WHERE organization_id = :org AND provider_dispute_id = :typed)
        OR right(CAST(e.id AS text), 8) = :number)""",
}
_COUNT = text("SELECT count(*) FROM payment_exceptions WHERE organization_id = :org AND state = 'OPEN'")


def page(
    session: Session,
    organization_id: uuid.UUID,
    chosen: Filter | None = None,
    *,
    me: uuid.UUID | None = None,
    now: dt.datetime | None = None,
    cursor: keyset.Cursor | None = None,
    size: int = PAGE_SIZE,
) -> keyset.Page[ExceptionRow]:
    """Return one page of exceptions, newest first.

    :param me: the member who looks, for a filter by assignee
    :param now: for a filter by age
    """
    chosen = chosen or Filter()
    backwards = cursor is not None and cursor.newer
    given: dict[str, Any] = {"org": organization_id, "most": size + 1, "me": me, **_sought(chosen)}
    conditions = [_CONDITIONS["query"]] if chosen.query else []
    if chosen.state != "ALL":
        conditions.append(_CONDITIONS["state"])
    conditions += [_CONDITIONS[name] for name in ("kind", "currency") if getattr(chosen, name)]
    if chosen.whose:
        conditions.append(_CONDITIONS[chosen.whose])
    if chosen.age and now is not None:
        conditions.append(_CONDITIONS["older"])
        given["older"] = now - AGES[chosen.age]
    if cursor is not None:
        conditions.append(_NEWER if backwards else _OLDER)
        given |= {"at": cursor.at, "id": cursor.id}
    query = _ROWS.format(conditions=" ".join(conditions), direction="ASC" if backwards else "DESC")
    found = [_row(row) for row in session.execute(text(query), given)]
    if keyset.leads_before_the_first_page(found, cursor, size):
        return page(session, organization_id, chosen, me=me, now=now, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.created_at, row.id))


def count_open(session: Session, organization_id: uuid.UUID) -> int:
    """Return how many exceptions wait for a person."""
    return int(session.execute(_COUNT, {"org": organization_id}).scalar_one())


def _sought(chosen: Filter) -> dict[str, Any]:
    try:
        transaction = transaction_id(chosen.query).mirror
    except NotAnId:
        transaction = ""
    return {
        "state": chosen.state,
        "kind": chosen.kind,
        "currency": chosen.currency,
        "typed": chosen.query,
        "code": short_codes.normalize(chosen.query) or "",
        "transaction": transaction,
        "number": chosen.query.upper().removeprefix("X-").lower(),
    }


def _row(row: Any) -> ExceptionRow:
    return ExceptionRow(
        id=row.id,
        number=exception_number(row.id),
        kind=row.kind,
        state=row.state,
        sentence=sentence(row.kind, row.link_status, row.held_in),
        amount_minor=row.amount_minor,
        currency=row.currency,
        asset=row.asset,
        units=int(row.units) if row.asset else None,
        occurred_at=row.occurred_at,
        link_id=row.link_id,
        link_description=row.description,
        short_code=row.short_code,
        assignee=row.assignee,
        waits=row.waits,
        created_at=row.created_at,
    )
