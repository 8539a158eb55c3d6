"""Deliver the outbox: each topic's effects outside PostgreSQL, at least once, each safe to repeat."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog

from provvypay.errors import ProvvypayError
from provvypay.flows import live, stripe_payment
from provvypay.kit.db import transaction
from provvypay.services import checkout, outbox, payment_links
from provvypay.services.outbox import ClaimedMessage

log = structlog.get_logger(__name__)


def relay_outbox() -> int:
    """Deliver what is due; return how many messages were taken."""
    with transaction() as session:
        messages = outbox.claim(session)
    for message in messages:
        _deliver(message)
    return len(messages)


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
    """Close a paid, expired or canceled link: nobody may pay it by card any more, and its page changes."""
    link_id = uuid.UUID(message.payload["link_id"])
    with transaction(message.organization_id) as session:
        sessions = checkout.open_sessions(session, link_id)
        short_code = payment_links.get(session, link_id).short_code
    stripe_payment.end_sessions_of(sessions)
    live.touch(short_code)


def _touch_link(message: ClaimedMessage) -> None:
    with transaction(message.organization_id) as session:
        short_code = payment_links.get(session, uuid.UUID(message.payload["link_id"])).short_code
    live.touch(short_code)


_TOPICS: dict[str, Callable[[ClaimedMessage], None]] = {
    "link.paid": _close_link,
    "link.closed": _close_link,
    "payment.exception": _touch_link,
}
