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
    """the link was paid already"""
    LATE = "LATE"
    """after the link had ended"""
    MISMATCH = "MISMATCH"
    """by card: another amount or currency than the session asked for"""
    SHORT = "SHORT"
    """less than what is due: it waits for the rest"""
    OVER = "OVER"
    """what came on top of a payment that settled"""
    WRONG_TOKEN = "WRONG_TOKEN"  # noqa: S105 - a token of money, not a secret
    """a token the customer was given no quote for"""
    UNCONFIRMED = "UNCONFIRMED"
    """sent in a way that needs a person to confirm what it was for"""
    NO_MEMO = "NO_MEMO"
    """names no link"""
    UNKNOWN_MEMO = "UNKNOWN_MEMO"
    """names a link that is not this merchant's"""
    UNKNOWN_TOKEN = "UNKNOWN_TOKEN"  # noqa: S105 - a token of money, not a secret
    """a token we do not know, or an NFT: stored, booked nowhere"""
    UNVALUED = "UNVALUED"
    """no rate of its time yet, or less than a minor unit: stored, booked once it can be"""
    FAILED_REFUND = "FAILED_REFUND"
    """a refund that had succeeded came back: the customer does not have the money"""
    OVER_REFUNDED = "OVER_REFUNDED"
    """the provider reports more going back than was received"""
    REFUND_MISMATCH = "REFUND_MISMATCH"
    """tokens went out for a refund otherwise than agreed, or once more: the transfer is a fact, and in no book"""


class ResolutionAction(StrEnum):
    """What was decided about held money."""

    COMPLETED = "COMPLETED"
    """a part that a later payment completed"""
    VALUED = "VALUED"
    """a rate came: the money became a payment"""
    ACCEPTED = "ACCEPTED"
    """it settles the link it was for, late or otherwise than asked"""
    APPLIED = "APPLIED"
    """it settles another link"""
    MATCHED = "MATCHED"
    """money that named no link was for this one"""
    KEPT = "KEPT"
    """it stays the customer's credit"""
    WRITTEN_OFF = "WRITTEN_OFF"
    """a small difference"""
    OWN_TRANSFER = "OWN_TRANSFER"
    """the merchant's own money"""
    IGNORED = "IGNORED"
    """what no book shows, and nobody will do anything about"""


class CorrectionAction(StrEnum):
    """What may need a second person."""

    ACCEPT = "ACCEPT"
    APPLY = "APPLY"
    MATCH = "MATCH"
    OWN_TRANSFER = "OWN_TRANSFER"
    MARK_PAID = "MARK_PAID"
    UNDO_MARK = "UNDO_MARK"


class RequestState(StrEnum):
    """How far a correction came that needs a second person."""

    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class TransferConcern(StrEnum):
    """Why a transfer may not settle a link by itself, although its memo names one."""

    CHILD = "CHILD"
    """moved by a contract within another transaction"""
    CONTRACT = "CONTRACT"
    """sent by a contract, or by a wallet that speaks to one"""
    AIRDROP = "AIRDROP"
    BATCH = "BATCH"
    DOUBLED_LINES = "DOUBLED_LINES"
    """the record lists the same line twice"""
    OTHER_KIND = "OTHER_KIND"
    FOREIGN_MEMO = "FOREIGN_MEMO"
    """names a link of somebody else"""


class RefundState(StrEnum):
    """How far a refund has come."""

    CREATED = "CREATED"
    """asked for; waits for somebody who may approve it"""
    SUBMITTED = "SUBMITTED"
    """on its way to the provider, whose answer is not known yet"""
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def goes_back(self) -> bool:
        """Say whether its money goes back, or has."""
        return self not in {RefundState.FAILED, RefundState.CANCELED}


class RateChoice(StrEnum):
    """By which rate a refund in tokens is reckoned."""

    RATE_THEN = "RATE_THEN"
    """the payment's own: its share of the tokens that came"""
    RATE_NOW = "RATE_NOW"
    """the accepted one of when it was asked for"""
    SURPLUS_ONLY = "SURPLUS_ONLY"
    """all that is held of the payment, at its own rate"""


class DisputeState(StrEnum):
    """How far a dispute has come; a warning moves no money."""

    EARLY_WARNING = "EARLY_WARNING"
    WARNING_NEEDS_RESPONSE = "WARNING_NEEDS_RESPONSE"
    WARNING_UNDER_REVIEW = "WARNING_UNDER_REVIEW"
    WARNING_CLOSED = "WARNING_CLOSED"
    NEEDS_RESPONSE = "NEEDS_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    LOST = "LOST"

    @property
    def is_inquiry(self) -> bool:
        """Say whether no money was withdrawn for it."""
        return self in {
            DisputeState.EARLY_WARNING,
            DisputeState.WARNING_NEEDS_RESPONSE,
            DisputeState.WARNING_UNDER_REVIEW,
            DisputeState.WARNING_CLOSED,
        }

    @property
    def is_open(self) -> bool:
        """Say whether it is undecided and money was withdrawn."""
        return self in {DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW}


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
