"""The words for states, as stored, shown and documented (docs/reference/states.md)."""

from __future__ import annotations

from enum import StrEnum


class LinkStatus(StrEnum):
    """The merchant's five public states; NEW is where every history begins and is never seen."""

    NEW = "NEW"
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PAID = "PAID"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Say whether nothing more happens by itself."""
        return self in {LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED}


class PaymentOutcome(StrEnum):
    """What money did when it arrived; a fact of the payment, never changed."""

    SETTLED = "SETTLED"
    EXCEPTION = "EXCEPTION"


class ExceptionKind(StrEnum):
    """Why money could not settle a link by itself."""

    DOUBLE = "DOUBLE"
    LATE = "LATE"
    MISMATCH = "MISMATCH"


class SessionState(StrEnum):
    """A Checkout Session as we know it."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"


class Provider(StrEnum):
    """Who tells us of money."""

    STRIPE = "STRIPE"
    HEDERA = "HEDERA"
    MANUAL = "MANUAL"
