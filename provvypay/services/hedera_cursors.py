"""How far each merchant's account has been read: claimed by one worker at a time, moved on with what was stored.

The lease keeps two workers from asking about one account; its token keeps a worker that lost it from moving anything.
Reading again is always harmless, because a transfer is stored once.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain.hedera_cadence import Prospects
from provvypay.errors import Conflict
from provvypay.kit.db import Statement, changed

LEASE_SECONDS = 60
LATE_WATCH = dt.timedelta(days=1)
"""how long at least an account that was replaced is watched after the last link that showed it has ended"""


class LeaseLost(Conflict):
    """Another worker reads this account now; what it stores counts."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An account this process may read until its lease ends."""

    organization_id: uuid.UUID
    hedera_account_id: uuid.UUID
    account_id: str
    seen_until: str
    swept_until: dt.datetime | None
    lease_token: int
    failures: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account to be read, and since when it is ours."""

    organization_id: uuid.UUID
    id: uuid.UUID
    network: str
    account_id: str
    evm_address: str | None
    since: dt.datetime
    expects_erc20: bool = False
    """an open link showed it with an ERC-20 contract"""
    expects_outgoing: bool = False
    """a refund waits for tokens that the merchant sends"""


_CLAIM = Statement("SELECT * FROM claim_hedera_accounts(:network, :most, :lease)")

_HURRY = Statement("SELECT hurry_hedera_account(:id)")

_HURRY_ALL = Statement("SELECT hurry_hedera_account(id) FROM hedera_accounts WHERE organization_id = :org")

_ACCOUNT = Statement("""
    SELECT a.organization_id, a.id, a.network, a.account_id, a.evm_address, a.created_at,
        EXISTS (SELECT FROM payment_attempts q JOIN payment_links l ON l.id = q.link_id AND l.status = 'OPEN'
            JOIN hedera_assets t ON t.network = a.network AND t.entity_id = q.entity_id AND t.kind = 'erc20'
            WHERE q.hedera_account_id = a.id) AS expects_erc20,
        EXISTS (SELECT FROM refunds r WHERE r.organization_id = a.organization_id AND r.provider = 'HEDERA'
            AND r.state = 'SUBMITTED') AS expects_outgoing
    FROM hedera_accounts a WHERE a.id = :id
""")

# What an account that was replaced still waits for is open, or ended within the organization's grace.
_PROSPECTS = Statement("""
    SELECT a.state, a.activated_at,
        (SELECT max(t.seen_at) FROM hedera_transfers t
            WHERE t.organization_id = a.organization_id AND t.hedera_account_id = a.id
            AND t.consensus_timestamp >= :lately) AS last_seen,
        q.last_shown, coalesce(q.is_expected, false) OR EXISTS (SELECT FROM refunds r
            WHERE r.organization_id = a.organization_id AND r.provider = 'HEDERA' AND r.state = 'SUBMITTED')
            AS is_expected, coalesce(q.may_be_late, false) AS may_be_late
    FROM hedera_accounts a
    LEFT JOIN LATERAL (
        SELECT max(p.created_at) AS last_shown, bool_or(l.status = 'OPEN') AS is_expected,
            bool_or(coalesce(l.paid_at, l.closed_at, l.created_at) > clock_timestamp() - greatest(:late,
                make_interval(secs => s.late_grace_seconds))) AS may_be_late
        FROM payment_attempts p JOIN payment_links l ON l.id = p.link_id
        JOIN merchant_settings s ON s.organization_id = p.organization_id
        WHERE p.hedera_account_id = a.id) q ON true
    WHERE a.id = :id
""")

_HOLD = Statement("""
    UPDATE hedera_cursors SET seen_until = greatest(seen_until, :until)
    WHERE hedera_account_id = :id AND lease_token = :token AND lease_until > clock_timestamp()
""")

# Who brought it forward while it was being read wins: that moment lies behind the claim.
_FINISH = Statement("""
    UPDATE hedera_cursors SET lease_until = NULL, polled_at = clock_timestamp(), failures = 0, last_error = '',
        seen_until = greatest(seen_until, :until),
        swept_at = coalesce(:swept_until, swept_at),
        next_poll_at = CASE WHEN next_poll_at > lease_until - make_interval(secs => :lease)
            THEN least(next_poll_at, clock_timestamp() + :wait) ELSE clock_timestamp() + :wait END
    WHERE hedera_account_id = :id AND lease_token = :token
