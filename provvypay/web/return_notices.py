"""What members are told of money that goes back, in words: one title and one sentence for each kind."""

from __future__ import annotations

from provvypay.services import return_words
from provvypay.services.notifications import Told

_TITLES = {
    "refund.waits": "Approve a refund of {amount}?",
    "refund.external": "{amount} refunded in Stripe’s dashboard",
    "refund.canceled": "A refund of {amount} was canceled",
    "refund.sent": "{amount} refunded in tokens",
    "dispute.opened": "{amount} is disputed",
    "dispute.inquiry": "A bank inquires about {amount}",
    "dispute.inquiry_closed": "An inquiry is closed",
    "dispute.warning": "A card network warns of fraud",
    "dispute.won": "You won a dispute over {amount}",
    "dispute.lost": "You lost a dispute over {amount}",
}
_SENTENCES = {
    "refund.waits": "Somebody asked for it; it is sent when you approve it.",
    "refund.external": "It is booked here, and counts as refunded.",
    "refund.sent": "Your transfer was seen on Hedera; it is booked.",
    "refund.canceled": "It was canceled in Stripe’s dashboard. Your customer does not have the money.",
    "dispute.opened": "{why}. The money and a fee were withdrawn; hand in evidence at Stripe’s dashboard.",
    "dispute.inquiry": "{why}. No money has moved; answering it may avoid a dispute.",
    "dispute.inquiry_closed": "It did not become a dispute.",
    "dispute.warning": "{why}. No money has moved; refunding it may avoid a dispute.",
    "dispute.won": "The money is back with Stripe.",
    "dispute.lost": "The money stays with your customer; that is final.",
}


def words(told: Told, amount: str) -> tuple[str, str] | None:
    """Return title and sentence, or None for what is not of money that goes back.

    :param amount: as people read it
    """
    title = _TITLES.get(told.kind)
    if title is None:
        return None
    why = return_words.disputed(told.data.get("reason"))
    sentence = _SENTENCES[told.kind].format(why=why[:1].upper() + why[1:])
    return title.format(amount=amount), f"{told.data['description']}. {sentence}"
