"""Refunds in tokens as a member asks for them and as a merchant sends them, on the sandbox's ledger."""

from __future__ import annotations

from typing import Any

from provvypay.domain.roles import Role
from provvypay.domain.statuses import RateChoice
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.models.refund import Refund
from provvypay.services import refunds, returns, token_refunds
from provvypay.services.refunds import RefundWish
from tests.support.database import acting_as
from tests.support.factories import Make
from tests.support.hedera import Ledger


def returnable(link: PaymentLink) -> returns.Returnable:
    """Return what can go back of the link's payment."""
    with transaction(link.organization_id) as session:
        return returns.of_link(session, link.organization_id, link.id)[0]


def ask(
    link: PaymentLink,
    make: Make,
    amount: int,
    *,
    choice: RateChoice = RateChoice.RATE_THEN,
    recipient: str = "",
    role: Role = Role.OWNER,
    seen: int | None = None,
) -> Refund:
    """Ask for a refund in the tokens that came."""
    found = returnable(link)
    agreed = token_refunds.terms(found, choice, amount, recipient, rates=current_rates(), now=now())
    wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor if seen is None else seen, tokens=agreed)
    with acting_as("web"):
        actor = make.member(role).actor
        with transaction(link.organization_id) as session:
            return refunds.request(
                session, link.organization_id, wish, actor=actor, may_approve=role is not Role.OPERATOR, now=now()
            )


def send(ledger: Ledger, refund: Refund, **other: Any) -> dict[str, Any]:
    """Send what was agreed from the merchant's own wallet, or something else; the watcher reads it."""
    wish = {"units": refund.asset_amount, "memo": refund.memo, "to": refund.recipient, **other}
    sent = ledger.pay(str(wish.pop("asset", refund.asset)), payer=ledger.account, **wish)
    ledger.watch()
    return sent


def state(refund: Refund) -> Refund:
    """Return a refund as it is now."""
    with transaction(refund.organization_id) as session:
        return refunds.get(session, refund.id)
