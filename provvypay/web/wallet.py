"""Whether this page can open a customer's wallet, and what it must ask of it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from provvypay.kit.settings import settings
from provvypay.services.pay_tokens import Sending
from provvypay.web.assets import Assets

BUNDLE = "hashconnect.js"

_BY_HAND = "Send it by hand; it counts just the same."
_NOT_SET_UP = f"This page cannot open your wallet: that is not set up here. {_BY_HAND}"
_NOT_BUILT = f"This page cannot open your wallet: that part of it is not installed here. {_BY_HAND}"
_NO_ADDRESS = f"This page cannot open your wallet for this token yet. {_BY_HAND}"


@dataclass(frozen=True, slots=True)
class WalletOffer:
    """What the button and the dialog need; without a reason they are there."""

    reason: str
    """why no wallet can be opened, in a sentence; else empty"""
    project: str = ""
    relay: str = ""


def offer(sending: Sending) -> WalletOffer:
    """Return how to open a wallet for a quote, or why not."""
    chosen = settings()
    relay = chosen.wallet_relay
    if relay is None:
        return WalletOffer(_NOT_SET_UP)
    assets: Assets = current_app.extensions["assets"]
    if not assets.has(BUNDLE):
        return WalletOffer(_NOT_BUILT)
    # A contract books by address: to guess one could lose the money.
    if not sending.kind or (sending.kind == "erc20" and not sending.evm_address):
        return WalletOffer(_NO_ADDRESS)
    return WalletOffer("", chosen.walletconnect_project_id or "", relay)
