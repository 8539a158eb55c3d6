"""Ask the sources of rates, judge what they say, keep the accepted ones in PostgreSQL, hurry with Redis.

CoinGecko comes first, with all tokens in all currencies in one call. The mirror node's HBAR in USD is a second opinion
while CoinGecko answers, and what HBAR is quoted by while it does not. Only the clock starts this, never a page.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.rates import Rate, RateSource, RateTable
from provvypay.errors import ProvvypayError, Unavailable
from provvypay.flows.current_rates import keep_in_cache
from provvypay.integrations import coingecko, hedera_rate
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.fx import acceptance, sources
from provvypay.services.fx import rates as stored
from provvypay.services.fx.offers import Paused, offer, per_cent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What became of one source in one fetch; neither rates nor an error: it was not asked."""

    claim: sources.Claim
    rates: tuple[Rate, ...] | None = None
    error: ProvvypayError | None = None


def refresh_rates() -> int:
    """Fetch, judge and keep all rates; return how many were accepted.

    Does nothing while another fetch is under way, and leaves a source alone for as long as it asked for.

    :raises ProvvypayError: when no source answered; nothing changed, the old rates keep their age
    """
    asked: tuple[RateSource, ...] = (coingecko.client(), hedera_rate.client())
    with transaction() as session:
        claims = sources.claim(session, [source.name for source in asked])
    if claims is None:
        log.info("rates.fetch_under_way")
        return 0

    heard = [_ask(source, claims[source.name]) for source in asked]

    with transaction() as session:
        before = stored.load(session)
        ours = [_write_down(session, one) for one in heard]
        if not all(ours):
            log.warning("rates.fetch_too_slow")
            return 0
        fetched = {one.claim.source: one.rates for one in heard if one.rates is not None}
        outcome = acceptance.accept(session, before, fetched, now=now()) if fetched else None
    if outcome is None:
        failures = [one.error for one in heard if one.error is not None]
        if failures:
            raise failures[0]
        return 0
    keep_in_cache(outcome.after)
    _tell(outcome)
    return len(outcome.rates)


def _ask(source: RateSource, claim: sources.Claim) -> _Heard:
    if claim.not_before is not None and now() < claim.not_before:
        return _Heard(claim)
    try:
        return _Heard(claim, rates=source.rates(list(CURRENCIES)))
    except ProvvypayError as error:
        log.warning("rates.source_failed", source=source.name, error=f"{type(error).__name__}: {error}")
        return _Heard(claim, error=error)


def _write_down(session: Session, heard: _Heard) -> bool:
    """Keep how a source answered; False when the lease was no longer ours, so that somebody newer has written."""
    at = now()
    if heard.error is not None:
        error = f"{type(heard.error).__name__}: {heard.error}"
        return sources.failed(session, heard.claim, error, at=at, wait_seconds=_wait(heard.claim, heard.error))
    if heard.rates is None:
        return sources.left_alone(session, heard.claim)
    reference = next((rate for rate in heard.rates if (rate.asset, rate.currency) == ("HBAR", "USD")), None)
    return sources.answered(session, heard.claim, reference, at=at)


def _wait(claim: sources.Claim, error: ProvvypayError) -> int:
    if not isinstance(error, Unavailable):
        return sources.REFUSED_WAIT_SECONDS
    return 0 if error.retry_after is None else sources.limited_for(claim.failures, error.retry_after)


def _tell(outcome: acceptance.Accepted) -> None:
    """Log what operators must see: each change once, when it happens."""
    log.info("rates.refreshed", count=len(outcome.rates), held=len(outcome.held), missing=len(outcome.missing))
    if outcome.missing:
        log.warning("rates.missing", pairs=outcome.missing[:20])
    if outcome.held:
        log.warning(
            "rates.held",
            pairs=[f"{rate.asset}/{rate.currency} {rate.value.normalize():f}" for rate in outcome.held[:20]],
        )
    # Before the very first fetch there is no rate, and nothing wrong.
    before = _alarms(outcome.before) if len(outcome.before) else {}
    after = _alarms(outcome.after)
    for what in sorted(after.keys() - before.keys()):
        log.error("rates.alarm", about=what, says=after[what])
    for what in sorted(before.keys() - after.keys()):
        log.warning("rates.alarm_over", about=what)


def _alarms(table: RateTable) -> dict[str, str]:
    """Return a sentence for each token that is paused in its own currency, and for sources that disagree."""
    moment = now()
    found = {}
    for asset in ASSETS.values():
        verdict = offer(asset.code, asset.peg or "USD", table, moment)
        if isinstance(verdict, Paused):
            found[asset.code] = verdict.sentence
    apart = rules.sources_apart(table, moment)
    if apart is not None and apart > rules.APART:
        found["sources"] = f"CoinGecko and the mirror node differ by {per_cent(apart)} about HBAR in USD."
    return found
