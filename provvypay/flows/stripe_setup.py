"""Compare our settings with the Stripe account they point at, before anything is charged with them."""

from __future__ import annotations

import structlog

from provvypay.errors import ProvvypayError
from provvypay.integrations import stripe
from provvypay.kit.settings import settings

log = structlog.get_logger(__name__)


class StripeSetupRefused(ProvvypayError):
    """The key and the account do not belong together; the process must not start."""

    code = "stripe_setup_refused"


def watch_account() -> None:
    """Look at the account for the clock, which keeps what it raised; readiness reads that (blueprints/health.py).

    So no process needs Stripe to start, and none with a key of the other mode is given work.

    :raises StripeSetupRefused: when the key's mode is not the account's answer's
    :raises StripeUnavailable: when Stripe does not answer; nothing is known
    """
    if not settings().card_payments_on:
        return
    try:
        problems = check_account()
    except StripeSetupRefused as error:
        log.error("alert.stripe_of_the_other_mode", error=str(error))  # noqa: TRY400 - the sentence says it all
        raise
    for problem in problems:
        log.warning("stripe.account", says=problem)


def check_account() -> list[str]:
    """Return what should be mended in the Stripe account, as sentences; empty when all is well.

    :raises StripeSetupRefused: when the key's mode is not the account's answer's
    :raises StripeUnavailable: when Stripe does not answer; nothing is known
    """
    ours = f"{settings().public_base_url}/webhooks/stripe"
    endpoints = stripe.client().endpoints()
    live = settings().mode == "live"
    if any(endpoint.livemode != live for endpoint in endpoints):
        raise StripeSetupRefused(f"STRIPE_SECRET_KEY says {settings().mode}, and Stripe answers for the other mode")
    mine = [endpoint for endpoint in endpoints if endpoint.url == ours and endpoint.is_enabled]
    problems = []
    if not mine:
        problems.append(f"No enabled webhook endpoint calls {ours}; payments would be seen by the janitor only.")
    if len(mine) > 1:
        problems.append(f"{len(mine)} webhook endpoints call {ours}; every event would come that often.")
    problems += [
        f"The webhook endpoint speaks API version {endpoint.api_version}; make it anew with {stripe.API_VERSION}."
        for endpoint in mine
        if endpoint.api_version != stripe.API_VERSION
    ]
    return problems
