"""Refunds of a link: what went back, the form, the question with the journal it will post, and approving."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, flash, request, url_for

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import RefundState
from provvypay.errors import Invalid, NotFound
from provvypay.flows import stripe_returns
from provvypay.kit.db import transaction
from provvypay.models.refund import Refund
from provvypay.services import payment_links, refunds, return_words, returns
from provvypay.services.refunds import AvailableChanged, NotRefundable
from provvypay.services.returns import Returnable
from provvypay.web import refund_form
from provvypay.web.formatting import money
from provvypay.web.forms import Fields
from provvypay.web.guards import current_org, needs
from provvypay.web.htmx import redirect
from provvypay.web.request_context import actor

bp = Blueprint("refunds", __name__, url_prefix="/links/<uuid:link_id>/refunds")


@bp.get("")
@needs(Permission.MONEY_VIEW)
def index(link_id: uuid.UUID) -> Response:
    """Show what went back of a link, and the form to those who may ask for a refund."""
    link, payments = _of(link_id)
    chosen = refund_form.chosen(payments, request.args.get("payment", ""))
    return refund_form.page(link, payments, refund_form.blank(chosen), chosen)


@bp.post("")
@needs(Permission.REFUNDS_REQUEST)
def create(link_id: uuid.UUID) -> Response:
    """Ask with the journal it will post; once confirmed, refund. 409 with the new amount when it changed meanwhile."""
    link, payments = _of(link_id)
    fields = Fields(request.form)
    chosen = refund_form.chosen(payments, fields.raw("payment"))
    if chosen is None:
        raise NotFound(f"link {link_id} has no payment to refund")
    wish = refund_form.read(fields, chosen)
    if not fields.valid:
        return refund_form.page(link, payments, refund_form.state(fields), chosen, 422)
    try:
        if fields.raw("confirmed") != "yes":
            refunds.check(chosen, wish)
            return refund_form.question(link, chosen, wish)
        row = stripe_returns.request_refund(
            current_org.id, wish, actor=actor(), may_approve=current_org.allows(Permission.REFUNDS_APPROVE)
        )
    except Invalid as error:
        fields.take_in(error)
        return refund_form.page(link, payments, refund_form.state(fields), chosen, 422)
    except (AvailableChanged, NotRefundable) as error:
        return _changed(link_id, fields, error)
    _say(row)
    return redirect(url_for("refunds.index", link_id=link_id))


@bp.post("/<uuid:refund_id>/approval")
@needs(Permission.REFUNDS_APPROVE)
def approve(link_id: uuid.UUID, refund_id: uuid.UUID) -> Response:
    """Send a refund that waits for a yes.

    :raises Conflict: when somebody decided about it already
    """
    _own(link_id, refund_id)
    _say(stripe_returns.approve_refund(current_org.id, refund_id, actor=actor()))
    return redirect(url_for("refunds.index", link_id=link_id))


@bp.post("/<uuid:refund_id>/withdrawal")
@needs(Permission.REFUNDS_REQUEST)
def withdraw(link_id: uuid.UUID, refund_id: uuid.UUID) -> Response:
    """Take a refund back that waits for a yes, or decline it.

    :raises Conflict: when it is on its way already
    """
    _own(link_id, refund_id)
    may_approve = current_org.allows(Permission.REFUNDS_APPROVE)
    stripe_returns.withdraw_refund(current_org.id, refund_id, actor=actor(), may_approve=may_approve)
    flash("The refund is not sent. Nothing was refunded.", "quiet")
    return redirect(url_for("refunds.index", link_id=link_id))


def _of(link_id: uuid.UUID) -> tuple[refund_form.RefundedLink, list[Returnable]]:
    with transaction(current_org.id) as session:
        link = payment_links.get(session, link_id)
        payments = returns.of_link(session, current_org.id, link_id)
    return refund_form.RefundedLink(link.id, link.description, link.reference), payments


def _own(link_id: uuid.UUID, refund_id: uuid.UUID) -> None:
    """Refuse a refund of another link.

    :raises NotFound: for it, and for one of another organization alike
    """
    if not stripe_returns.is_of_link(current_org.id, refund_id, link_id):
        raise NotFound(f"refund {refund_id} of link {link_id}")


def _changed(link_id: uuid.UUID, fields: Fields, error: AvailableChanged | NotRefundable) -> Response:
    """Show the form anew with what was typed and what is available by now; nothing was refunded."""
    link, payments = _of(link_id)
    chosen = refund_form.chosen(payments, fields.raw("payment"))
    form = refund_form.state(fields, summary=error.public_message)
    form.values |= refund_form.fresh(chosen)
    return refund_form.page(link, payments, form, chosen, 409)


def _say(row: Refund) -> None:
    """Tell the member how it stands."""
    amount = money(row.amount_minor, row.currency)
    if row.state == RefundState.CREATED:
        flash(f"{amount} waits for somebody who may approve it.", "accent")
    elif row.state == RefundState.SUCCEEDED:
        flash(f"{amount} is refunded.", "good")
    elif row.state == RefundState.FAILED:
        why = return_words.failed(row.failure_code)
        flash(f"Stripe did not accept the refund: {why}. Nothing was refunded.", "bad")
    else:
        flash(f"The refund of {amount} is on its way. This page shows how it ends.", "accent")