""")

_FAIL = Statement("""
    UPDATE hedera_cursors SET lease_until = NULL, failures = failures + 1, last_error = :error,
        next_poll_at = clock_timestamp() + :wait
    WHERE hedera_account_id = :id AND lease_token = :token
""")


def claim(session: Session, network: str, *, most: int) -> list[Claimed]:
    """Take accounts whose time has come, of any organization, longest due first; nobody else gets them meanwhile."""
    rows = _CLAIM.run(session, {"network": network, "most": most, "lease": LEASE_SECONDS}).fetchall()
    return [
        Claimed(
            row.organization_id,
            row.hedera_account_id,
            row.account_id,
            row.seen_until,
            row.swept_at,
            row.lease_token,
            row.failures,
        )
        for row in rows
    ]


def hurry(session: Session, hedera_account_id: uuid.UUID) -> None:
    """Let an account of any organization be read at once. Waits for nobody: one that is being read now is let alone."""
    _HURRY.run(session, {"id": hedera_account_id})


def hurry_all(session: Session, organization_id: uuid.UUID) -> None:
    """Let every account of an organization be read at once: it is about to send something."""
    _HURRY_ALL.run(session, {"org": organization_id})


def account(session: Session, hedera_account_id: uuid.UUID) -> Account:
    """Return an account of the transaction's organization as the watcher needs it."""
    row = _ACCOUNT.run(session, {"id": hedera_account_id}).fetchone()
    if row is None:
        raise LookupError(f"account {hedera_account_id}")
    return Account(
        row.organization_id, row.id, row.network, row.account_id, row.evm_address, row.created_at, row.expects_erc20,
        row.expects_outgoing,
    )  # fmt: skip


def prospects(session: Session, hedera_account_id: uuid.UUID, *, is_watched: bool, now: dt.datetime) -> Prospects:
    """Return what may still come to an account; decides how soon it is read again."""
    lately = f"{max(0, int((now - dt.timedelta(days=7)).timestamp())):010d}.000000000"
    given = {"id": hedera_account_id, "late": LATE_WATCH, "lately": lately}
    row = _PROSPECTS.run(session, given).fetchone()
    if row is None:
        raise LookupError(f"account {hedera_account_id}")
    moments: Sequence[dt.datetime] = [at for at in (row.last_shown, row.last_seen, row.activated_at) if at]
    return Prospects(
        is_watched=is_watched,
        is_expected=row.is_expected,
        quiet_since=max(moments),
        is_done_with=row.state == "RETIRED" and not row.is_expected and not row.may_be_late,
    )


def hold(session: Session, claimed: Claimed, until: str) -> None:
    """Move the cursor on, never back, and keep its row until the commit: what is stored with it is stored once.

    :raises LeaseLost: when another worker has it; nothing of this transaction may stay
    """
    given = {"id": claimed.hedera_account_id, "token": claimed.lease_token, "until": until}
    if not changed(_HOLD.run(session, given)):
        raise LeaseLost(f"account {claimed.account_id}")


def finish(
    session: Session, claimed: Claimed, until: str, *, wait: dt.timedelta, swept_until: dt.datetime | None = None
) -> None:
    """Give the lease back and say when to come again; nothing when it was lost.

    :param until: up to where it was read, and nothing was left to be stored
    """
    _FINISH.run(
        session,
        {
            "id": claimed.hedera_account_id,
            "token": claimed.lease_token,
            "until": until,
            "wait": wait,
            "swept_until": swept_until,
            "lease": LEASE_SECONDS,
        },
    )


def fail(session: Session, claimed: Claimed, error: str, *, wait: dt.timedelta) -> None:
    """Give the lease back after a failure; the cursor stays where it is."""
    given = {"id": claimed.hedera_account_id, "token": claimed.lease_token, "wait": wait, "error": error[:500]}
    _FAIL.run(session, given)
