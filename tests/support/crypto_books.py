"""What tests of crypto payments ask of time and of the books."""

from __future__ import annotations

from typing import Any

from provvypay.models.payment_link import PaymentLink
from tests.support.database import Observer
from tests.support.hedera import unguarded

DUE = 120_50
HBAR = DUE * 10**6 * 4
"""tinybar at 0.25"""


def ended(observer: Observer, link: PaymentLink, *, seconds_ago: float) -> None:
    observer.sql(
        "UPDATE payment_links SET expires_at = clock_timestamp() - make_interval(secs => :ago) WHERE id = :id",
        ago=seconds_ago, id=link.id,
    )  # fmt: skip


def quotes_end(observer: Observer, link: PaymentLink, *, seconds_ago: float) -> None:
    """Let the link's quotes have been given and have ended earlier."""
    unguarded(
        observer,
        "UPDATE payment_attempts SET created_at = clock_timestamp() - make_interval(secs => :ago + 300),"
        " expires_at = clock_timestamp() - make_interval(secs => :ago) WHERE link_id = :id",
        ago=seconds_ago, id=link.id,
    )  # fmt: skip


def held(observer: Observer, link: PaymentLink) -> list[tuple[str, Any, str]]:
    """Return what is held of the organization's money: kind, amount, and on which account."""
    rows = observer.sql(
        "SELECT kind, amount_minor, held_in FROM payment_exceptions WHERE organization_id = :org AND state = 'OPEN'"
        " ORDER BY id",
        org=link.organization_id,
    )
    return [tuple(row) for row in rows]  # type: ignore[misc]
