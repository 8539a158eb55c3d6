"""“I have paid”: somebody reports a transaction id. It is a hint where to look, never a proof.

What the ledger says decides: the record comes in by the same path as whatever the watcher finds, and its memo says what
it is for. Whoever reports somebody else's payment learns that it does not count here, and nothing more.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import structlog

from provvypay.domain import claim_answers as answers
from provvypay.domain import hedera_ids
from provvypay.domain.hedera_credits import SUCCESS, Registry
from provvypay.domain.hedera_ids import NotAnId, moment_of, shifted
from provvypay.domain.hedera_memos import named_code
from provvypay.domain.hedera_records import TransactionRecord
from provvypay.domain.short_codes import normalize
from provvypay.domain.statuses import LinkStatus
from provvypay.domain.transfers import StoredTransfer
from provvypay.errors import Gone, Invalid, NotFound, ProvvypayError
from provvypay.flows import doorbell, live
from provvypay.flows.hedera_intake import found_in, read_logs, take_in
from provvypay.flows.hedera_watch import catch_up, head_moment
from provvypay.integrations import hedera_mirror
from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, on_commit, transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.services import hedera_cursors, hedera_transfers, payment_links, transfer_claims
from provvypay.services.hedera_cursors import Account
from provvypay.services.hedera_transfers import Found
from provvypay.services.transfer_claims import Claim

log = structlog.get_logger(__name__)

register("claim.kept", "claim.fetched", "claim.taken_in")

SEARCH_AFTER = dt.timedelta(minutes=1)
"""an id can stay unknown although its transaction is there: then the accounts are read around its time"""
GIVE_UP_AFTER = dt.timedelta(minutes=10)
_LONGEST_VALID_SECONDS = 180
"""how long after its valid start a transaction can reach consensus"""
_CALLS = ("CONTRACTCALL", "ETHEREUMTRANSACTION")


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a report came to so far."""

    claim_id: uuid.UUID
    transaction_id: str
    state: str
    """PENDING, ATTACHED or REFUSED"""
    answer: str
    """a code of domain/claim_answers.py; empty while pending"""

    @property
    def sentence(self) -> str:
        """Return what to tell the customer; empty while there is nothing to say."""
        return answers.sentence_for(self.answer)


def submit(short_code: str, typed: str, *, source: str = "CUSTOMER") -> Submitted:
    """Keep a reported transaction id and ring for a worker to look it up; the same one again changes nothing.

    :param typed: as wallets write it, or as the mirror node does
    :param source: CUSTOMER typed it, a WALLET returned it, or the MERCHANT looked it up
    :raises NotFound: for a code we do not know
    :raises Invalid: with a sentence for the field `transaction_id`
    :raises Gone: when the merchant takes no tokens
    :raises Conflict: when too many were reported
    """
    code = normalize(short_code)
    network = settings().crypto_network
    if code is None or network is None:
        raise NotFound(f"no transfers for {short_code!r}")
    try:
        reported = hedera_ids.transaction_id(typed[:200]).mirror
    except NotAnId as error:
        raise Invalid({"transaction_id": str(error)}) from error
    with transaction() as session:
        found = payment_links.find_by_code(session, code)
        if found is None:
            raise NotFound(f"short code {code}")
        organization_id, link_id = found
        enter_organization(session, organization_id)
        if payment_links.get(session, link_id).status == LinkStatus.DRAFT:
            raise NotFound(f"short code {code}")
        if not transfer_claims.accounts_for(session, organization_id, link_id, network):
            raise Gone("no account", public_message="The seller does not take tokens at the moment.")
        claim = transfer_claims.add(
            session, organization_id, link_id, network=network, transaction_id=reported, source=source, now=now()
        )
        on_commit(session, lambda: live.touch(code))
    failpoint("claim.kept")
    log.info("claim.kept", link=code, transaction=reported, source=source, state=claim.state)
    if claim.state == "PENDING":
        doorbell.ring_claim(organization_id, claim.id)
    return Submitted(claim.id, claim.transaction_id, claim.state, claim.answer)


def check(organization_id: uuid.UUID, claim_id: uuid.UUID) -> None:
    """Look a claim up, if its time has come, and decide it if anything can be said.

    :raises MirrorNodeUnavailable: its row knows when to try again
    """
    with transaction(organization_id) as session:
        claim = transfer_claims.take(session, claim_id)
        if claim is None:
            return
        registry = hedera_transfers.registry(session, claim.network)
        ids = transfer_claims.accounts_for(session, organization_id, claim.link_id, claim.network)
        accounts = [hedera_cursors.account(session, one) for one in ids]
    records = hedera_mirror.client().transaction(claim.transaction_id)
    failpoint("claim.fetched")
    if not any(record.result == SUCCESS for record in records):
        _without_success(claim, records, accounts)
        return
    stored = _take_in(claim, records, accounts, registry)
    failpoint("claim.taken_in")
    if stored:
        _decide_by(claim, stored)
    elif records[-1].name == "SCHEDULECREATE" and not any(record.scheduled for record in records):
        if _is_old(claim):
            _refuse(claim, answers.NOT_CARRIED_OUT)
    else:
        _refuse(claim, answers.OTHER_ACCOUNT)


