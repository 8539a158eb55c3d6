"""A token transfer as we stored it: what the mirror node said, read for one merchant's account."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from provvypay.domain.statuses import TransferConcern


@dataclass(frozen=True, slots=True)
class StoredTransfer:
    """One row of hedera_transfers, as much as its settlement needs."""

    id: uuid.UUID
    organization_id: uuid.UUID
    hedera_account_id: uuid.UUID
    network: str
    account_id: str
    direction: str
    """IN, OUT or SELF"""
    consensus_timestamp: str
    """seconds.nanoseconds"""
    transaction_id: str
    """in the mirror node's form"""
    kind: str
    """native, hts, erc20 or nft"""
    entity_id: str
    asset: str | None
    """by the registry; None for a token that is not ours"""
    asset_amount: int
    """smallest units"""
    memo: str | None
    sender: str | None
    link_id: uuid.UUID | None
    """the organization's link that the memo names"""
    concern: TransferConcern | None

    @property
    def happened_at(self) -> dt.datetime:
        """Return the consensus time, cut to microseconds: never later than it was."""
        seconds, nanoseconds = self.consensus_timestamp.split(".")
        return dt.datetime.fromtimestamp(int(seconds), dt.UTC) + dt.timedelta(microseconds=int(nanoseconds) // 1000)

    @property
    def reference(self) -> str:
        """Return what identifies the money worldwide: record, receiver and token, for several records share an id."""
        return f"{self.network}:{self.consensus_timestamp}:{self.account_id}:{self.entity_id}"
