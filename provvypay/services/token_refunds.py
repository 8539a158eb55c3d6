"""Refunds in tokens, which the merchant sends from a wallet of their own: what is agreed, and the transfer that did it.

We hold no key. A refund has a memo that is used once; the outgoing transfer that carries it closes the refund when
token, amount and recipient are the agreed ones, and is an exception otherwise. The story stands in
docs/explanation/refunds-and-disputes.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS, share_of_tokens, tokens_worth
from provvypay.domain.hedera_ids import NotAnId, is_evm, normalize_account
from provvypay.domain.hedera_memos import named_refund
from provvypay.domain.quotes import MOST_UNITS
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, Provider, RateChoice, RefundState
from provvypay.domain.transfers import StoredTransfer
from provvypay.errors import Conflict, Forbidden, Invalid
from provvypay.kit.failpoints import failpoint, register
from provvypay.models.refund import Refund
from provvypay.services import audit, returns, short_codes, tell, timeline
from provvypay.services.fx import offers
from provvypay.services.ledger import journals
from provvypay.services.ledger.returns import Returned, Tokens, token_refund
from provvypay.services.refunds import NotRefundable, Terms, get, lock, say
from provvypay.services.returns import Returnable

register("token_refund.seen", "token_refund.booked")

# Takes the books for itself until the commit: nobody adds to a pool between its sum and the journal.
_POOL = text("SELECT units, minor FROM token_pool(:org, :account, :currency)")
_LOOK = text("""
    SELECT coalesce(sum(CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END), 0) AS units,
        coalesce(sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END), 0) AS minor
    FROM ledger_entries
    WHERE organization_id = :org AND account_code = :account AND currency = :currency AND asset IS NOT NULL
