"""The form of a refund: which payment, how much, why; and the question that shows what it will post."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from flask import Response
from flask_login import current_user

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.money import AmountRefused, format_plain, parse_amount
from provvypay.domain.roles import Permission
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services import refunds, return_views, return_words
from provvypay.services.refunds import RefundWish
from provvypay.services.returns import Returnable
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import render

_KEPT = ("refund_id", "payment", "seen", "how_much", "amount", "reason", "note")


@dataclass(frozen=True, slots=True)
class RefundedLink:
    """What the pages say of the link."""

    id: uuid.UUID
    description: str
    reference: str


def chosen(payments: list[Returnable], named: str) -> Returnable | None:
    """Return the payment a form is about: the one it names, or else the first of which something can go back."""
    for one in payments:
        if str(one.payment_id) == named:
            return one
    possible = [one for one in payments if one.is_refundable]
    return next(iter(possible or payments), None) if not named else None


def blank(payment: Returnable | None) -> FormState:
    """Return the form as it is first shown: all that is left."""
    return FormState({"how_much": "all", "amount": "", "reason": "requested_by_customer", "note": "", **fresh(payment)})


def fresh(payment: Returnable | None) -> dict[str, str]:
    """Return what a new form carries: its own id, its payment, and what it says can be refunded."""
    if payment is None:
        return {"refund_id": str(uuid7()), "payment": "", "seen": "0"}
    return {
        "refund_id": str(uuid7()),
        "payment": str(payment.payment_id),
        "seen": str(payment.available_minor),
    }


def state(fields: Fields, summary: str | None = None) -> FormState:
    """Return the form as it comes back."""
    return fields.state(*_KEPT, summary=summary)


def read(fields: Fields, payment: Returnable) -> RefundWish:
    """Read what a member asks for; what is wrong is noted in the fields.

    Whether so much is left is the service's to say: of a form that is sent twice only it knows the first.
    """
    how_much = fields.choice("how_much", ("all", "part"), "Choose how much.")
    amount = payment.available_minor
    if how_much == "part":
        amount = _amount(fields, payment)
    seen = fields.raw("seen")
    try:
        refund_id = uuid.UUID(fields.raw("refund_id"))
    except ValueError:
        refund_id = uuid7()
    return RefundWish(
        refund_id=refund_id,
        payment_id=payment.payment_id,
        amount_minor=amount,
        seen_available_minor=int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 15 else -1,
        reason=fields.choice("reason", tuple(return_words.REASONS), "Choose one of the reasons."),
        note=fields.text("note", most=250),
    )


def _amount(fields: Fields, payment: Returnable) -> int:
    try:
        amount = parse_amount(fields.raw("amount"), replace(CURRENCIES[payment.currency], least_minor=1))
    except AmountRefused as error:
        fields.refuse("amount", str(error))
        return 0
    return amount


def page(
    link: RefundedLink,
    payments: list[Returnable],
    form: FormState,
    payment: Returnable | None,
    http_status: int = 200,
) -> Response:
    """Show what went back of a link, with the form if something can."""
    with transaction(current_org.id) as session:
        went_back = return_views.of_link(session, current_org.id, link.id)
    may_request = current_org.allows(Permission.REFUNDS_REQUEST)
    return render(
        "links/refunds.html",
        http_status=http_status,
        link=link,
        went_back=went_back,
        payments=payments,
        payment=payment,
        form=form,
        reasons=list(return_words.REASONS.items()),
        may_request=may_request,
        may_approve=current_org.allows(Permission.REFUNDS_APPROVE),
        member_id=current_user.id,
    )


def question(link: RefundedLink, payment: Returnable, wish: RefundWish) -> Response:
    """Ask once more, with the journal the refund will post."""
    with transaction(current_org.id) as session:
        journal = return_views.preview(session, payment, wish.amount_minor, now=clock.now())
        needs_other = refunds.needs_second_person(session, current_org.id, wish.amount_minor, payment.currency)
    left = payment.available_minor - wish.amount_minor
    values = {
        "refund_id": str(wish.refund_id),
        "payment": str(wish.payment_id),
        "seen": str(wish.seen_available_minor),
        "how_much": "part",
        "amount": format_plain(wish.amount_minor, payment.currency),
        "reason": wish.reason,
        "note": wish.note,
    }
    return render(
        "links/refund.html",
        link=link,
        payment=payment,
        wish=wish,
        values=values,
        journal=journal,
        left_minor=left,
        reason=return_words.REASONS[wish.reason],
        waits=needs_other or not current_org.allows(Permission.REFUNDS_APPROVE),
    )
