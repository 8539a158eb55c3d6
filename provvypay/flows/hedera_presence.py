"""Who is on a pay page that shows an account: for as long as somebody is, that account is read every two seconds.

Redis only hurries: without it the page's own poll brings the next reading forward each time.
"""

from __future__ import annotations

import uuid

from provvypay.kit import cache
from provvypay.kit.db import transaction
from provvypay.services import hedera_cursors

SECONDS = 30
"""A page polls more often than this; one that was closed is forgotten after it."""


def customer_is_watching(hedera_account_id: uuid.UUID) -> None:
    """Say that a page which shows this account is open. Called outside transactions, with every poll of the page."""
    before = cache.ask(lambda redis: redis.set(_key(hedera_account_id), "1", ex=SECONDS, get=True))
    if before is None:
        with transaction() as session:
            hedera_cursors.hurry(session, hedera_account_id)


def is_watched(hedera_account_id: uuid.UUID) -> bool:
    """Say whether somebody has such a page open."""
    return cache.get_text(_key(hedera_account_id)) is not None


def _key(hedera_account_id: uuid.UUID) -> str:
    return f"hedera:watched:{hedera_account_id}"
