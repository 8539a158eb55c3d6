"""Held money as decisions need it: how much of it is left, where it stands, and the link it could settle."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import digits_of
from provvypay.domain.money import format_grouped
from provvypay.domain.payments import HeldPart
from provvypay.domain.statuses import ExceptionKind, LinkStatus, Provider
from provvypay.errors import Conflict, NotFound
from provvypay.kit.db import Statement
from provvypay.services.ledger import chart

_EXCEPTION = """
    SELECT x.id, x.kind, x.state, x.version, x.held_in, x.link_id, x.payment_id, x.transfer_id, x.currency,
        CASE WHEN x.payment_id IS NULL THEN 0 ELSE CAST(still_held(x.id) AS bigint) END AS left_minor,
        p.provider, p.asset, p.asset_amount, p.occurred_at
    FROM payment_exceptions x LEFT JOIN payments p ON p.id = x.payment_id
    WHERE x.organization_id = :organization_id AND x.id = :id
"""
_READ = Statement(_EXCEPTION)
_LOCK = Statement(_EXCEPTION + " FOR UPDATE OF x")
_LINK = """
    SELECT id, status, amount_minor, currency, description, reference, short_code, expires_at FROM payment_links
    WHERE organization_id = :organization_id AND id = :id
"""
_READ_LINK = Statement(_LINK)
_LOCK_LINK = Statement(_LINK + " FOR UPDATE")


class Changed(Conflict):
    """Somebody else decided first."""

    code = "exception_changed"
    public_message = "Somebody else has decided about this in the meantime. Nothing was done; look at it again."


class NotPossible(Conflict):
    """This decision cannot be taken about this money."""

    code = "decision_not_possible"


@dataclass(frozen=True, slots=True)
class Credit:
    """An exception, as much as a decision needs of it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    kind: ExceptionKind
    state: str
    version: int
    held_in: str | None
    """2100, 2190, or None for money that stands in no book"""
    link_id: uuid.UUID | None
    payment_id: uuid.UUID | None
    transfer_id: uuid.UUID | None
    currency: str
    left_minor: int
    """held and not used, nor on its way back"""
    provider: str
    asset: str | None
    asset_amount: int | None
    occurred_at: dt.datetime | None

    @property
    def clearing_account(self) -> str:
        """Return the account that received the money."""
        if self.asset:
            return ASSETS[self.asset].account_code
        return chart.BANK if self.provider == Provider.MANUAL else chart.STRIPE_CLEARING

    @property
    def small_minor(self) -> int:
        """Return the most that may be written off as a small difference: 1.00."""
        most: int = 10 ** digits_of(self.currency)
        return most

    def part(self, taken_minor: int) -> HeldPart:
        """Return so much of it as a part of a settlement.

        :raises NotPossible: for money that is in no payment
        """
        if self.payment_id is None:
            raise NotPossible(f"exception {self.id} holds no payment", public_message="No book shows this money yet.")
        return HeldPart(self.id, self.payment_id, taken_minor, self.left_minor - taken_minor)


@dataclass(frozen=True, slots=True)
class Target:
    """A link that held money could settle."""

    id: uuid.UUID
    status: LinkStatus
    amount_minor: int
    currency: str
    title: str
    description: str
    short_code: str
    expires_at: dt.datetime | None


def read(session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID) -> Credit:
    """Return an exception without locking it.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    return _credit(_READ, session, organization_id, exception_id)


def lock(session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID, *, version: int) -> Credit:
    """Lock an exception that is still as the person saw it; its link was locked before.

    :raises Changed: when somebody decided meanwhile
    """
    credit = _credit(_LOCK, session, organization_id, exception_id)
    if credit.version != version:
        raise Changed(f"exception {exception_id} is at version {credit.version}, not {version}")
    return credit


def _credit(statement: Statement, session: Session, organization_id: uuid.UUID, exception_id: uuid.UUID) -> Credit:
    row: Any = statement.run(session, {"organization_id": organization_id, "id": exception_id}).fetchone()
    if row is None:
        raise NotFound(f"exception {exception_id}")
    return Credit(
        id=row.id,
        organization_id=organization_id,
        kind=ExceptionKind(row.kind),
        state=row.state,
        version=row.version,
        held_in=row.held_in,
        link_id=row.link_id,
        payment_id=row.payment_id,
        transfer_id=row.transfer_id,
        currency=row.currency or "",
        left_minor=row.left_minor,
        provider=row.provider or "",
        asset=row.asset,
        asset_amount=row.asset_amount,
        occurred_at=row.occurred_at,
    )


def target(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, *, locked: bool) -> Target:
    """Return the link money shall settle, locked when it is to be done.

    :raises NotFound: for an unknown id and for one of another organization alike
    """
    statement = _LOCK_LINK if locked else _READ_LINK
    row: Any = statement.run(session, {"organization_id": organization_id, "id": link_id}).fetchone()
    if row is None:
        raise NotFound(f"link {link_id}")
    return Target(
        id=row.id,
        status=LinkStatus(row.status),
        amount_minor=row.amount_minor,
        currency=row.currency,
        title=row.reference or row.description,
        description=row.description,
        short_code=row.short_code,
        expires_at=row.expires_at,
    )


def said(amount_minor: int, currency: str) -> str:
    """Return an amount as sentences say it."""
    return f"{currency} {format_grouped(amount_minor, currency)}"
