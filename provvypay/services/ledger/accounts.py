"""The organization's chart: names it chose, accounts of its own, and those it put away.

The product's own accounts stay: they may be called otherwise, and nothing else about them changes.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.errors import Conflict, Invalid, NotFound
from provvypay.models.ledger import Account
from provvypay.services import audit

KINDS = {"ASSET": "Asset", "LIABILITY": "Liability", "REVENUE": "Revenue", "EXPENSE": "Expense"}
MOST_IN_NAME = 80

_CODE = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One account of the chart."""

    code: str
    name: str
    kind: str
    is_system: bool
    """the product posts to it, so it stays"""
    is_used: bool
    """it carries entries"""
    archived_at: dt.datetime | None
    version: int

    @property
    def may_be_archived(self) -> bool:
        """Say whether it may be put away: the organization's own, and unused."""
        return not self.is_system and not self.is_used and self.archived_at is None


_CHART = """
    SELECT a.code, a.name, a.kind, a.is_system, a.archived_at, a.version,
        EXISTS (SELECT FROM ledger_entries e WHERE e.organization_id = :org AND e.account_code = a.code) AS is_used
    FROM accounts a WHERE a.organization_id = :org {condition} ORDER BY a.code
"""
_WHOLE = text(_CHART.format(condition=""))
_ONE = text(_CHART.format(condition="AND a.code = :code"))
_RENAME = text("""
    UPDATE accounts SET name = :name, version = version + 1
    WHERE organization_id = :org AND code = :code AND version = :version RETURNING code
""")
_ARCHIVE = text("""
    UPDATE accounts SET archived_at = CASE WHEN :away THEN clock_timestamp() END, version = version + 1
    WHERE organization_id = :org AND code = :code AND version = :version AND NOT is_system
        AND (archived_at IS NULL) = :away RETURNING code
""")
_HOLD = text("SELECT pg_advisory_xact_lock(books_key(:org))")


def chart(session: Session, organization_id: uuid.UUID) -> list[ChartRow]:
    """Return every account by its code, archived ones too."""
    return [_row(row) for row in session.execute(_WHOLE, {"org": organization_id})]


def one(session: Session, organization_id: uuid.UUID, code: str) -> ChartRow:
    """Return one account.

    :raises NotFound: for a code that is not in the organization's chart
    """
    row = session.execute(_ONE, {"org": organization_id, "code": code}).one_or_none()
    if row is None:
        raise NotFound(f"account {code}")
    return _row(row)


def add(session: Session, organization_id: uuid.UUID, code: str, name: str, kind: str, *, actor: audit.Actor) -> None:
    """Give the organization an account of its own.

    :raises Invalid: for a code that is taken or has another shape, a name that is taken or missing, an unknown kind
    """
    problems: dict[str, str] = {}
    if not _CODE.fullmatch(code):
        problems["code"] = "Enter a number of four digits, such as 6150."
    if kind not in KINDS:
        problems["kind"] = "Choose one of the four kinds."
    others = chart(session, organization_id)
    if problem := _name_problem(name, others):
        problems["name"] = problem
    if taken := next((row for row in others if row.code == code), None):
        problems["code"] = f"{code} is taken by {taken.name}. Choose another number."
    if problems:
        raise Invalid(problems)
    made = session.execute(
        insert(Account)
        .values(organization_id=organization_id, code=code, name=name, kind=kind, is_system=False)
        .on_conflict_do_nothing()
        .returning(Account.code)
    ).scalar_one_or_none()
    if made is None:
        raise Invalid({"code": f"{code} was taken a moment ago. Choose another number."})
    _record(session, "account.added", actor, organization_id, code, name=name, kind=kind)


def rename(
    session: Session, organization_id: uuid.UUID, code: str, name: str, *, version: int, actor: audit.Actor
) -> None:
    """Call an account otherwise; its entries, old and new, show the new name.

    :raises NotFound: for a code that is not in the chart
    :raises Invalid: for a name that is missing, too long or taken
    :raises Conflict: when somebody changed the account since
    """
    before = one(session, organization_id, code)
    others = [row for row in chart(session, organization_id) if row.code != code]
    if problem := _name_problem(name, others):
        raise Invalid({"name": problem})
    given = {"org": organization_id, "code": code, "name": name, "version": version}
    if session.execute(_RENAME, given).one_or_none() is None:
        raise Conflict(f"account {code} is no longer version {version}")
    _record(session, "account.renamed", actor, organization_id, code, name=name, before=before.name)


def archive(session: Session, organization_id: uuid.UUID, code: str, *, version: int, actor: audit.Actor) -> None:
    """Put an unused account of the organization's own away: nothing can be posted to it any more.

    :raises NotFound: for a code that is not in the chart
    :raises Conflict: for the product's own, for one with entries, and when somebody changed it since
    """
    # Alone until the commit, so that no entry comes between the look and the act.
    session.execute(_HOLD, {"org": organization_id})
    found = one(session, organization_id, code)
    if found.is_system:
        raise Conflict(f"account {code} is the product's", public_message="This account is posted to, so it stays.")
    if found.is_used:
        raise Conflict(f"account {code} has entries", public_message="This account has entries, so it stays.")
    _move(session, organization_id, code, version, away=True)
    _record(session, "account.archived", actor, organization_id, code)


def restore(session: Session, organization_id: uuid.UUID, code: str, *, version: int, actor: audit.Actor) -> None:
    """Bring an archived account back.

    :raises NotFound: for a code that is not in the chart
    :raises Conflict: when it is not archived, or somebody changed it since
    """
    one(session, organization_id, code)
    _move(session, organization_id, code, version, away=False)
    _record(session, "account.restored", actor, organization_id, code)


def _move(session: Session, organization_id: uuid.UUID, code: str, version: int, *, away: bool) -> None:
    given = {"org": organization_id, "code": code, "version": version, "away": away}
    if session.execute(_ARCHIVE, given).one_or_none() is None:
        raise Conflict(f"account {code} is no longer version {version}")


def _name_problem(name: str, others: list[ChartRow]) -> str | None:
    """Say what is wrong with a name; two accounts called alike would be mistaken for each other."""
    if not 1 <= len(name) <= MOST_IN_NAME:
        return f"Enter a name of at most {MOST_IN_NAME} characters."
    taken = next((row for row in others if row.name.casefold() == name.casefold()), None)
    return f"{taken.code} is called so already. Choose another name." if taken else None


def _record(
    session: Session, action: str, actor: audit.Actor, organization_id: uuid.UUID, code: str, **detail: str
) -> None:
    audit.record(
        session, action, actor, organization_id=organization_id, subject_type="account", subject_id=code, **detail
    )


def _row(row: Any) -> ChartRow:
    return ChartRow(row.code, row.name, row.kind, row.is_system, row.is_used, row.archived_at, row.version)