""")


def refuse_reason(found: Returnable) -> str | None:
    """Say why tokens of a payment cannot be refunded from here, or None when they can."""
    if found.provider != Provider.HEDERA or not found.asset or not found.asset_amount:
        return "This money did not come in tokens."
    if found.link_id is None:
        return "Say first which link this money was for: then it can be refunded."
    if found.transfer_kind not in returns.WATCHED_KINDS:
        return "This token is a contract’s: its outgoing transfers can’t be watched, so it can’t be refunded from here."
    return None


def terms(
    found: Returnable,
    choice: RateChoice,
    amount_minor: int,
    recipient: str,
    *,
    rates: RateTable,
    now: dt.datetime,
) -> Terms:
    """Return what a refund in tokens would send: so much of the payment's token, to this account, under a new memo.

    :param recipient: as typed; nothing means who paid
    :param rates: flows.current_rates.current_rates(), read before the transaction
    :raises NotRefundable: for money that did not come in tokens we can watch
    :raises Invalid: for an account that is none, a rate that is not there, and what is worth no token
    """
    if why := refuse_reason(found):
        raise NotRefundable(f"payment {found.payment_id} is not refunded in tokens", public_message=why)
    asset, rate = ASSETS[str(found.asset)], None
    if choice is RateChoice.RATE_NOW:
        offered = offers.offer(asset.code, found.currency, rates, now)
        if isinstance(offered, offers.Paused):
            raise Invalid({"rate": offered.sentence})
        rate = offered.rate
        units = tokens_worth(amount_minor, found.currency, rate.value, asset)
    else:
        units = share_of_tokens(int(found.asset_amount or 0), found.value_minor, amount_minor)
    if choice is RateChoice.SURPLUS_ONLY and (found.exception_id is None or amount_minor != found.available_minor):
        raise Invalid({"rate": "Nothing is held of this payment on its own."})
    if not 1 <= units <= MOST_UNITS:
        raise Invalid({"amount": f"This is worth less than the smallest part of {asset.code}."})
    return Terms(
        asset.code,
        units,
        account(recipient or found.payer or "", str(found.network), own=str(found.account_id)),
        f"R-{short_codes.make()}",
        choice,
        rate.value if rate else None,
        rate.source if rate else None,
        rate.as_of if rate else None,
    )


def account(typed: str, network: str, *, own: str) -> str:
    """Return the account tokens are sent to, as `0.0.x`.

    :raises Invalid: for what names none, for an address that says no number, and for the merchant's own account
    """
    try:
        found = normalize_account(typed, network)
    except NotAnId as error:
        raise Invalid({"recipient": str(error)}) from error
    if is_evm(found):
        raise Invalid({"recipient": "Enter the account’s number, like 0.0.12345: this address does not say it."})
    if found == own:
        raise Invalid({"recipient": "This is your own account."})
    return found


def call_off(
    session: Session, refund_id: uuid.UUID, *, actor: audit.Actor, may_approve: bool, now: dt.datetime
) -> Refund:
    """Take a refund back that waits for the merchant's transfer: its amount is free again.

    :raises Conflict: when the transfer was seen, or the refund is none of those
    :raises Forbidden: for who neither asked for it nor may approve it
    """
    row = lock(session, refund_id)
    if row.provider != Provider.HEDERA or row.state != RefundState.SUBMITTED:
        raise Conflict(f"refund {refund_id} is {row.state}", public_message="This refund is decided already.")
    if row.requested_by != actor.id and not may_approve:
        raise Forbidden(f"{actor.id} neither asked for refund {refund_id} nor may approve it")
    session.execute(update(Refund).where(Refund.id == refund_id).values(state=RefundState.CANCELED, updated_at=now))
    say(session, row, "refund.called_off", actor, now)
    return get(session, refund_id)


def apply_outgoing(session: Session, transfer: StoredTransfer, credited: Mapping[str, int]) -> uuid.UUID | None:
    """Let a stored outgoing transfer close the refund its memo names; return the refund's link.

    What names no refund of this organization is stored, and nothing else.

    :param credited: who got how much of the transfer's token, in the same record
    """
    memo = named_refund(transfer.memo)
    if memo is None:
        return None
    known = session.execute(
        select(Refund.id, Refund.link_id).where(Refund.organization_id == transfer.organization_id, Refund.memo == memo)
    ).one_or_none()
    if known is None:
        return None
    row = lock(session, known.id)
    failpoint("token_refund.seen")
    found = returns.of_payment(session, row.organization_id, row.payment_id)
    agreed = (row.asset, row.asset_amount) == (transfer.asset, transfer.asset_amount)
    if row.state == RefundState.SUBMITTED and agreed and credited.get(str(row.recipient)) == row.asset_amount:
        _succeed(session, row, transfer, found)
    else:
        tell.exception(session, row, ExceptionKind.REFUND_MISMATCH, found.title, transfer_id=transfer.id)
        _line(session, row, transfer, mismatch=True)
    return row.link_id


def _succeed(session: Session, row: Refund, transfer: StoredTransfer, found: Returnable) -> None:
    """Close a refund by the transfer that carries it, and book it at the time of the ledger."""
    session.execute(
        update(Refund)
        .where(Refund.id == row.id)
        .values(
            state=RefundState.SUCCEEDED,
            transfer_id=transfer.id,
            provider_refund_id=transfer.reference,
            occurred_at=transfer.happened_at,
            updated_at=func.clock_timestamp(),
        )
    )
    what = Returned(
        id=row.id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        effective_at=transfer.happened_at,
        link_id=row.link_id,
        title=found.title,
        of_credit=row.exception_id is not None,
    )
    sent = tokens(session, row.organization_id, row.currency, str(row.asset), transfer.asset_amount, locked=True)
    journals.post(session, row.organization_id, [token_refund(what, sent)])
    # Judged now: what this transaction posts after it belongs to a pool of later.
    session.execute(text("SET CONSTRAINTS true_to_processor IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS true_to_processor DEFERRED"))
    _line(session, row, transfer, mismatch=False)
    tell.everybody(session, row, "refund.sent", found.title)
    failpoint("token_refund.booked")


def tokens(
    session: Session, organization_id: uuid.UUID, currency: str, asset: str, units: int, *, locked: bool = False
) -> Tokens:
    """Return tokens that leave, with the pool they leave.

    :param locked: keep everybody else from posting until the commit, so that the pool stays what it is
    """
    clearing = ASSETS[asset].account_code
    given = {"org": organization_id, "account": clearing, "currency": currency}
    pool = session.execute(_POOL if locked else _LOOK, given).one()
    return Tokens(clearing, asset, units, int(pool.units), int(pool.minor))


def _line(session: Session, row: Refund, transfer: StoredTransfer, *, mismatch: bool) -> None:
    """Write into the link's timeline what went out."""
    if row.link_id is None:
        return
    facts: dict[str, Any] = {
        "dedupe": str(transfer.id),
        "occurred_at": transfer.happened_at,
        "payment_id": row.payment_id,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "refund_id": str(row.id),
        "asset": transfer.asset or transfer.entity_id,
        "asset_amount": transfer.asset_amount,
        "transaction_id": transfer.transaction_id,
    }
    if mismatch:
        timeline.add(session, row.organization_id, row.link_id, "refund.mismatch", **facts)
    else:
        timeline.add(session, row.organization_id, row.link_id, "refund.sent", **facts)
