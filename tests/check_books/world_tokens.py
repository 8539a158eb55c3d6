"""Tokens that went back in the world of the checks, and money that was given back by hand."""

from __future__ import annotations

import uuid

from sqlalchemy import select, text

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import RateChoice
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.clock import now
from provvypay.kit.ids import uuid7
from provvypay.models.payment import Payment
from provvypay.models.payment_link import PaymentLink
from provvypay.services import refunds, returns, token_refunds
from provvypay.services.refunds import RefundWish
from tests.check_books.world import _STORED, T0, Organization, World

WHOLE = 32_258_064_517
CUSTOMER = "0.0.2001"

_OUT = text("""
    INSERT INTO hedera_transfers (id, organization_id, hedera_account_id, network, account_id, direction,
        consensus_timestamp, transaction_id, nonce, scheduled, name, result, kind, entity_id, asset, amount, memo,
        found_by, evidence)
    SELECT :id, a.organization_id, a.id, a.network, a.account_id, 'OUT', :at, :transaction, 0, false, 'CRYPTOTRANSFER',
        'SUCCESS', 'native', 'HBAR', 'HBAR', :amount, :memo, 'POLL',
        jsonb_build_object('lines', jsonb_build_array(jsonb_build_array('0.0.2001', CAST(:amount AS bigint))))
    FROM hedera_accounts a WHERE a.organization_id = :org
""")


def ask(world: World, of: Organization, link: PaymentLink, amount: int) -> refunds.Refund:
    """Ask for a refund of a link's payment, in tokens if it came in tokens."""
    with world.act(of) as session:
        found = returns.of_link(session, of.id, link.id)[0]
        agreed = None
        if found.asset:
            agreed = token_refunds.terms(found, RateChoice.RATE_THEN, amount, CUSTOMER, rates=RateTable(), now=now())
        wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor, tokens=agreed)
        return refunds.request(session, of.id, wish, actor=of.owner, may_approve=True, now=now())


def send(world: World, of: Organization, refund: refunds.Refund, amount: int) -> uuid.UUID:
    """Let tokens go out under a refund's memo; return the transfer."""
    number = world.transfers = world.transfers + 1
    given = {
        "org": of.id, "id": uuid.uuid4(), "amount": amount, "memo": refund.memo,
        "at": f"{int(T0.timestamp())}.{number:09d}", "transaction": f"0.0.7-{int(T0.timestamp()) - 5}-{number:09d}",
    }  # fmt: skip
    with world.act(of, role="postgres") as session:
        session.execute(_OUT, given)
    with world.act(of, role="provvypay_worker") as session:
        stored = StoredTransfer(**session.execute(text(_STORED), {"id": given["id"]}).one()._asdict())
        token_refunds.apply_outgoing(session, stored, {CUSTOMER: amount})
    return stored.id


def build(world: World, of: Organization, *, all_of_it: bool) -> None:
    """Add a payment in tokens that went back, wholly or in part, and one marked by hand of which some did."""
    link = world.link(of)
    world.apply(of, None, 1)  # the organization has an account from then on
    world.quote(of, link, WHOLE)
    world.apply(of, link, WHOLE)
    if all_of_it:
        for paid in _paid(world, of):
            emptied = ask(world, of, paid, paid.amount_minor)
            send(world, of, emptied, emptied.asset_amount or 0)
            world.ids["refund_emptied"] = str(emptied.id)
        return
    refund = ask(world, of, link, 30_00)
    send(world, of, refund, refund.asset_amount or 0)
    world.ids["refund_tokens"] = str(refund.id)
    waits = ask(world, of, link, 10_00)
    world.ids["transfer_mismatch"] = str(send(world, of, waits, 7))
    marked = world.link(of)
    world.arrive(marked, provider="MANUAL", clearing_account="1000")
    world.ids["refund_by_hand"] = str(ask(world, of, marked, 25_00).id)


def _paid(world: World, of: Organization) -> list[PaymentLink]:
    with world.act(of) as session:
        settled = select(Payment.link_id).where(Payment.provider == "HEDERA", Payment.outcome == "SETTLED")
        return list(session.scalars(select(PaymentLink).where(PaymentLink.id.in_(settled))))
