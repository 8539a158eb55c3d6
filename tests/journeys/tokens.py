"""A merchant who takes tokens on the sandbox's ledger, and customers who pay by hand what the page tells them."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, expect

from provvypay.domain.hedera_checks import Check, Verdict, stored
from provvypay.flows import create_link
from provvypay.models.payment_link import PaymentLink
from provvypay.services.payment_links import LinkDetails
from tests.support.factories import Make, Merchant
from tests.support.hedera import ENTITIES, Ledger
from tests.support.live import LiveApp

TOKENS = tuple(ENTITIES)


def ledger_of(merchant: Merchant, live: LiveApp, *, alias: bool = False) -> Ledger:
    """Give an organization an account that can receive every token, and switch tokens on.

    :param alias: it has an EVM address of its own, by which contracts credit it
    """
    ledger = Ledger(live.sandbox, live.observer, merchant, alias=alias)
    checks = [Check("account", ledger.account, Verdict.OK, "It exists.")]
    checks += [Check(entity, asset, Verdict.OK, "It can.") for asset, (_kind, entity) in ENTITIES.items()]
    live.observer.sql(
        "UPDATE hedera_accounts SET checks = CAST(:checks AS jsonb), checked_at = now() WHERE id = :id",
        checks=json.dumps(stored(checks)), id=ledger.id,
    )  # fmt: skip
    live.observer.sql(
        "UPDATE merchant_settings SET crypto_enabled = true WHERE organization_id = :id",
        id=merchant.organization_id,
    )
    return ledger


def token_link(
    make: Make,
    merchant: Merchant | None = None,
    *,
    amount_minor: int = 1240_00,
    description: str = "Oak bench",
    **more: Any,
) -> PaymentLink:
    """Make a link that may be paid by card and with every token."""
    merchant = merchant or make.merchant
    details = LinkDetails(amount_minor, merchant.currency, description, "INV-2041", methods=("CARD", *TOKENS), **more)
    return create_link.create_link(merchant.organization_id, details, actor=merchant.actor, open_now=True)


def choose(page: Page, asset: str) -> None:
    """Press a token and arrive at what to send."""
    page.locator(f"#pay_by_{asset.lower()}").click()
    expect(page.get_by_role("heading", name="Send it from your wallet")).to_be_visible()


def told(page: Page) -> dict[str, str]:
    """Return what the page tells to send, by the first word of its label: Amount, To, Memo, Token."""
    fields = page.locator(".hand .copy-field")
    return {
        str(one.locator(".label").inner_text()).split()[0].strip(","): str(one.locator(".value").inner_text())
        for one in fields.all()
    }


def send(ledger: Ledger, page: Page, *, share: float = 1, **wish: Any) -> dict[str, Any]:
    """Send by hand what the page tells, typed as a person would; return what became of it.

    :param share: how much of the amount
    """
    said = told(page)
    decimals = len(said["Amount"].partition(".")[2])
    asset = said.get("Token") or said.get("Contract") or "HBAR"
    amount = f"{float(said['Amount']) * share:.{decimals}f}" if share != 1 else said["Amount"]
    wanted = {"to": said["To"], "asset": asset, "amount": amount, "memo": said["Memo"]} | wish
    answer: dict[str, Any] = ledger.sandbox.post("/mirror_node/transfers", **wanted)
    return answer
