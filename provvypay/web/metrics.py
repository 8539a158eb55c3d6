"""What a scraper reads, and who may be one. Everything is asked for when it is read: no process keeps a figure."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import SupportsFloat

from flask import request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from provvypay.domain import rate_rules as rules
from provvypay.domain.assets import ASSETS
from provvypay.kit import clock, counters
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import health
from provvypay.services.fx import rates, sources
from provvypay.services.fx.offers import Paused, offer

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LOOPBACK = {"127.0.0.1", "::1"}
# A proxy on this very machine comes from a loopback address too, on behalf of the whole world.
_SIGNS_OF_A_PROXY = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


def may_scrape() -> bool:
    """Say whether this request may read the metrics.

    With METRICS_TOKEN: who sends it. Without: nobody in production; elsewhere a program of this very machine that came
    through no proxy.
    """
    token = settings().metrics_token
    if token is not None:
        sent = request.headers.get("Authorization", "")
        return hmac.compare_digest(sent.encode(), f"Bearer {token}".encode())
    if settings().environment == "production" or any(name in request.headers for name in _SIGNS_OF_A_PROXY):
        return False
    return request.remote_addr in _LOOPBACK


def text() -> bytes:
    """Return the metrics in Prometheus' own format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now())
    return generate_latest(registry)


class _Now(Collector):
    """The figures of this moment."""

    def collect(self) -> Iterator[Metric]:
        with transaction() as session:
            health.hurry(session)
            table = rates.load(session)
            asked = sources.views(session)
            queues = health.queues(session)
        now = clock.now()
        yield from _counters()
        ages = {
            asset: (now - max(rate.fetched_at for rate in table if rate.asset == asset)).total_seconds()
            for asset in {rate.asset for rate in table}
        }
        yield _gauge("provvypay_rate_age_seconds", "Since the newest rate of a token was fetched", "asset", ages)
        paused = {
            asset.code: float(isinstance(offer(asset.code, asset.peg or "USD", table, now), Paused))
            for asset in ASSETS.values()
        }
        yield _gauge("provvypay_rate_paused", "1 while a token must not be offered in USD, or its peg", "asset", paused)
        yield _gauge("provvypay_rates_held", "Pairs whose last figure waits to be confirmed", "", {"": len(table.held)})
        apart = rules.sources_apart(table, now)
        if apart is not None:
            yield _gauge("provvypay_rate_sources_apart", "By how much the sources of HBAR differ", "", {"": apart})
        failures = {source.source: source.failures for source in asked}
        yield _gauge("provvypay_rate_source_failures", "Failures of a source in a row", "source", failures)
        waiting = {queue.name: queue.waiting for queue in queues}
        yield _gauge("provvypay_queue_waiting", "Messages that are due", "queue", waiting)
        oldest = {queue.name: (now - queue.oldest).total_seconds() if queue.oldest else 0 for queue in queues}
        yield _gauge("provvypay_queue_oldest_seconds", "Since the oldest of them was due", "queue", oldest)


def _counters() -> Iterator[Metric]:
    totals = counters.totals()
    for name in sorted({name for name, _ in totals}):
        family = CounterMetricFamily(f"provvypay_{name.replace('.', '_')}", f"Counter {name}", labels=["kind"])
        for (of, kind), value in sorted(totals.items()):
            if of == name:
                family.add_metric([kind], value)
        yield family


def _gauge(name: str, says: str, label: str, values: Mapping[str, SupportsFloat]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label] if label else [])
    for of, value in sorted(values.items()):
        family.add_metric([of] if label else [], float(value))
    return family