def check_claims() -> int:
    """Look up every claim whose time has come; return how many."""
    if settings().crypto_network is None:
        return 0
    with transaction() as session:
        due = transfer_claims.due(session)
    for organization_id, claim_id in due:
        try:
            check(organization_id, claim_id)
        except ProvvypayError as error:
            log.warning("claim.waits", claim=str(claim_id), code=error.code, error=str(error))
    return len(due)


def _without_success(claim: Claim, records: tuple[TransactionRecord, ...], accounts: list[Account]) -> None:
    """Nothing has moved under this id so far: say why, or wait."""
    failed = [record.result for record in records if record.result != "DUPLICATE_TRANSACTION"]
    if failed:
        _refuse(claim, answers.answer_for(failed[0]))
        return
    if now() - claim.created_at < SEARCH_AFTER:
        return
    start = moment_of(_valid_start(claim))
    ends = start + dt.timedelta(seconds=_LONGEST_VALID_SECONDS)
    head = head_moment()
    for account in accounts:
        catch_up(claim.organization_id, account.id, start - dt.timedelta(seconds=1), min(ends, head))
    with transaction(claim.organization_id) as session:
        stored = hedera_transfers.of_transaction(session, claim.organization_id, claim.network, claim.transaction_id)
    if stored:
        _decide_by(claim, stored)
    elif _is_old(claim) and (head > ends or start > now() + GIVE_UP_AFTER):
        _refuse(claim, answers.NOT_FOUND)


def _take_in(
    claim: Claim, records: tuple[TransactionRecord, ...], accounts: list[Account], registry: Registry
) -> list[StoredTransfer]:
    """Store what the transaction brought any of the accounts, and return it, whoever stored it first."""
    for account in accounts:
        found: list[Found] = []
        for record in records:
            found += found_in(record, account, registry)
            if record.result == SUCCESS and record.name in _CALLS:
                moment = record.consensus_timestamp
                found += [one for batch in read_logs(account, moment, moment, registry) for one in batch.found]
        first = shifted(hedera_ids.timestamp_at(account.since), seconds=0)
        ours = [one for one in found if one.record.consensus_timestamp >= first]
        if ours:
            take_in(account, ours, by="CLAIM")
    with transaction(claim.organization_id) as session:
        stored = hedera_transfers.of_transaction(session, claim.organization_id, claim.network, claim.transaction_id)
    return [one for one in stored if one.direction == "IN"]


def _decide_by(claim: Claim, stored: list[StoredTransfer]) -> None:
    """Let the memo decide; money that names no link waits for a person, whoever reports it."""
    own = [one for one in stored if one.link_id == claim.link_id]
    unnamed = [one for one in stored if one.link_id is None and named_code((one.memo or "").encode()) is None]
    if not own and not unnamed:
        _refuse(claim, answers.OTHER_LINK)
        return
    # Money before things: a transaction may bring both.
    chosen = min(own or unnamed, key=lambda one: one.asset is None)
    if chosen.asset is None:
        _refuse(claim, answers.UNKNOWN_TOKEN)
        return
    with transaction(claim.organization_id) as session:
        if not own and transfer_claims.is_used(session, claim, chosen.id):
            state, answer, transfer_id = "REFUSED", answers.USED, None
        else:
            state, answer, transfer_id = "ATTACHED", "" if own else answers.NEEDS_CONFIRMATION, chosen.id
        transfer_claims.decide(session, claim, state, now=now(), answer=answer, transfer_id=transfer_id)
        on_commit(session, lambda: live.touch(claim.short_code))
    log.info("claim.decided", link=claim.short_code, transaction=claim.transaction_id, state=state, answer=answer)


def _refuse(claim: Claim, answer: str) -> None:
    with transaction(claim.organization_id) as session:
        transfer_claims.decide(session, claim, "REFUSED", now=now(), answer=answer)
        on_commit(session, lambda: live.touch(claim.short_code))
    log.info("claim.refused", link=claim.short_code, transaction=claim.transaction_id, answer=answer)


def _is_old(claim: Claim) -> bool:
    return now() - claim.created_at > GIVE_UP_AFTER


def _valid_start(claim: Claim) -> str:
    return hedera_ids.transaction_id(claim.transaction_id).valid_start
