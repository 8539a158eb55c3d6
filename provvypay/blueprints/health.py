"""Is this process alive, and is it ready for traffic? Redis and vendors only degrade: money does not wait for them."""

from __future__ import annotations

import datetime as dt

import structlog
from flask import Blueprint, Response, jsonify, make_response

from provvypay.domain.rate_rules import APART
from provvypay.flows.stripe_setup import StripeSetupRefused
from provvypay.kit import cache, clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import health, hedera_assets, schedule
from provvypay.services.fx import rates
from provvypay.web.schema import expected_schema

bp = Blueprint("health", __name__)
log = structlog.get_logger(__name__)

WORK_WAITS = dt.timedelta(minutes=5)
RATES_LAST = dt.timedelta(hours=1)


@bp.get("/health/live")
def live() -> Response:
    """Say that this process answers; nothing else is asked."""
    return make_response(jsonify(status="ok"))


@bp.get("/health")
@bp.get("/health/ready")
@bp.get("/api/health")
def ready() -> Response:
    """Answer 200 while this process may serve people, 503 when it must not; what only hurries is named as degraded."""
    checks = _database_checks()
    checks["redis"] = "ok" if cache.answers() else "degraded"
    worst = "down" if "down" in checks.values() else "degraded" if "degraded" in checks.values() else "ok"
    return make_response(jsonify(status=worst, checks=checks), 503 if worst == "down" else 200)


def _database_checks() -> dict[str, str]:
    """Return a word for each check; the reasons go to the log, where strangers do not read."""
    names = ("database", "schema", "guards", "outbox", "inbox", "rates", "stripe", "tokens", "watch")
    try:
        with transaction() as session:
            health.hurry(session)
            version = health.schema_version(session)
            broken = health.broken_guards(session)
            queues = health.queues(session)
            newest = rates.newest(session)
            apart = rates.sources_apart(session, now=clock.now())
            account = schedule.last_error(session, "stripe.account") if settings().card_payments_on else ""
            network = settings().crypto_network
            wrong_tokens = hedera_assets.troubles(session, network) if network else []
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "not ready", never a stack trace
        log.error("health.database", error=f"{type(error).__name__}: {error}")  # noqa: TRY400
        return dict.fromkeys(names, "down")
    if broken or version != expected_schema():
        log.error("health.guards", broken=broken, schema=version, expected=expected_schema())
    if wrong_tokens:
        log.warning("health.tokens", what=wrong_tokens)
    now = clock.now()
    rates_known = newest is not None and now - newest < RATES_LAST
    disputed = apart is not None and apart > APART
    if account:
        log.warning("health.stripe", error=account)
    if disputed:
        log.warning("health.rates", apart=str(apart))
    checks = {
        "database": "ok",
        "schema": "ok" if version == expected_schema() else "down",
        "guards": "down" if broken else "ok",
        "rates": "ok" if rates_known and not disputed else "degraded",
        # A token that is not what it should be is not offered; all else goes on.
        "tokens": "degraded" if wrong_tokens else "ok",
        "stripe": "ok" if not account else "down" if account.startswith(StripeSetupRefused.__name__) else "degraded",
    }
    for queue in queues:
        late = queue.oldest is not None and now - queue.oldest > WORK_WAITS
        checks[queue.name] = "down" if late else "ok"
    # A mirror node that is away delays tokens and nothing else; without tokens nobody reads.
    if checks["watch"] == "down":
        checks["watch"] = "degraded" if network else "ok"
    return {name: checks[name] for name in names}
