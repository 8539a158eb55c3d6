"""The console page (to be filled)."""

from flask import Blueprint

from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.core import Core
from provvypay.sandbox.stripe.state import StripeState


def blueprint(core: Core, stripe: StripeState, gecko: GeckoState) -> Blueprint:
    """Return the console's routes."""
    return Blueprint("console", __name__)
