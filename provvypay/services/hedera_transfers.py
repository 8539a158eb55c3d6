"""Every transfer to or from a merchant's account, stored once, whoever finds it: poll, sweep, catch-up or claim."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from provvypay.domain.hedera_credits import HBAR, Movement, Registry
from provvypay.domain.hedera_memos import memo_text, named_code
from provvypay.domain.hedera_records import TransactionRecord
from provvypay.domain.statuses import TransferConcern
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.db import Statement
from provvypay.kit.ids import uuid7
from provvypay.services.hedera_cursors import Account
from provvypay.services.payment_links import find_by_code

log = structlog.get_logger(__name__)

_REGISTRY = Statement(
    "SELECT kind, entity_id, asset FROM hedera_assets WHERE network = :network AND state <> 'MISMATCH'"
)

_LINK = Statement("SELECT id FROM payment_links WHERE organization_id = :org AND short_code = :code")

# Whatever stands in the way: the same record, or the same part of the same transaction, found before by anybody.
_STORE = Statement("""
    INSERT INTO hedera_transfers (id, organization_id, hedera_account_id, network, account_id, direction,
        consensus_timestamp, transaction_id, nonce, scheduled, name, result, kind, entity_id, asset, amount,
        memo, memo_base64, payer, sender, link_id, concern, found_by, evidence)
    VALUES (:id, :organization_id, :hedera_account_id, :network, :account_id, :direction,
        :consensus_timestamp, :transaction_id, :nonce, :scheduled, :name, :result, :kind, :entity_id, :asset, :amount,
        :memo, :memo_base64, :payer, :sender, :link_id, :concern, :found_by, CAST(:evidence AS jsonb))
    ON CONFLICT DO NOTHING RETURNING id
""")

_COLUMNS = (
    "id, organization_id, hedera_account_id, network, account_id, direction, consensus_timestamp, transaction_id, kind,"
    " entity_id, asset, amount, memo, sender, link_id, concern"
)
_KNOWN = Statement(f"SELECT {_COLUMNS} FROM hedera_transfers WHERE id = :id")  # noqa: S608 - our own columns
_OF_TRANSACTION = Statement(
    f"SELECT {_COLUMNS} FROM hedera_transfers WHERE network = :network AND transaction_id = :transaction_id"  # noqa: S608
    " AND organization_id = :org ORDER BY consensus_timestamp, entity_id"
)
_STORED_AT = Statement("""
    SELECT consensus_timestamp, entity_id FROM hedera_transfers
    WHERE network = :network AND account_id = :account_id AND entity_id = :entity
        AND consensus_timestamp = ANY(:moments)
""")

_UNVALUED = Statement("SELECT * FROM unvalued_transfers(:most)")


@dataclass(frozen=True, slots=True)
class Found:
    """A movement and the record it was read from."""

    record: TransactionRecord
    movement: Movement


def registry(session: Session, network: str) -> Registry:
    """Return which tokens are ours on a network. One that is not as the issuer says is not: nobody knows its worth."""
    rows = _REGISTRY.run(session, {"network": network}).fetchall()
    return {("native", HBAR): HBAR} | {(row.kind, row.entity_id): row.asset for row in rows}


def store(session: Session, account: Account, found: Found, *, by: str) -> StoredTransfer | None:
    """Store a movement; None when it was stored before, by anybody.

    The link its memo names is looked for in the account's own organization. One of somebody else's is never matched: it
    is kept as a concern, and told.

    :param by: POLL, SWEEP or CLAIM
    """
    record, moved = found.record, found.movement
    code = named_code(record.memo)
    link_id = _own_link(session, account.organization_id, code)
    concern = moved.concern
    if code and link_id is None and find_by_code(session, code) is not None:
        concern = TransferConcern.FOREIGN_MEMO
    transfer = StoredTransfer(
        id=uuid7(),
        organization_id=account.organization_id,
        hedera_account_id=account.id,
        network=account.network,
        account_id=account.account_id,
        direction=moved.direction,
        consensus_timestamp=record.consensus_timestamp,
        transaction_id=record.transaction_id,
        kind=moved.kind,
        entity_id=moved.entity_id,
        asset=moved.asset,
        asset_amount=moved.amount_units,
        memo=memo_text(record.memo),
        sender=moved.sender,
        link_id=link_id,
        concern=concern,
    )
    row = asdict(transfer) | {
        "amount": moved.amount_units,
        "nonce": record.nonce,
        "scheduled": record.scheduled,
        "name": record.name,
        "result": record.result,
        "memo_base64": record.memo_base64,
        "payer": record.payer,
        "found_by": by,
        "evidence": json.dumps(_evidence(record, moved, account.account_id)),
    }
    if _STORE.run(session, row).fetchone() is None:
        return None
    _tell(transfer)
    return transfer


def of_transaction(
    session: Session, organization_id: uuid.UUID, network: str, transaction_id: str
) -> list[StoredTransfer]:
    """Return what a transaction brought an organization, as far as it is stored, oldest first."""
    given = {"network": network, "transaction_id": transaction_id, "org": organization_id}
    return [_stored(row) for row in _OF_TRANSACTION.run(session, given).fetchall()]


def get(session: Session, transfer_id: uuid.UUID) -> StoredTransfer | None:
    """Return a transfer of the transaction's organization; None for any other."""
    row = _KNOWN.run(session, {"id": transfer_id}).fetchone()
    return None if row is None else _stored(row)


