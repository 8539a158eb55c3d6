"""What the pay page can say: its faces, how a customer came to it, and the words for that.

Nothing here knows where it is read from; pay_view.py fills it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from provvypay.services.pay_tokens import NOTHING, Crypto


class Face(StrEnum):
    """What the page says at its first glance."""

    CHOOSE = "CHOOSE"
    SEND = "SEND"
    """a token was chosen: what to send where"""
    PROCESSING = "PROCESSING"
    PAID = "PAID"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    UNAVAILABLE = "UNAVAILABLE"

    @property
    def is_final(self) -> bool:
        """Say whether the page need not ask again: nothing happens to it by itself."""
        return self in {Face.PAID, Face.EXPIRED, Face.CANCELED}


class Came(StrEnum):
    """How a customer got to the page, where that is worth a word. A visit proves nothing, so none of it means PAID."""

    RETURNED = "returned"
    """from the hosted page, after paying there"""
    CANCELED = "canceled"
    """from the hosted page, without paying"""
    AWAY = "away"
    """the hosted page could not be opened: the card partner does not answer"""
    ENDED = "ended"
    """the hosted page could not be opened: the last one is just ending"""
    BUSY = "busy"
    """the hosted page was not opened: too many tries in a row"""
    PAUSED = "paused"
    """the hosted page was not opened: too many cards were declined from this network"""
    REFUSED = "refused"
    """the hosted page could not be opened: the card partner does not take it"""
    OFTEN = "often"
    """no price was given, no transaction looked up: too many tries in a row"""
    NOT_TAKEN = "not-taken"
    """no transaction is looked up: the payee takes no tokens, or too many were reported for this link"""
    NOT_OFFERED = "not-offered"
    """no price was given: the token is not offered any more"""


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid."""

    name: str
    monogram: str
    legal_name: str
    legal_id: str
    support_email: str


@dataclass(frozen=True, slots=True)
class PayLink:
    """What is asked for."""

    short_code: str
    amount_minor: int
    currency: str
    description: str
    reference: str
    expires_at: dt.datetime | None
    time_zone: str
    """the payee's; the page's times are in it"""
    return_url: str
    """where the receipt leads back to; https, or empty"""

    @property
    def return_host(self) -> str:
        """Return whose page that is, as its address spells it."""
        return urlsplit(self.return_url).hostname or ""


@dataclass(frozen=True, slots=True)
class Card:
    """Whether it can be paid by card, and if not, why."""

    available: bool
    reason: str | None
    paused_until: dt.datetime | None = None
    """when too many cards were declined on this link: until then it takes none"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof for the customer."""

    number: str
    paid_at: dt.datetime
    method: str
    reference: str
    """the provider's, by which the payee finds the payment"""
    refunded_minor: int = 0
    """what has gone back of it, in the link's currency"""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know before choosing."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PayPage:
    """Everything the page shows."""

    face: Face
    payee: Payee
    link: PayLink
    card: Card
    receipt: Receipt | None
    notice: Notice | None
    delayed: bool = False
    """while PROCESSING: the bank confirms this payment in days, not in seconds"""
    held: bool = False
    """whether money arrived that waits for the payee's decision: too late, a second time, or another amount"""
    crypto: Crypto = NOTHING
    """all about paying with a token"""
    may_turn: bool = False
    """whether its time is over and yet a token that was sent in time may still be seen: then it turns into a receipt"""

    @property
    def is_over(self) -> bool:
        """Say whether the page need not ask again."""
        return self.face is Face.PAID or (self.face.is_final and not self.crypto.waits and not self.may_turn)


NOTICES: dict[Came, Notice] = {
    Came.CANCELED: Notice("accent", "You came back without paying", "Nothing was charged. You can still pay below."),
    Came.AWAY: Notice(
        "warn",
        "The card page did not open",
        "Our card partner does not answer at the moment. Nothing was charged; try again in a minute.",
    ),
    Came.ENDED: Notice(
        "warn",
        "The card page did not open",
        "The last one has just ended. Nothing was charged; wait a few seconds, then try again.",
    ),
    Came.BUSY: Notice(
        "warn",
        "Wait a minute",
        "The card page was opened many times in a row. Nothing was charged; try again in a minute.",
    ),
    Came.PAUSED: Notice(
        "warn",
        "Card payments pause for your network",
        "Many cards were declined from it. Nothing was charged; try again later, or from another connection.",
    ),
    Came.OFTEN: Notice(
        "warn",
        "Wait a minute",
        "You tried this many times in a row. Nothing was charged; try again in a minute.",
    ),
    Came.NOT_TAKEN: Notice(
        "warn",
        "We did not look it up",
        "Too many transactions were reported for this link, or it takes no tokens any more. A payment that was made is"
        " seen all the same.",
    ),
    Came.NOT_OFFERED: Notice(
        "warn",
        "This token is not offered at the moment",
        "The list below says why. Choose another way, or come back later.",
    ),
    Came.REFUSED: Notice(
        "warn",
        "The card page did not open",
        "Our card partner did not accept this. Nothing was charged. We have been told and will look at it.",
    ),
}
