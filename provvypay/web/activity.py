"""What happened, in words: one table of sentences for the dashboard's activity and for exceptions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from provvypay.services.overview import Happening
from provvypay.web.formatting import money


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One line as the templates draw it."""

    icon: str
    tone: str
    what: str
    detail: str
    at: dt.datetime
    step: str = "done"


# event → icon, tone, sentence; what is not here is no news for a merchant
_WORDS = {
    "link.opened": ("circle-dot", "accent", "Link opened"),
    "link.discarded": ("ban", "quiet", "Draft discarded"),
    "link.canceled": ("ban", "quiet", "Link canceled"),
    "link.expired": ("hourglass", "quiet", "Link expired"),
    "link.paid": ("circle-check", "good", "Paid"),
    "link.paid_in_time_seen_late": ("circle-check", "good", "Paid in time, seen late"),
    "link.paid_within_grace": ("circle-check", "good", "Paid late, within your grace"),
    "link.late_payment_accepted": ("circle-check", "good", "Late payment accepted"),
    "link.marked_paid": ("circle-check", "good", "Marked as paid"),
    "link.mark_undone": ("undo", "quiet", "Mark as paid undone"),
    "payment.held": ("alert", "warn", "Money held for you to decide"),
    "card.declined": ("circle-cross", "quiet", "Card declined by the bank"),
    "card.paused": ("alert", "warn", "Cards paused: many were declined"),
    "fee.booked": ("book", "quiet", "Fee booked"),
    "fee.adjusted": ("book", "quiet", "Fee adjusted"),
    "refund.booked": ("undo", "quiet", "Refunded"),
    "refund.sent": ("undo", "quiet", "Refunded in tokens"),
    "refund.recorded": ("undo", "quiet", "Refunded outside"),
    "refund.mismatch": ("circle-alert", "bad", "Tokens sent otherwise than agreed"),
    "refund.failed": ("circle-alert", "bad", "Refund failed"),
    "refund.external": ("undo", "warn", "Refunded in Stripe’s dashboard"),
    "dispute.opened": ("flag", "bad", "Payment disputed"),
    "dispute.inquiry": ("flag", "warn", "A bank inquires about a payment"),
    "dispute.won": ("circle-check", "good", "Dispute won"),
    "dispute.lost": ("circle-cross", "bad", "Dispute lost"),
}

_EXCEPTIONS = {
    "DOUBLE": "The link was paid already.",
    "LATE": "It arrived after the link had ended.",
    "MISMATCH": "The amount is not the link’s.",
    "SHORT": "A part of what is due; the rest is missing.",
    "OVER": "It came on top of what was due.",
    "WRONG_TOKEN": "The customer was given no price in this token.",
    "UNCONFIRMED": "It was sent in an unusual way; confirm what it was for.",
    "NO_MEMO": "It names no link.",
    "UNKNOWN_MEMO": "Its memo names none of your links.",
    "UNKNOWN_TOKEN": "It is in a token we do not know.",
    "UNVALUED": "There is no rate of its time yet.",
    "FAILED_REFUND": "A refund failed: your customer does not have this money.",
    "REFUND_MISMATCH": "Tokens went out for a refund otherwise than agreed.",
    "OVER_REFUNDED": "More goes back than was received.",
}


def describe(one: Happening) -> ActivityLine | None:
    """Return the line of an event, or None for one that is no news."""
    words = _WORDS.get(one.event)
    if words is None:
        return None
    icon, tone, what = words
    amount = money(one.amount_minor, one.currency)
    if one.event in {"fee.booked", "fee.adjusted"}:
        amount = money(int(one.data["fee_minor"]), str(one.data["currency"]))
    elif one.event.startswith(("payment.held", "refund.", "dispute.")) and one.data.get("amount_minor"):
        amount = money(int(one.data["amount_minor"]), str(one.data["currency"]))
    return ActivityLine(icon, tone, what, f"{one.description} · {amount}", one.at)


def exception_title(kind: str) -> str:
    """Return the sentence that says why money is held."""
    return _EXCEPTIONS.get(kind, "It needs your decision.")
