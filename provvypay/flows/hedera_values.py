"""Money that came when no rate of its time was known: tried again until one is, or none can come any more."""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy.orm import Session

from provvypay.domain.hedera_memos import named_code
from provvypay.domain.rates import RateTable
from provvypay.errors import ProvvypayError
from provvypay.flows import doorbell, live
from provvypay.flows.current_rates import current_rates
from provvypay.kit.db import in_transaction, on_commit, transaction
from provvypay.services import crypto_settlement, hedera_transfers

log = structlog.get_logger(__name__)

AT_ONCE = 200


def value_again() -> int:
    """Try again to value what could not be valued; return how many were tried."""
    with transaction() as session:
        waiting = hedera_transfers.unvalued(session, most=AT_ONCE)
    rates = current_rates() if waiting else RateTable()
    for organization_id, transfer_id in waiting:
        try:
            _value(organization_id, transfer_id, rates)
        except ProvvypayError as error:
            log.warning("value.waits", transfer=str(transfer_id), code=error.code, error=str(error))
    return len(waiting)


def _value(organization_id: uuid.UUID, transfer_id: uuid.UUID, rates: RateTable) -> None:
    def work(session: Session) -> None:
        transfer = hedera_transfers.get(session, transfer_id)
        if transfer is None:
            return
        applied = crypto_settlement.value_again(session, transfer, rates)
        code = named_code((transfer.memo or "").encode())
        if applied.result is not None and code:
            on_commit(session, lambda: live.touch(code))
            doorbell.outbox_after_commit(session)

    in_transaction(work, organization_id)
