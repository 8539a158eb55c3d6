"""Which account an organization is paid on. Replacing it loses nothing: the old one is watched while links show it.

An account has one active organization at a time: whoever could claim another's would be shown its customers' payments.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provvypay.domain import hedera_checks, hedera_ids
from provvypay.domain.hedera_checks import Check
from provvypay.errors import Invalid
from provvypay.kit.ids import uuid7
from provvypay.models.hedera import HederaAccount, HederaCursor
from provvypay.services import audit

ACTIVE, RETIRED = "ACTIVE", "RETIRED"
CHECKED_EVERY = dt.timedelta(hours=6)
TAKEN = "Another organization receives on this account. Use one of your own."


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as pages show it."""

    id: uuid.UUID
    account_id: str
    with_checksum: str
    evm_address: str | None
    checks: tuple[Check, ...]
    checked_at: dt.datetime | None
    activated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class RetiredView:
    """An account that was replaced and is still watched."""

    with_checksum: str
    retired_at: dt.datetime
    open_links: int
    """that showed it to a customer and can still be paid"""


@dataclass(frozen=True, slots=True)
class Due:
    """An account whose last checks are old."""

    organization_id: uuid.UUID
    id: uuid.UUID
    account_id: str


def active(session: Session, organization_id: uuid.UUID, network: str) -> AccountView | None:
    """Return the account an organization is paid on; None when it has none."""
    row = _active(session, organization_id, network)
    if row is None:
        return None
    return AccountView(
        row.id,
        row.account_id,
        hedera_ids.with_checksum(row.account_id, network),
        row.evm_address,
        hedera_checks.read(row.checks),
        row.checked_at,
        row.activated_at,
    )


def retired(session: Session, organization_id: uuid.UUID, network: str) -> list[RetiredView]:
    """Return the accounts that were replaced while open links show them, the newest first."""
    rows = session.execute(
        text(
            "SELECT a.account_id, a.retired_at, count(DISTINCT l.id) AS links FROM hedera_accounts a"
            " JOIN payment_attempts q ON q.organization_id = a.organization_id AND q.hedera_account_id = a.id"
            " JOIN payment_links l ON l.organization_id = q.organization_id AND l.id = q.link_id AND l.status = 'OPEN'"
            " WHERE a.organization_id = :id AND a.network = :network AND a.state = 'RETIRED'"
            " GROUP BY a.account_id, a.retired_at ORDER BY a.retired_at DESC"
        ),
        {"id": organization_id, "network": network},
    )
    return [RetiredView(hedera_ids.with_checksum(row.account_id, network), row.retired_at, row.links) for row in rows]


def is_taken(session: Session, network: str, account_id: str) -> bool:
    """Say whether another organization receives on an account, or is still watched on it; across organizations."""
    return bool(
        session.scalar(
            text("SELECT hedera_account_is_taken(:network, :account_id)"),
            {"network": network, "account_id": account_id},
        )
    )


def choose(
    session: Session,
    organization_id: uuid.UUID,
    *,
    network: str,
    account_id: str,
    evm_address: str | None,
    checks: Sequence[Check],
    now: dt.datetime,
    actor: audit.Actor,
) -> uuid.UUID:
    """Let an organization be paid on an account from now on; the one before is retired, never forgotten.

    :param account_id: canonical, checked against the network a moment ago
    :raises Invalid: when another organization receives on it; nothing is changed
    """
    if is_taken(session, network, account_id):
        raise Invalid({"account": TAKEN})
    kept = {"checks": hedera_checks.stored(checks), "checked_at": now, "evm_address": evm_address}
    before = _active(session, organization_id, network)
    if before is not None and before.account_id == account_id:
        session.execute(update(HederaAccount).where(HederaAccount.id == before.id).values(**kept))
        return before.id
    if before is not None:
        session.execute(
            update(HederaAccount).where(HederaAccount.id == before.id).values(state=RETIRED, retired_at=now)
        )
    try:
        # A savepoint: somebody may have claimed the same account between the question above and now.
        with session.begin_nested():
            row_id = _activate(session, organization_id, network, account_id, kept, now=now, actor=actor)
    except IntegrityError as error:
        raise Invalid({"account": TAKEN}) from error
    audit.record(
        session,
        "hedera_account.chosen",
        actor,
        organization_id=organization_id,
        subject_type="hedera_account",
        subject_id=str(row_id),
        account=account_id,
        network=network,
        before=before.account_id if before else None,
    )
    return row_id


def _activate(
    session: Session,
    organization_id: uuid.UUID,
    network: str,
    account_id: str,
    kept: dict[str, object],
    *,
    now: dt.datetime,
    actor: audit.Actor,
) -> uuid.UUID:
    again: uuid.UUID | None = session.scalar(
        update(HederaAccount)
        .where(
            HederaAccount.organization_id == organization_id,
            HederaAccount.network == network,
            HederaAccount.account_id == account_id,
        )
        .values(state=ACTIVE, activated_at=now, retired_at=None, **kept)
        .returning(HederaAccount.id)
    )
    if again is not None:
        # Its cursor stands where it was last read: what came in between is read first.
        session.execute(update(HederaCursor).where(HederaCursor.hedera_account_id == again).values(next_poll_at=now))
        return again
    row_id = uuid7()
    session.execute(
        insert(HederaAccount).values(
            id=row_id,
            organization_id=organization_id,
            network=network,
            account_id=account_id,
            created_by=actor.id if actor.type == "USER" else None,
            **kept,
        )
    )
    session.execute(
        insert(HederaCursor).values(
            hedera_account_id=row_id,
            organization_id=organization_id,
            network=network,
            account_id=account_id,
            seen_until=hedera_ids.timestamp_at(now),
        )
    )
    return row_id


def due(session: Session, network: str, *, most: int) -> list[Due]:
    """Return active accounts whose last checks are old, the oldest first; across organizations."""
    rows = session.execute(
        text("SELECT * FROM hedera_accounts_to_check(:network, :seconds, :most)"),
        {"network": network, "seconds": int(CHECKED_EVERY.total_seconds()), "most": most},
    )
    return [Due(row.organization_id, row.hedera_account_id, row.account_id) for row in rows]


def write_down(
    session: Session, row_id: uuid.UUID, checks: Sequence[Check], *, evm_address: str | None, now: dt.datetime
) -> None:
    """Keep what was found of an account of the transaction's organization."""
    session.execute(
        update(HederaAccount)
        .where(HederaAccount.id == row_id)
        .values(checks=hedera_checks.stored(checks), checked_at=now, evm_address=evm_address)
    )


def _active(session: Session, organization_id: uuid.UUID, network: str) -> HederaAccount | None:
    return session.scalar(
        select(HederaAccount).where(
            HederaAccount.organization_id == organization_id,
            HederaAccount.network == network,
            HederaAccount.state == ACTIVE,
        )
    )
