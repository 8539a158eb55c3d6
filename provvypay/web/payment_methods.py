"""Which ways to pay, to account and to tell are on in this installation, in plain words and without flattery."""

from __future__ import annotations

from dataclasses import dataclass

from provvypay.kit.settings import settings


@dataclass(frozen=True, slots=True)
class Method:
    """One line of the settings page."""

    icon: str
    title: str
    detail: str
    state: str
    """ON, OFF or TEST"""


def payment_methods(*, card_chosen: bool) -> list[Method]:
    """Return cards, crypto, Xero and e-mail with their state.

    :param card_chosen: whether this organization wants cards
    """
    return [
        _cards(card_chosen=card_chosen),
        Method("token-hbar", "Crypto on Hedera", "Not offered yet. Links show cards only.", "OFF"),
        Method("sync", "Xero", "Not connected. Payments are booked in this ledger only.", "OFF"),
        Method("mail", "E-mail", "Not sent yet. You find everything under Notifications.", "OFF"),
    ]


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
