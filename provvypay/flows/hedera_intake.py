"""Read what reached an account and take it in: fetched first, then stored, applied and counted in one transaction.

The one way a transfer comes into the books, whoever looks: the watcher's poll and sweep, the catch-up before a link
expires, and a customer's claim.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from provvypay.domain import hedera_credits
from provvypay.domain.hedera_credits import Registry
from provvypay.domain.hedera_memos import named_code
from provvypay.domain.hedera_records import LogEntry, TransactionRecord
from provvypay.domain.rates import RateTable
from provvypay.domain.transfers import StoredTransfer
from provvypay.flows import doorbell, live
from provvypay.flows.current_rates import current_rates
from provvypay.integrations import hedera_mirror
from provvypay.integrations.hedera_mirror import MirrorNodeUnavailable
from provvypay.kit.db import DatabaseTrouble, in_transaction, on_commit, sqlstate, transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.services import crypto_settlement, hedera_transfers, payment_links, token_refunds
from provvypay.services.hedera_cursors import Account, LeaseLost
from provvypay.services.hedera_transfers import Found

log = structlog.get_logger(__name__)

register("intake.fetched", "intake.stored", "intake.applied", "intake.done", "intake.committed")

MOST_LOGS = 100
"""of one transaction"""

Hold = Callable[[Session], None]

# What a database says of the data itself: doing the same again would be refused again.
_REFUSED = ("22", "23", "55", "P0")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one page showed of an account."""

    found: tuple[Found, ...]
    until: str | None
    """consensus time up to which everything was shown; None when an empty page is followed by others"""


def read_transactions(
    account: Account, since: str, until: str, registry: Registry, *, credit_only: bool
) -> Iterator[Batch]:
    """Yield what moved on an account between two consensus times, page by page, oldest first.

    :param credit_only: let the mirror node leave out what brought the account nothing
    :raises MirrorNodeUnavailable: in between; what was yielded before stands
    """
    mirror = hedera_mirror.client()
    for page in mirror.transactions(account.account_id, since, until, credit_only=credit_only):
        found = tuple(one for record in page.records for one in found_in(record, account, registry))
        newest = page.records[-1].consensus_timestamp if page.records else None
        yield Batch(found, page.until if page.is_last else newest)


def read_logs(account: Account, since: str, until: str, registry: Registry) -> Iterator[Batch]:
    """Yield what ERC-20 contracts of ours moved to an account, by their logs: such transfers stand in no list.

    Of each log that is not stored yet the transaction is asked for: only there are memo and result.

    :raises MirrorNodeUnavailable: also when a log's transaction is not there yet
    """
    addresses = hedera_credits.addresses_of(account.account_id, account.evm_address)
    topics = [hedera_credits.topic_of(address) for address in addresses]
    if not topics:
        return
    for contract in sorted(entity for kind, entity in registry if kind == "erc20"):
        logs = hedera_mirror.client().logs(
            contract, since=since, until=until, topic0=hedera_credits.TRANSFER_TOPIC, topic2=topics
        )
        for some in _batched(logs):
            yield Batch(tuple(_found_in_logs(account, contract, some, addresses, registry)), None)


def found_in(record: TransactionRecord, account: Account, registry: Registry) -> list[Found]:
    """Return what a record moved; the memo of a child stands on its parent, and only says whom it may be for."""
    moved = hedera_credits.movements(record, account.account_id, registry)
    if moved and record.nonce and not record.memo and record.parent_consensus_timestamp:
        parent = hedera_mirror.client().record_at(record.parent_consensus_timestamp)
        if parent is not None:
            record = replace(record, memo=parent.memo, memo_base64=parent.memo_base64)
    return [Found(record, movement) for movement in moved]


