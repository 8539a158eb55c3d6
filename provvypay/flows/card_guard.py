"""The guard against card testing, where Redis and the network address come in; services/card_guard.py has the link's.

Stripe's page is not ours, so a declined card comes without an address. Remembered is who went to the card page of a
link last, as a keyed hash, for a day.
"""

from __future__ import annotations

import uuid

from provvypay.errors import Throttled
from provvypay.kit import cache, limiter
from provvypay.kit.limiter import Ask, Limit

CARD_DECLINES = Limit("card.declines", 10, 3600, first_wait=1800, longest_wait=14_400)
"""declined cards of one network on all links; a family behind one address has fewer"""

_DAY = 24 * 3600


class CardsPaused(Throttled):
    """Too many cards were declined here; for a while none is taken."""

    code = "cards_paused"
    public_message = "Too many cards were declined. Card payments pause for a while; nothing was charged."


def went_to_pay(link_id: uuid.UUID, visitor: str) -> None:
    """Remember who went to the card page of a link last.

    :param visitor: a keyed hash (web/limits.py)
    """
    cache.set_text(_key(link_id), visitor, seconds=_DAY)


def was_declined(link_id: uuid.UUID) -> None:
    """Count a declined card against whoever went to the link's card page last."""
    visitor = cache.get_text(_key(link_id))
    if visitor:
        limiter.ask(Ask(CARD_DECLINES, visitor))


def _key(link_id: uuid.UUID) -> str:
    return f"visitor:{limiter.subject_of(str(link_id))}"
