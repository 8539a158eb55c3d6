"""Tell what happened to a link in plain words: its steps and its money events as one timeline, newest first."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import claim_answers
from provvypay.domain.assets import ASSETS
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.services import declines, return_words
from provvypay.services.numbers import receipt_number
from provvypay.services.pay_tokens import plain
from provvypay.services.told import Told
from provvypay.services.told import money as _money


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One line of a timeline."""

    icon: str
    tone: str | None
    """good, warn, bad or accent; None for what is neither"""
    what: str
    detail: str | None
    at: dt.datetime | None
    """when it happened at its source; None for what is waited for"""
    step: str
    """done, now or next"""


def _by(row: Any) -> str | None:
    return f"By {row.actor_name}" if row.actor_name else None


def _by_with_reason(row: Any) -> str | None:
    return f"By {row.actor_name}: {row.reason}" if row.actor_name else None


def _settled(row: Any) -> str | None:
    facts = row.data
    if not facts:
        return None
    how = " by card" if facts.get("provider") == "STRIPE" else f" in {facts['asset']}" if facts.get("asset") else ""
    receipt = f", receipt {receipt_number(row.settlement_id)}" if row.settlement_id else ""
    return f"{_money(facts, 'amount_minor')}{how}{receipt}"


def _declined(row: Any) -> str:
    why = declines.reason(str(row.data.get("reason", "")))
    return f"By the customer’s bank{f': {why}' if why else ''}. Nothing was charged."


def _paused(row: Any) -> str:
    return f"{row.data['declines']} cards were declined in a row, so none is taken for 30 minutes. Nothing was charged."


def _held(row: Any) -> str:
    if not row.data.get("amount_minor"):
        return "It is in your Hedera account, has no value yet, and waits in Exceptions."
    where = "2190 Suspense" if row.data.get("held_in") == "2190" else "2100 Customer Credits"
    waits = "waits for the rest" if row.data.get("kind") == ExceptionKind.SHORT else "waits in Exceptions"
    tokens = ""
    if row.data.get("asset_amount"):  # of what is over, only a part is held
        over = row.data.get("kind") == ExceptionKind.OVER
        tokens = f"Of {_tokens(row.data)}, " if over else f"{_tokens(row.data)}, worth "
    return f"{tokens}{_money(row.data, 'amount_minor')} is safe in {where} and {waits}."


def _quoted(row: Any) -> str:
    facts = row.data
    rate = f"1 {facts['asset']} = {facts['currency']} {plain(Decimal(facts['rate']))}"
    return f"{_tokens(facts)} for {_money(facts, 'amount_minor')}, at {rate}."


def _fee(row: Any) -> str:
    return _money(row.data, "fee_minor")


def _fee_adjusted(row: Any) -> str:
    return f"{_money(row.data, 'before_minor')} before, {_money(row.data, 'fee_minor')} now"


def _transaction(row: Any) -> str:
    sentence = claim_answers.sentence_for(str(row.data.get("answer", "")))
    return " ".join(filter(None, (str(row.data.get("transaction_id", "")), sentence)))


def _nothing(_row: Any) -> None:
    return None


def _says(sentence: str) -> Callable[[Any], str | None]:
    return lambda _row: sentence