def take_in(account: Account, found: Sequence[Found], *, by: str, hold: Hold | None = None) -> list[StoredTransfer]:
    """Store what was found and let it do what it does, all of it or nothing; return what was new.

    One that is refused must not keep the others out: then each has a transaction of its own, and the first failure is
    raised when all have had their turn.

    :param by: POLL, SWEEP or CLAIM
    :param hold: called first, in the same transaction: fences off a worker that lost its lease, and moves the cursor
    """
    rates = current_rates() if found else RateTable()
    failpoint("intake.fetched")
    try:
        return _take_in(account, found, rates, by=by, hold=hold)
    except LeaseLost:
        raise
    except Exception as error:
        if len(found) < 2 or (isinstance(error, DatabaseTrouble) and not (sqlstate(error) or "").startswith(_REFUSED)):
            raise
        log.exception("alert.transfers_one_by_one", account=account.account_id, count=len(found))
    return _one_by_one(account, found, rates, by=by)


def _one_by_one(account: Account, found: Sequence[Found], rates: RateTable, *, by: str) -> list[StoredTransfer]:
    new: list[StoredTransfer] = []
    failures: list[Exception] = []
    for one in found:
        try:
            new += _take_in(account, [one], rates, by=by, hold=None)
        except Exception as error:
            log.exception("alert.transfer_refused", account=account.account_id, at=one.record.consensus_timestamp)
            failures.append(error)
    if failures:
        raise failures[0]
    return new


def _take_in(
    account: Account, found: Sequence[Found], rates: RateTable, *, by: str, hold: Hold | None
) -> list[StoredTransfer]:
    def work(session: Session) -> list[StoredTransfer]:
        if hold is not None:
            hold(session)
        new = [stored for one in found if (stored := _apply(session, account, one, rates, by=by))]
        if new:
            doorbell.outbox_after_commit(session)
        failpoint("intake.done")
        return new

    new = in_transaction(work, account.organization_id)
    failpoint("intake.committed")
    return new


def _apply(session: Session, account: Account, found: Found, rates: RateTable, *, by: str) -> StoredTransfer | None:
    stored = hedera_transfers.store(session, account, found, by=by)
    if stored is None:
        return None
    failpoint("intake.stored")
    if stored.direction == "OUT":
        _close_refund(session, stored, found)
    else:
        crypto_settlement.apply_transfer(session, stored, rates)
    failpoint("intake.applied")
    code = named_code(found.record.memo)
    if stored.link_id and code:
        on_commit(session, lambda: live.touch(code))
    return stored


def _close_refund(session: Session, stored: StoredTransfer, found: Found) -> None:
    """Let tokens that went out close the refund their memo names, and its link's pages look anew."""
    link_id = token_refunds.apply_outgoing(session, stored, hedera_credits.credited(found.record, stored.entity_id))
    if link_id is not None:
        code = payment_links.get(session, link_id).short_code
        on_commit(session, lambda: live.touch(code))


def _found_in_logs(
    account: Account, contract: str, logs: Sequence[LogEntry], addresses: Sequence[str], registry: Registry
) -> Iterator[Found]:
    by_moment: dict[str, list[LogEntry]] = {}
    for one in logs:
        if not any(one.data):
            # Anybody can move nothing to anybody, and each would cost us a question.
            continue
        by_moment.setdefault(one.consensus_timestamp, []).append(one)
    with transaction(account.organization_id) as session:
        known = hedera_transfers.stored_at(session, account, contract, list(by_moment))
    for moment in sorted(set(by_moment) - known):
        record = hedera_mirror.client().record_at(moment)
        if record is None:
            raise MirrorNodeUnavailable(f"the transaction of a log at {moment} is not there yet")
        moved = hedera_credits.logged_movements(record, by_moment[moment], account.account_id, addresses, registry)
        yield from (Found(record, movement) for movement in moved)


def _batched(logs: Iterator[LogEntry]) -> Iterator[list[LogEntry]]:
    """Part logs into batches, never one record's between two: what they moved is added up."""
    batch: list[LogEntry] = []
    for _, of_record in itertools.groupby(logs, key=lambda one: one.consensus_timestamp):
        batch += of_record
        if len(batch) >= MOST_LOGS:
            yield batch
            batch = []
    if batch:
        yield batch
