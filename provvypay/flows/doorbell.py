"""Ring for the workers after a commit; a lost ring is found by the clock's sweep."""

from __future__ import annotations

import time
import uuid

from sqlalchemy.orm import Session

from provvypay.kit import queue
from provvypay.kit.db import on_commit

# A killed worker's job keeps its id for a minute or more, so a sweep's ring carries the time it was rung in.
_BUCKET_SECONDS = 10


def outbox_after_commit(session: Session) -> None:
    """Let a worker deliver what this transaction leaves in the outbox."""
    on_commit(session, ring_outbox)


def ring_outbox() -> bool:
    """Ring for the outbox now; say whether Redis took it."""
    return queue.ring("default", "provvypay.jobs.messages.relay_outbox", job_id=f"outbox-{uuid.uuid4().hex}")


def ring_claim(organization_id: uuid.UUID, claim_id: uuid.UUID) -> bool:
    """Ring for one reported transaction; say whether Redis took it."""
    function = "provvypay.jobs.hedera.check_claim"
    return queue.ring("hedera", function, str(organization_id), str(claim_id), job_id=f"claim-{claim_id}")


def ring_inbox(row_id: uuid.UUID, *, again: bool = False) -> bool:
    """Ring for one event; say whether Redis took it.

    :param again: the sweep's ring, which must not be taken for the first one
    """
    suffix = f"-{int(time.time()) // _BUCKET_SECONDS}" if again else ""
    return queue.ring("payments", "provvypay.jobs.messages.handle_event", str(row_id), job_id=f"inbox-{row_id}{suffix}")
