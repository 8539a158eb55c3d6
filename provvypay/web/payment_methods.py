"""Which ways to pay, to account and to tell are on here, in plain words and without flattery."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.hedera_checks import Verdict
from provvypay.kit.settings import settings
from provvypay.services import hedera_accounts, organizations


@dataclass(frozen=True, slots=True)
class Method:
    """One line of the settings page."""

    icon: str
    title: str
    detail: str
    state: str
    """ON, OFF or TEST"""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to pay in the form of a link."""

    code: str
    """CARD, or a token's"""
    field: str
    title: str
    detail: str
    icon: str


def field_of(code: str) -> str:
    """Return the name of the box that chooses a way to pay."""
    return f"method_{code.lower()}"


METHOD_FIELDS = {code: field_of(code) for code in ("CARD", *ASSETS)}


def choices(session: Session, organization_id: uuid.UUID, *, kept: Collection[str] = ()) -> list[Choice]:
    """Return the ways to pay a link may name: cards, and the tokens the organization takes.

    :param kept: what a link names already; a token of those stays in its form even if it is taken no more
    """
    chosen = organizations.settings_of(session, organization_id)
    account = hedera_accounts.active(session, organization_id, settings().hedera_network)
    card = _cards(card_chosen=chosen.card_enabled)
    taken = set(chosen.accepted_assets) if settings().crypto_network and chosen.crypto_enabled else set()
    found = [Choice("CARD", field_of("CARD"), card.title, card.detail, card.icon)]
    for asset in ASSETS:
        if asset in taken or asset in kept:
            detail = _token(asset, account) if asset in taken else "You do not take it at the moment."
            found.append(Choice(asset, field_of(asset), asset, detail, f"token-{asset.lower()}"))
    return found


def _token(asset: str, account: hedera_accounts.AccountView | None) -> str:
    """Say where a token would go, or why it would not be offered yet."""
    if account is None:
        return "Not offered until you enter the account you are paid on."
    failed = [
        one for one in account.checks if one.verdict is Verdict.FAILED and one.title in {asset, account.account_id}
    ]
    return f"Not offered yet. {failed[0].sentence}" if failed else f"Paid straight to {account.with_checksum}."


def payment_methods(
    *, card_chosen: bool, crypto_chosen: bool, account: str | None, xero_state: str | None
) -> list[Method]:
    """Return cards, crypto, Xero and e-mail with their state.

    :param card_chosen: whether this organization wants cards
    :param crypto_chosen: whether it wants crypto
    :param account: the Hedera account it is paid on, as people read it
    :param xero_state: of its connection; None without one
    """
    return [
        _cards(card_chosen=card_chosen),
        _crypto(crypto_chosen=crypto_chosen, account=account),
        _xero(xero_state),
        Method("mail", "E-mail", "Not sent yet. You find everything under Notifications.", "OFF"),
    ]


def _xero(state: str | None) -> Method:
    if not settings().xero_on:
        return Method("sync", "Xero", "Not set up here. Payments are booked in this ledger only.", "OFF")
    if state == "CONNECTED":
        return Method("sync", "Xero", "Connected. Each paid link is written there.", "ON")
    if state == "NEEDS_RECONNECT":
        return Method("sync", "Xero", "It must be connected again. Nothing is lost.", "OFF")
    return Method("sync", "Xero", "Not connected. Payments are booked in this ledger only.", "OFF")


def _cards(*, card_chosen: bool) -> Method:
    chosen = settings()
    title = "Cards"
    if not chosen.enable_card_payments:
        return Method("card", title, "Switched off for this installation (ENABLE_CARD_PAYMENTS).", "OFF")
    if chosen.stripe_secret_key is None:
        return Method("card", title, "No Stripe key is set for this installation (STRIPE_SECRET_KEY).", "OFF")
    if not card_chosen:
        return Method("card", title, "Switched off for your organization.", "OFF")
    if chosen.mode == "test":
        return Method("card", title, "On Stripe’s page, with a test key: test cards only, no real money moves.", "TEST")
    return Method("card", title, "On Stripe’s page. Money goes to the Stripe account of this installation.", "ON")


def _crypto(*, crypto_chosen: bool, account: str | None) -> Method:
    network = settings().crypto_network
    icon, title = "token-hbar", "Crypto on Hedera"
    if network is None:
        return Method(icon, title, "Switched off for this installation (ENABLE_HEDERA_PAYMENTS).", "OFF")
    if not crypto_chosen:
        return Method(icon, title, "Switched off for your organization.", "OFF")
    if account is None:
        return Method(icon, title, "On, but nobody can pay yet: enter the account you are paid on.", "OFF")
    if network != "mainnet":
        return Method(icon, title, f"Paid straight to {account}, on {network}: no real money moves.", "TEST")
    return Method(icon, title, f"Paid straight to {account}.", "ON")
