"""Transaction ids that somebody says have paid a link: kept once each, looked up until they are decided."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.errors import Conflict
from provvypay.kit.db import Statement, changed
from provvypay.kit.ids import uuid7
from provvypay.services import timeline

MOST_PER_LINK = 20
"""nobody sends so many transactions for one link; beyond it somebody is guessing"""

# "Not found" means "not yet" for a while; then seldom, for a mirror node that is late or away.
_WAITS = (2, 2, 2, 3, 3, 5, 5, 10, 15, 30, 60)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it stands."""

    id: uuid.UUID
    organization_id: uuid.UUID
    link_id: uuid.UUID
    short_code: str
    network: str
    transaction_id: str
    state: str
    answer: str
    transfer_id: uuid.UUID | None
    created_at: dt.datetime
    checks: int


_COLUMNS = """c.id, c.organization_id, c.link_id, l.short_code, c.network, c.transaction_id, c.state, c.answer,
    c.transfer_id, c.created_at, c.checks"""

_COUNT = Statement("SELECT count(*) AS number FROM transfer_claims WHERE organization_id = :org AND link_id = :link_id")
_ADD = Statement("""
    INSERT INTO transfer_claims (id, organization_id, link_id, network, transaction_id, source)
    VALUES (:id, :org, :link_id, :network, :transaction_id, :source)
    ON CONFLICT (link_id, transaction_id) DO NOTHING
""")
_OF_LINK = Statement(f"""
    SELECT {_COLUMNS} FROM transfer_claims c JOIN payment_links l ON l.id = c.link_id
    WHERE c.link_id = :link_id AND c.transaction_id = :transaction_id
""")  # noqa: S608 - our own columns
# Moving it on is the lease: whoever comes meanwhile finds it is not its time.
_CLAIM = Statement(f"""
    WITH taken AS (
        UPDATE transfer_claims SET checks = checks + 1, updated_at = clock_timestamp(),
            next_check_at = clock_timestamp() + make_interval(secs =>
                (CAST(:waits AS int[]))[least(checks + 1, cardinality(CAST(:waits AS int[])))])
        WHERE id = :id AND state = 'PENDING' AND next_check_at <= clock_timestamp() RETURNING *)
    SELECT {_COLUMNS} FROM taken c JOIN payment_links l ON l.id = c.link_id
""")  # noqa: S608 - our own columns
_DECIDE = Statement("""
    UPDATE transfer_claims SET state = :state, answer = :answer, transfer_id = :transfer_id, next_check_at = NULL,
        updated_at = clock_timestamp()
    WHERE id = :id AND state = 'PENDING'
""")
_USED = Statement("""
    SELECT count(*) AS number FROM transfer_claims
    WHERE organization_id = :org AND transfer_id = :transfer_id AND link_id <> :link_id AND state = 'ATTACHED'
""")
_DUE = Statement("SELECT * FROM due_transfer_claims(:most)")
_SHOWN = Statement("""
    SELECT a.id FROM hedera_accounts a
    WHERE a.organization_id = :org AND a.network = :network AND (a.state = 'ACTIVE'
        OR EXISTS (SELECT FROM payment_attempts q WHERE q.hedera_account_id = a.id AND q.link_id = :link_id))
""")


def add(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    *,
    network: str,
    transaction_id: str,
    source: str,
    now: dt.datetime,
) -> Claim:
    """Keep a claim, once, however it was written; return it as it stands.

    :param transaction_id: the mirror node's form
    :param source: CUSTOMER, WALLET or MERCHANT
    :raises Conflict: when too many were made for this link
    """
    known = _of_link(session, link_id, transaction_id)
    if known is not None:
        return known
    count = _COUNT.run(session, {"org": organization_id, "link_id": link_id}).fetchone()
    if count is not None and count.number >= MOST_PER_LINK:
        raise Conflict(
            f"too many claims for link {link_id}",
            public_message="Many transactions were reported for this link already. Please ask the seller.",
        )
    given = {
        "id": uuid7(),
        "org": organization_id,
        "link_id": link_id,
        "network": network,
        "transaction_id": transaction_id,
        "source": source,
    }
    _ADD.run(session, given)
    timeline.add(
        session,
        organization_id,
        link_id,
        "transfer.claimed",
        dedupe=transaction_id,
        occurred_at=now,
        transaction_id=transaction_id,
        source=source,
    )
    made = _of_link(session, link_id, transaction_id)
    if made is None:
        raise LookupError(f"claim {transaction_id}")
    return made


def take(session: Session, claim_id: uuid.UUID) -> Claim | None:
    """Return a claim whose time has come, and say when to look again if nothing comes of it; None when it is not."""
    row = _CLAIM.run(session, {"id": claim_id, "waits": list(_WAITS)}).fetchone()
    return None if row is None else Claim(**row._asdict())


def decide(
    session: Session,
    claim: Claim,
    state: str,
    *,
    now: dt.datetime,
    answer: str = "",
    transfer_id: uuid.UUID | None = None,
) -> bool:
    """Write what a claim came to; False when it was decided meanwhile.

    :param answer: a code of domain/claim_answers.py
    """
    given = {"id": claim.id, "state": state, "answer": answer, "transfer_id": transfer_id}
    if not changed(_DECIDE.run(session, given)):
        return False
    name, org, link_id = claim.transaction_id, claim.organization_id, claim.link_id
    told = {"transaction_id": name, "answer": answer}
    if state == "ATTACHED":
        timeline.add(session, org, link_id, "transfer.found", dedupe=name, occurred_at=now, payment_id=None, **told)
    else:
        timeline.add(session, org, link_id, "transfer.refused", dedupe=name, occurred_at=now, payment_id=None, **told)
    return True


def is_used(session: Session, claim: Claim, transfer_id: uuid.UUID) -> bool:
    """Say whether a transfer was attached to another link by a claim before."""
    given = {"org": claim.organization_id, "transfer_id": transfer_id, "link_id": claim.link_id}
    row = _USED.run(session, given).fetchone()
    return row is not None and row.number > 0


def accounts_for(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, network: str) -> list[uuid.UUID]:
    """Return the accounts on which a link may have been paid: the present one, and whichever it showed."""
    given = {"org": organization_id, "link_id": link_id, "network": network}
    return [row.id for row in _SHOWN.run(session, given).fetchall()]


def due(session: Session, *, most: int = 100) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (organization, claim) of claims whose time has come, of any organization."""
    return [(row.organization_id, row.claim_id) for row in _DUE.run(session, {"most": most}).fetchall()]


def _of_link(session: Session, link_id: uuid.UUID, transaction_id: str) -> Claim | None:
    row = _OF_LINK.run(session, {"link_id": link_id, "transaction_id": transaction_id}).fetchone()
    return None if row is None else Claim(**row._asdict())
