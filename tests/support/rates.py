"""Rates in tests: none at all, or fetched from the sandbox as the clock would."""

from __future__ import annotations

from provvypay.flows import current_rates
from provvypay.flows.refresh_rates import refresh_rates
from provvypay.kit import cache
from tests.support.database import Observer, acting_as


def forget_rates(observer: Observer) -> None:
    """Forget every rate, here, in Redis and in PostgreSQL."""
    observer.sql("TRUNCATE fx_rates, fx_rate_history, fx_sources")
    forget_cached()


def forget_cached() -> None:
    """Let the next read ask PostgreSQL."""
    cache.connection().delete(current_rates.KEY)
    current_rates._brief.forget()


def refresh() -> int:
    """Fetch rates as the worker does; return how many were accepted."""
    with acting_as("worker"):
        return refresh_rates()