def stored_at(session: Session, account: Account, entity_id: str, moments: Sequence[str]) -> set[str]:
    """Return at which of these consensus times a movement of one asset is stored already."""
    given = {
        "network": account.network,
        "account_id": account.account_id,
        "entity": entity_id,
        "moments": list(moments),
    }
    return {row.consensus_timestamp for row in _STORED_AT.run(session, given).fetchall()}


def unvalued(session: Session, *, most: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (organization, transfer) of money that waits for a rate of its time, of any organization."""
    return [(row.organization_id, row.transfer_id) for row in _UNVALUED.run(session, {"most": most}).fetchall()]


def _own_link(session: Session, organization_id: uuid.UUID, code: str | None) -> uuid.UUID | None:
    row: Any = _LINK.run(session, {"org": organization_id, "code": code}).fetchone() if code else None
    return None if row is None else uuid.UUID(str(row.id))


def _stored(row: Any) -> StoredTransfer:
    return StoredTransfer(
        **{name: getattr(row, name) for name in _COLUMNS.split(", ") if name not in {"amount", "concern"}},
        asset_amount=int(row.amount),
        concern=TransferConcern(row.concern) if row.concern else None,
    )


def _evidence(record: TransactionRecord, moved: Movement, account_id: str) -> dict[str, object]:
    """Return the record without what is not ours: other people's lines only of the asset that moved."""
    if moved.kind == "hts":
        lines = [[one.account, one.amount_units] for one in record.token_transfers if one.token_id == moved.entity_id]
    elif moved.kind == "nft":
        lines = [
            [one.sender, one.receiver, one.serial_number]
            for one in record.nft_transfers
            if one.token_id == moved.entity_id and account_id in {one.sender, one.receiver}
        ]
    else:
        lines = [[one.account, one.amount_units] for one in record.transfers] if moved.kind == "native" else []
    return {
        "consensus_timestamp": record.consensus_timestamp,
        "transaction_id": record.transaction_id,
        "transaction_hash": record.transaction_hash,
        "name": record.name,
        "entity_id": record.entity_id,
        "charged_fee": record.charged_fee_units,
        "parent_consensus_timestamp": record.parent_consensus_timestamp,
        "memo_base64": record.memo_base64,
        "lines": lines,
        "staking_rewards": [[one.account, one.amount_units] for one in record.staking_rewards],
    }


def _tell(transfer: StoredTransfer) -> None:
    about = {"transfer": transfer.reference, "organization_id": str(transfer.organization_id)}
    log.info(
        "transfer.stored", direction=transfer.direction, asset=transfer.asset, units=transfer.asset_amount, **about
    )
    if transfer.direction != "IN":
        return
    if transfer.concern is TransferConcern.FOREIGN_MEMO:
        log.error("alert.foreign_memo", **about)
    if transfer.asset is None:
        log.error("alert.unknown_token", entity_id=transfer.entity_id, kind=transfer.kind, **about)
