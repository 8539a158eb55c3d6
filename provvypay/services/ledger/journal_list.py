"""Journals in a list, newest first: by kind, account, currency, days and number, a page at a time."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.services import keyset
from provvypay.services.ledger.causes import title_of
from provvypay.services.ledger.statements import ALWAYS, Range
from provvypay.services.numbers import journal_number

PAGE_SIZE = 50

STATES = {"reversal": "Reversals", "reversed": "Reversed", "moved": "Of a closed period"}
"""what else a journal can be, as filters call it"""

_KIND = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{4}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_NUMBER = re.compile(r"(?:J-)?([0-9A-F]{8})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which journals a list shows; what was asked for and cannot be is left out."""

    kind: str = ""
    account: str = ""
    currency: str = ""
    number: str = ""
    """as typed: J-4F0A92C1"""
    state: str = ""
    """one of STATES"""
    within: Range = ALWAYS

    @classmethod
    def read(cls, sent: Mapping[str, str], within: Range) -> Filter:
        """Take a filter from an address.

        :param within: the stretch of time it names, in the organization's zone
        """
        shapes = {"kind": _KIND, "account": _ACCOUNT, "currency": _CURRENCY, "number": _NUMBER}
        state = sent.get("state", "")
        asked = {name: sent.get(name, "").strip() for name in shapes}
        good = {name: typed for name, typed in asked.items() if shapes[name].fullmatch(typed)}
        return cls(**good, state=state if state in STATES else "", within=within)

    @property
    def is_set(self) -> bool:
        """Say whether it leaves anything out."""
        return self != Filter()

    def address(self) -> dict[str, str]:
        """Return what of it stands in addresses, but for the days, which the view knows as they were typed."""
        names = ("kind", "account", "currency", "number", "state")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One journal of a list."""

    id: uuid.UUID
    number: str
    title: str
    description: str
    at: dt.datetime
    moved_from: dt.datetime | None
    currency: str
    total_minor: int
    link_id: uuid.UUID | None
    is_reversal: bool
    is_reversed: bool


_OF_STATE = {
    "reversal": "j.reverses_id IS NOT NULL",
    "reversed": "EXISTS (SELECT FROM journals r WHERE r.organization_id = :org AND r.reverses_id = j.id)",
    "moved": "j.moved_from IS NOT NULL",
}

_PAGE = """
    WITH page AS (
        SELECT j.id, j.kind, j.description, j.effective_at AS at, j.moved_from, j.currency, j.link_id, j.reverses_id
        FROM journals j WHERE j.organization_id = :org {conditions}
        ORDER BY j.effective_at {direction}, j.id {direction} LIMIT :most)
    SELECT page.*, r.id IS NOT NULL AS is_reversed,
        (SELECT sum(e.amount_minor)::bigint FROM ledger_entries e
         WHERE e.organization_id = :org AND e.journal_id = page.id AND e.side = 'DEBIT') AS total
    FROM page LEFT JOIN journals r ON r.organization_id = :org AND r.reverses_id = page.id
    ORDER BY page.at {direction}, page.id {direction}
"""


def page(
    session: Session,
    organization_id: uuid.UUID,
    chosen: Filter,
    *,
    cursor: keyset.Cursor | None = None,
    size: int = PAGE_SIZE,
) -> keyset.Page[JournalRow]:
    """Return one page of journals, newest first."""
    conditions, given = where(chosen)
    backwards = cursor is not None and cursor.newer
    if cursor is not None:
        conditions += f" AND (j.effective_at, j.id) {'>' if backwards else '<'} (:at, :id)"
        given |= {"at": cursor.at, "id": cursor.id}
    query = _PAGE.format(conditions=conditions, direction="ASC" if backwards else "DESC")
    found = [_row(row) for row in session.execute(text(query), given | {"org": organization_id, "most": size + 1})]
    if keyset.leads_before_the_first_page(found, cursor, size):
        return page(session, organization_id, chosen, size=size)
    return keyset.cut(found, cursor, size, lambda row: keyset.Cursor(row.at, row.id))


def where(chosen: Filter) -> tuple[str, dict[str, Any]]:
    """Return the conditions of a filter on `journals j`, and their values."""
    conditions: list[str] = [_OF_STATE[chosen.state]] if chosen.state else []
    given: dict[str, Any] = {}
    if chosen.kind:
        conditions.append("j.kind = :kind")
        given["kind"] = chosen.kind
    if chosen.currency:
        conditions.append("j.currency = :currency")
        given["currency"] = chosen.currency
    if chosen.account:
        conditions.append(
            "EXISTS (SELECT FROM ledger_entries e WHERE e.organization_id = :org AND e.journal_id = j.id"
            " AND e.account_code = :account)"
        )
        given["account"] = chosen.account
    if chosen.number and (found := _NUMBER.fullmatch(chosen.number)):
        conditions.append("right(j.id::text, 8) = :number")
        given["number"] = found[1].lower()
    if chosen.within.start is not None:
        conditions.append("j.effective_at >= :start")
        given["start"] = chosen.within.start
    if chosen.within.end is not None:
        conditions.append("j.effective_at < :end")
        given["end"] = chosen.within.end
    return "".join(f" AND {condition}" for condition in conditions), given


def _row(row: Any) -> JournalRow:
    return JournalRow(
        row.id, journal_number(row.id), title_of(row.kind), row.description, row.at, row.moved_from, row.currency,
        row.total, row.link_id, row.reverses_id is not None, row.is_reversed,
    )  # fmt: skip
