"""What a decision about held money will do: the journals it posts, shown before the button is pressed and then posted.

The same plan is shown and carried out, so that a preview cannot differ from what is posted but for what has changed
meanwhile; and that is found by the exception's version.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from provvypay.domain.payments import Completion
from provvypay.domain.statuses import ExceptionKind, LinkStatus, ResolutionAction
from provvypay.errors import Conflict
from provvypay.services import settlement_rows as rows
from provvypay.services import state_machine as steps
from provvypay.services import transfer_value as worth_of
from provvypay.services.corrections.held import Credit, NotPossible, Target, said
from provvypay.services.ledger import chart
from provvypay.services.ledger.postings import Draft, Line

Action = ResolutionAction

# Stands for the id of what does not exist yet, in a plan that is only shown.
NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision, thought through."""

    action: Action
    amount_minor: int
    """how much of the held money it uses; for what uses none, how much it is about"""
    drafts: tuple[Draft, ...] = ()
    """sources are NOBODY until it is carried out"""
    made_up: Completion | None = None
    """of a settlement: what the link's amount is made up of"""
    event: str = ""
    """of a settlement: the step the link takes"""
    target: Target | None = None
    left_minor: int = 0
    """what stays a credit of the customer"""
    value: worth_of.Worth | None = None
    """of a match: what the money was worth to the link when it came"""


class NotEnough(NotPossible):
    """The held money does not reach the link's amount."""

    code = "not_enough"

    def __init__(self, missing_minor: int, currency: str) -> None:
        """Take what is missing."""
        super().__init__(
            f"{missing_minor} {currency} missing",
            public_message=f"This is not enough for the link: {said(missing_minor, currency)} are missing.",
        )
        self.missing_minor = missing_minor


def settle_with(
    session: Session, credit: Credit, link: Target, *, write_off: bool, now: dt.datetime, action: Action
) -> Plan:
    """Plan to settle a link with held money: its own (ACCEPTED), or another one (APPLIED).

    Parts the link holds besides are used with it. What is missing may be written off up to 1.00; what is too much
    stays a credit.

    :raises NotPossible: when this money cannot settle this link, with why
    """
    _must_hold(credit, chart.CUSTOMER_CREDITS)
    if credit.currency != link.currency:
        raise NotPossible(
            f"{credit.currency} for a link in {link.currency}",
            public_message=f"This credit is in {credit.currency}, the link in {link.currency}.",
        )
    event = _step(link)
    others = tuple(
        part
        for part in rows.parts_of(session, credit.organization_id, link.id, link.currency)
        if part.exception_id != credit.id
    )
    due = link.amount_minor - sum(part.amount_minor for part in others)
    taken = min(credit.left_minor, due)
    missing = due - taken
    if missing and not (write_off and missing <= credit.small_minor):
        raise NotEnough(missing, link.currency)
    parts = (credit.part(taken), *others)
    made_up = Completion(link.amount_minor, parts, taken_minor=0, written_off_minor=missing)
    return Plan(
        action=action,
        amount_minor=taken,
        drafts=settlement_of_held(NOBODY, link, made_up, at=now),
        made_up=made_up,
        event=event,
        target=link,
        left_minor=credit.left_minor - taken,
    )


def settlement_of_held(
    settlement_id: uuid.UUID, link: Target, made_up: Completion, *, at: dt.datetime
) -> tuple[Draft, ...]:
    """Return the sale (1200 / 4000) and the payment (2100 and 6120 / 1200) of a settlement by held money alone."""
    sale = Draft(
        kind="SALE",
        source_type="SETTLEMENT",
        source_id=settlement_id,
        currency=link.currency,
        effective_at=at,
        description=f"Sale: {link.title}",
        link_id=link.id,
        lines=(
            Line(chart.RECEIVABLE, "DEBIT", made_up.amount_minor),
            Line(chart.REVENUE, "CREDIT", made_up.amount_minor),
        ),
    )
    lines = (
        Line(chart.CUSTOMER_CREDITS, "DEBIT", made_up.held_minor),
        Line(chart.SMALL_DIFFERENCES, "DEBIT", made_up.written_off_minor),
        Line(chart.RECEIVABLE, "CREDIT", made_up.amount_minor),
    )
    payment = replace(
        sale,
        kind="PAYMENT",
        description=f"Paid from held money: {link.title}",
        lines=tuple(line for line in lines if line.amount_minor),
    )
    return sale, payment


