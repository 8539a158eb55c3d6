"""What people may do about held money, in words: one table for the exception's page, the question and the history."""

from __future__ import annotations

from dataclasses import dataclass

from provvypay.domain.statuses import CorrectionAction, RequestState, ResolutionAction
from provvypay.services.corrections.desk import Happened
from provvypay.services.corrections.requests import ANSWERED, WAITS
from provvypay.web.formatting import money


@dataclass(frozen=True, slots=True)
class Words:
    """How one decision reads."""

    icon: str
    name: str
    """as an answer to "What should happen to it?" """
    note: str
    button: str
    done: str
    """what is said once it is done"""


DECISIONS: dict[str, Words] = {
    ResolutionAction.ACCEPTED: Words(
        "circle-check",
        "Accept it and mark the link as paid",
        "It settles the link it came for; what is too much stays the customer’s credit",
        "Accept and mark as paid",
        "Accepted. The link is paid.",
    ),
    ResolutionAction.APPLIED: Words(
        "link",
        "Use it for another link",
        "It settles a link in the same currency; what is too much stays the customer’s credit",
        "Use it for this link",
        "Done. The link is paid.",
    ),
    ResolutionAction.MATCHED: Words(
        "link",
        "It is for one of your links",
        "It leaves suspense, and settles that link if it is enough",
        "Match it with this link",
        "Matched with the link.",
    ),
    ResolutionAction.KEPT: Words(
        "inbox",
        "Keep it as the customer’s credit",
        "It stays in 2100 Customer Credits; you can still use it or send it back later",
        "Keep it as a credit",
        "Kept as the customer’s credit.",
    ),
    ResolutionAction.WRITTEN_OFF: Words(
        "circle-minus",
        "Write it off as a small difference",
        "It becomes yours, in 6120 Small Differences",
        "Write it off",
        "Written off.",
    ),
    ResolutionAction.OWN_TRANSFER: Words(
        "swap",
        "It is your own money",
        "You moved it here yourselves: it leaves suspense for 1000 Bank",
        "It is our own money",
        "Booked as your own transfer.",
    ),
    ResolutionAction.IGNORED: Words(
        "ban",
        "Leave it as it is, with a reason",
        "No book shows it; it leaves this list",
        "Leave it as it is",
        "Left as it is.",
    ),
}

REQUESTED: dict[str, str] = {
    CorrectionAction.ACCEPT: "Accept money that was held, and mark its link as paid",
    CorrectionAction.APPLY: "Use a credit for another link",
    CorrectionAction.MATCH: "Match money of unknown purpose with a link",
    CorrectionAction.OWN_TRANSFER: "Book money of unknown purpose as your own transfer",
    CorrectionAction.MARK_PAID: "Mark a link as paid by hand",
    CorrectionAction.UNDO_MARK: "Undo that a link was marked as paid",
}

# What members are told of requests, by the kind of the notification.
CORRECTIONS = {
    WAITS: "Approve a correction of {amount}?",
    ANSWERED[RequestState.APPROVED]: "Your correction of {amount} was approved",
    ANSWERED[RequestState.REJECTED]: "Your correction of {amount} was declined",
}

METHODS = {
    "BANK_TRANSFER": "Bank transfer",
    "CASH": "Cash",
    "CHEQUE": "Cheque",
    "OTHER": "Another way",
}

# kind of a line in the history → icon, tone, what
_HAPPENED = {
    "COMPLETED": ("check", "good", "Settled its link together with the rest"),
    "VALUED": ("check", None, "A rate of its time came, so it counts"),
    ResolutionAction.ACCEPTED: ("circle-check", "good", "Accepted"),
    ResolutionAction.APPLIED: ("link", "good", "Used for another link"),
    ResolutionAction.MATCHED: ("link", "good", "Matched with a link"),
    ResolutionAction.KEPT: ("inbox", None, "Kept as a customer’s credit"),
    ResolutionAction.WRITTEN_OFF: ("circle-minus", None, "Written off as a small difference"),
    ResolutionAction.OWN_TRANSFER: ("swap", None, "Booked as your own transfer"),
    ResolutionAction.IGNORED: ("ban", None, "Left as it is"),
    "ASKED_WAITING": ("clock", "warn", "Waits for somebody to approve it"),
    "ASKED_REJECTED": ("circle-cross", None, "Declined"),
    "ASKED_WITHDRAWN": ("undo", None, "Taken back before it was approved"),
    "COMMENT": ("pencil", None, "Comment"),
}


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the history, as the timeline draws it."""

    icon: str
    tone: str | None
    what: str
    detail: str | None
    at: object
    step: str = "done"


def line(one: Happened) -> HistoryLine:
    """Return how something decided, asked or said about an exception reads."""
    icon, tone, what = _HAPPENED[one.kind]
    if one.kind == "COMMENT":
        return HistoryLine(icon, tone, f"{one.who} wrote", one.words, one.at)
    parts = []
    if one.amount_minor and one.currency:
        parts.append(money(one.amount_minor, one.currency))
    if one.link and one.kind not in {"COMPLETED", ResolutionAction.WRITTEN_OFF}:
        parts.append(f"for {one.link}")
    if one.who:
        parts.append(f"by {one.who}")
    if one.approved_by:
        verb = (
            "declined" if one.kind == "ASKED_REJECTED" else "taken back" if one.kind.endswith("DRAWN") else "approved"
        )
        parts.append(f"{verb} by {one.approved_by}")
    sentence = " ".join(parts)
    detail = ". ".join(filter(None, (sentence[:1].upper() + sentence[1:], one.words))) or None
    return HistoryLine(icon, tone, what, detail, one.at)