# The one table of events: kind → icon, tone, words. docs/reference/events.md names the kinds.
_TOLD: dict[str, Told] = {
    "link.drafted": Told("pencil", None, "Draft saved", _by),
    "link.opened": Told("link", None, "Link opened", _by),
    "link.discarded": Told("ban", None, "Draft discarded", _by),
    "link.canceled": Told("ban", None, "Link canceled", _by),
    "link.expired": Told("hourglass", None, "Expired unpaid", _nothing),
    "link.paid": Told("circle-check", "good", "Paid and booked", _settled),
    "link.paid_in_time_seen_late": Told("circle-check", "good", "Paid in time, seen after the end", _settled),
    "link.paid_within_grace": Told("circle-check", "good", "Paid late, within the time you grant", _settled),
    "link.late_payment_accepted": Told("circle-check", "good", "Late payment accepted", _by_with_reason),
    "link.marked_paid": Told("circle-check", "good", "Marked as paid by hand", _by_with_reason),
    "link.mark_undone": Told("undo", None, "Mark as paid taken back", _by_with_reason),
    "checkout.started": Told("card", None, "Customer went to Stripe’s page", _nothing),
    "checkout.expired": Told("clock", None, "Stripe’s page ended unpaid", _nothing),
    "card.declined": Told("circle-cross", None, "Card declined", _declined),
    "card.paused": Told("alert", "warn", "Card payments paused", _paused),
    "payment.processing": Told(
        "clock", "accent", "Payment on its way", _says("The customer’s bank confirms it later; nothing is booked yet.")
    ),
    "payment.failed": Told(
        "circle-cross",
        None,
        "Payment did not arrive",
        _says("The customer’s bank did not send it. Nothing was charged."),
    ),
    "quote.given": Told("wallet", None, "Customer chose a token and was given a price", _quoted),
    "transfer.claimed": Told("info", None, "A transaction was reported", _transaction),
    "transfer.found": Told("circle-check", None, "The reported transaction was found", _transaction),
    "transfer.refused": Told("circle-cross", None, "The reported transaction does not pay this link", _transaction),
    "fee.booked": Told("book", None, "Processor fee booked", _fee),
    "fee.adjusted": Told("book", None, "Processor fee adjusted", _fee_adjusted),
    **return_words.TOLD,
}
_HELD: dict[str, tuple[str, str]] = {
    ExceptionKind.DOUBLE: ("double", "Paid a second time"),
    ExceptionKind.LATE: ("clock", "Money arrived too late"),
    ExceptionKind.MISMATCH: ("circle-alert", "Another amount arrived"),
    ExceptionKind.SHORT: ("circle-minus", "A part was received"),
    ExceptionKind.OVER: ("circle-plus", "More was paid than was due"),
    ExceptionKind.WRONG_TOKEN: ("swap", "Another token arrived"),
    ExceptionKind.UNCONFIRMED: ("circle-question", "A payment arrived that needs to be confirmed"),
    ExceptionKind.UNKNOWN_TOKEN: ("circle-alert", "A token arrived that we do not know"),
    ExceptionKind.UNVALUED: ("clock", "Seen on Hedera, waiting for a rate"),
}

# A settlement writes a step and a money event at once; they are told as one, the step with the event's facts. The order
# is that in which we learned of things: Stripe's clock counts whole seconds and is not ours.
_EVENTS = text("""
    SELECT e.event, e.reason, u.name AS actor_name, e.effective_at AS at, e.created_at, e.seq, m.data,
        CASE WHEN e.to_status = 'PAID' THEN s.id END AS settlement_id
    FROM link_status_events e
    LEFT JOIN users u ON u.id = e.actor_id
    LEFT JOIN settlements s ON s.link_id = e.link_id AND s.organization_id = e.organization_id AND s.voided_at IS NULL
    LEFT JOIN LATERAL (
        SELECT p.data FROM payment_events p
        WHERE p.organization_id = :org AND p.link_id = :id AND p.kind = 'payment.settled' AND e.to_status = 'PAID'
        ORDER BY p.created_at DESC LIMIT 1) AS m ON true
    WHERE e.organization_id = :org AND e.link_id = :id
    UNION ALL
    SELECT p.kind, '', NULL, p.occurred_at, p.created_at, 0, p.data, NULL FROM payment_events p
    WHERE p.organization_id = :org AND p.link_id = :id AND p.kind <> 'payment.settled'
    ORDER BY created_at DESC, seq DESC
""")


def steps(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID, status: str) -> list[TimelineStep]:
    """Return the timeline of a link, newest first; for an open link it begins with what is waited for.

    :param status: the link's
    """
    told = [_tell(row) for row in session.execute(_EVENTS, {"org": organization_id, "id": link_id})]
    if status == LinkStatus.OPEN:
        told.insert(0, _WAITING)
    return told


_WAITING = TimelineStep(
    "circle-dot", "accent", "Waiting for the payment", "This page turns by itself when it arrives.", None, "now"
)


def _tell(row: Any) -> TimelineStep:
    if row.event == "payment.held":
        icon, what = _HELD.get(str(row.data.get("kind")), ("circle-alert", "Money is held"))
        return TimelineStep(icon, "warn", what, _held(row), row.at, "done")
    told = _TOLD.get(row.event)
    if told is None:
        # A kind this version does not know yet (a newer process wrote it) is shown by its name rather than hidden.
        return TimelineStep(
            "info", None, row.event.replace(".", ": ").replace("_", " ").capitalize(), None, row.at, "done"
        )
    return TimelineStep(told.icon, told.tone, told.what, told.detail(row), row.at, "done")


def _tokens(data: dict[str, Any]) -> str:
    asset = str(data["asset"])
    return f"{Decimal(int(data['asset_amount'])).scaleb(-ASSETS[asset].decimals):,f} {asset}"