def match(session: Session, credit: Credit, link: Target) -> Plan:
    """Plan to take money of unknown purpose for a link's: out of suspense, and anew in the link's currency.

    :raises NotPossible: when it names a link already, or no rate of its time is known
    """
    _must_hold(credit, chart.SUSPENSE)
    if credit.asset is None or credit.asset_amount is None or credit.occurred_at is None:
        raise NotPossible(f"exception {credit.id} holds no tokens", public_message="Only tokens are matched.")
    quotes = worth_of.quotes_of(session, credit.organization_id, link.id)
    worth = worth_of.by_quote(quotes, credit.asset, credit.asset_amount, credit.occurred_at)
    worth = worth or worth_of.by_rate(session, credit.asset, credit.asset_amount, link.currency, credit.occurred_at)
    if worth is None or worth.value_minor < 1:
        raise NotPossible(
            f"no rate of {credit.asset} in {link.currency} at {credit.occurred_at}",
            public_message=f"There is no rate of {credit.asset} in {link.currency} from the time the money came.",
        )
    back = Draft(
        kind="REVERSAL",
        source_type="JOURNAL",
        source_id=NOBODY,
        currency=credit.currency,
        effective_at=credit.occurred_at,
        description="Out of suspense: matched to a link",
        link_id=None,
        lines=(
            Line(chart.SUSPENSE, "DEBIT", credit.left_minor),
            Line(credit.clearing_account, "CREDIT", credit.left_minor, credit.asset, credit.asset_amount),
        ),
        reverses_id=NOBODY,
    )
    anew = Draft(
        kind="CREDIT",
        source_type="RESOLUTION",
        source_id=NOBODY,
        currency=link.currency,
        effective_at=credit.occurred_at,
        description=f"Held as customer credit: {link.title}",
        link_id=link.id,
        lines=(
            Line(credit.clearing_account, "DEBIT", worth.value_minor, credit.asset, credit.asset_amount),
            Line(chart.CUSTOMER_CREDITS, "CREDIT", worth.value_minor),
        ),
    )
    return Plan(Action.MATCHED, credit.left_minor, (back, anew), target=link, value=worth)


def keep(credit: Credit) -> Plan:
    """Plan to leave it what it is, a credit of the customer: nothing is posted."""
    _must_hold(credit, chart.CUSTOMER_CREDITS)
    return Plan(Action.KEPT, credit.left_minor, left_minor=credit.left_minor)


def write_off(credit: Credit, *, now: dt.datetime) -> Plan:
    """Plan to take a small difference as one's own: 2100 or 2190 / 6120.

    :raises NotPossible: for more than 1.00
    """
    if credit.held_in is None or not 0 < credit.left_minor <= credit.small_minor:
        most = said(credit.small_minor, credit.currency) if credit.currency else "1.00"
        raise NotPossible(
            f"{credit.left_minor} {credit.currency} is no small difference",
            public_message=f"Only up to {most} is written off as a small difference.",
        )
    return Plan(Action.WRITTEN_OFF, credit.left_minor, (_resolved(credit, "WRITE_OFF", chart.SMALL_DIFFERENCES, now),))


def own_transfer(credit: Credit, *, now: dt.datetime) -> Plan:
    """Plan to say that it was the merchant's own money: 2190 / 1000 Bank."""
    _must_hold(credit, chart.SUSPENSE)
    return Plan(Action.OWN_TRANSFER, credit.left_minor, (_resolved(credit, "OWN_TRANSFER", chart.BANK, now),))


def ignore(credit: Credit) -> Plan:
    """Plan to do nothing about what no book shows: an unknown token, dust, a matter that is settled elsewhere.

    :raises NotPossible: for money that stands in a book: that is somebody's
    """
    if credit.payment_id is not None:
        raise NotPossible(
            f"exception {credit.id} holds {credit.left_minor}",
            public_message="This money is booked and belongs to somebody: it cannot be ignored.",
        )
    if credit.state != "OPEN":
        raise NotPossible(f"exception {credit.id} is {credit.state}", public_message="This is resolved already.")
    return Plan(Action.IGNORED, 0)


def _resolved(credit: Credit, kind: str, account: str, now: dt.datetime) -> Draft:
    titles = {"WRITE_OFF": "Small difference written off", "OWN_TRANSFER": "Own transfer"}
    return Draft(
        kind=kind,
        source_type="RESOLUTION",
        source_id=NOBODY,
        currency=credit.currency,
        effective_at=now,
        description=titles[kind],
        link_id=credit.link_id,
        lines=(
            Line(str(credit.held_in), "DEBIT", credit.left_minor),
            Line(account, "CREDIT", credit.left_minor),
        ),
    )


def _must_hold(credit: Credit, account: str) -> None:
    if credit.held_in != account or credit.left_minor < 1:
        words = {chart.CUSTOMER_CREDITS: "credit", chart.SUSPENSE: "money of unknown purpose"}
        raise NotPossible(
            f"exception {credit.id} holds {credit.left_minor} in {credit.held_in}",
            public_message=f"There is no {words[account]} left here.",
        )


def _step(link: Target) -> str:
    """Return the step a person's decision makes a link take.

    :raises Conflict: for a link that cannot become PAID
    """
    if link.status is LinkStatus.OPEN:
        return steps.PAID
    if link.status in {LinkStatus.EXPIRED, LinkStatus.CANCELED}:
        return steps.LATE_PAYMENT_ACCEPTED
    raise Conflict(
        f"link {link.id} is {link.status}",
        code="link_not_payable",
        public_message=f"That link is {link.status.lower()}: no money settles it.",
    )


# Which decisions make sense, by why the money is held and where.
def possible(credit: Credit, link: Target | None) -> tuple[Action, ...]:
    """Return the decisions a person may take about held money, the likeliest first."""
    if credit.payment_id is None:
        return (Action.IGNORED,) if credit.state == "OPEN" else ()
    if credit.left_minor < 1:
        return ()
    if credit.held_in == chart.SUSPENSE:
        actions = [Action.MATCHED, Action.OWN_TRANSFER]
    else:
        settles = link is not None and link.status in {LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED}
        actions = [Action.ACCEPTED] if settles and credit.kind is not ExceptionKind.OVER else []
        actions += [Action.APPLIED, *([Action.KEPT] if credit.state == "OPEN" else [])]
    if credit.left_minor <= credit.small_minor:
        actions.append(Action.WRITTEN_OFF)
    return tuple(actions)
