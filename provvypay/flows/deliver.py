"""Deliver the outbox: each topic's effects outside PostgreSQL, at least once, each safe to repeat."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows import live, stripe_payment
from provvypay.kit.db import transaction
from provvypay.services import checkout, outbox, payment_links
from provvypay.services.outbox import ClaimedMessage

log = structlog.get_logger(__name__)


BATCH = 20
MOST_BATCHES = 50
"""a run ends at some time, however fast messages come; the next ring or sweep goes on"""


def relay_outbox() -> int:
    """Deliver what is due, batch by batch; return how many messages were taken."""
    taken = 0
    for _ in range(MOST_BATCHES):
        with transaction() as session:
            messages = outbox.claim(session, most=BATCH)
        for message in messages:
            _deliver(message)
        taken += len(messages)
        if len(messages) < BATCH:
            break
    return taken


def _deliver(message: ClaimedMessage) -> None:
    try:
        _TOPICS[message.topic](message)
    except Exception as error:
        expected = isinstance(error, ProvvypayError)
        log.log(
            30 if expected else 40,
            "outbox.failed",
            id=message.id,
            topic=message.topic,
            exc_info=not expected,
            error=str(error),
        )
        with transaction(message.organization_id) as session:
            if outbox.fail(session, message, f"{type(error).__name__}: {error}"):
                log.error("outbox.dead", id=message.id, topic=message.topic)  # noqa: TRY400 - logged above with its traceback
        return
    with transaction(message.organization_id) as session:
        outbox.finish(session, message)


def _close_link(message: ClaimedMessage) -> None:
    """End the card pages of a link that is paid, expired, canceled or changed; its own page changes too."""
    link_id = uuid.UUID(message.payload["link_id"])
    with transaction(message.organization_id) as session:
        sessions = checkout.open_sessions(session, link_id)
        short_code = payment_links.get(session, link_id).short_code
    stripe_payment.end_sessions_of(sessions)
    live.touch(short_code)


def _renew_card_page(message: ClaimedMessage) -> None:
    """End the card page of a link that says something else by now; the next click makes another.

    :raises Unavailable: while a page is being made from what the link said before; tried again later
    """
    link_id = uuid.UUID(message.payload["link_id"])
    with transaction(message.organization_id) as session:
        in_the_making = checkout.is_being_made(session, link_id)
    _close_link(message)
    if in_the_making:
        raise Unavailable(f"a card page of link {link_id} is being made")


def _touch_link(message: ClaimedMessage) -> None:
    """Let the page of the link show what happened; money that names no link has no page."""
    if "link_id" not in message.payload:
        return
    with transaction(message.organization_id) as session:
        short_code = payment_links.get(session, uuid.UUID(message.payload["link_id"])).short_code
    live.touch(short_code)


_TOPICS: dict[str, Callable[[ClaimedMessage], None]] = {
    "link.paid": _close_link,
    "link.closed": _close_link,
    "link.changed": _renew_card_page,
    "card.paused": _close_link,
    "payment.exception": _touch_link,
}
