"""RQ entry points for stored messages."""

import uuid

from provvypay.flows import deliver, stripe_webhook


def handle_event(row_id: str) -> None:
    """Handle one event of the inbox."""
    stripe_webhook.handle(uuid.UUID(row_id))


def relay_outbox() -> None:
    """Deliver what is due in the outbox."""
    deliver.relay_outbox()
