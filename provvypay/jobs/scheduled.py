"""What repeats, and how often: the clock's table and the entry point its rings call."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from provvypay.flows.check_assets import check_assets
from provvypay.flows.check_coins import check_coins
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.expire_links import expire_links
from provvypay.flows.fill_snapshots import fill_snapshots, prune_history
from provvypay.flows.hedera_setup import check_accounts
from provvypay.flows.hedera_values import value_again
from provvypay.flows.hedera_watch import watch
from provvypay.flows.refresh_rates import refresh_rates
from provvypay.flows.stripe_backfill import backfill_events
from provvypay.flows.stripe_payment import check_sessions
from provvypay.flows.stripe_returns import check_refunds
from provvypay.flows.stripe_setup import watch_account
from provvypay.flows.stripe_webhook import sweep_inbox
from provvypay.flows.transfer_claims import check_claims
from provvypay.flows.xero_reconcile import reconcile_all
from provvypay.flows.xero_sync import check_charts, plan_all, sync_all
from provvypay.flows.xero_tokens import keep_alive
from provvypay.kit.db import transaction
from provvypay.kit.settings import Settings
from provvypay.services import schedule

log = structlog.get_logger(__name__)

JOBS: dict[str, Callable[[], object]] = {
    "inbox.sweep": sweep_inbox,
    "outbox.relay": relay_outbox,
    "checkout.check": check_sessions,
    "refunds.check": check_refunds,
    "links.expire": expire_links,
    "stripe.backfill": backfill_events,
    "stripe.account": watch_account,
    "rates.refresh": refresh_rates,
    "rates.fill": fill_snapshots,
    "rates.prune": prune_history,
    "hedera.assets": check_assets,
    "hedera.accounts": check_accounts,
    "rates.coins": check_coins,
    "hedera.watch": watch,
    "hedera.claims": check_claims,
    "hedera.values": value_again,
    "xero.sync": sync_all,
    "xero.plan": plan_all,
    "xero.charts": check_charts,
    "xero.compare": reconcile_all,
    "xero.keep_alive": keep_alive,
}

QUEUE_OF = {
    **dict.fromkeys(("hedera.watch", "hedera.claims", "hedera.assets", "hedera.accounts"), "hedera"),
    **dict.fromkeys(("xero.sync", "xero.charts", "xero.compare", "xero.keep_alive"), "xero"),
}
"""default, where nothing else is said: what waits for a mirror node or for Xero keeps nothing else waiting"""

RINGS_ONCE_IN = {"hedera.watch": 10, "hedera.claims": 10, "xero.sync": 30}
"""seconds within which a ring is not repeated while the one before waits or runs"""

AT_THE_START = ("stripe.account", "rates.coins", "hedera.assets")
"""also when a clock starts: settings may have changed"""


def seconds_between(settings: Settings) -> dict[str, int]:
    """Return how often each job runs."""
    return {
        "inbox.sweep": 5,
        "outbox.relay": 5,
        "checkout.check": min(10, settings.sweep_seconds),
        "refunds.check": min(10, settings.sweep_seconds),
        "links.expire": settings.sweep_seconds,
        "stripe.backfill": 3600,
        "stripe.account": 3600,
        "rates.refresh": settings.rates_seconds,
        "rates.fill": 300,
        "rates.prune": 3600,
        "hedera.assets": 24 * 3600,
        "hedera.accounts": 600,
        "rates.coins": 24 * 3600,
        "hedera.watch": 1,
        "hedera.claims": 2,
        "hedera.values": 60,
        "xero.sync": 5,
        "xero.plan": 60,
        "xero.charts": 24 * 3600,
        "xero.compare": 24 * 3600,
        "xero.keep_alive": 24 * 3600,
    }


def run(name: str) -> None:
    """Run one job of the table and write down how it ended; a failure is the row's, the next run is the retry."""
    error = ""
    try:
        JOBS[name]()
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        log.warning("job.failed", job=name, error=error, exc_info=True)
    with transaction() as session:
        schedule.finished(session, name, error)
