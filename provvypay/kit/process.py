"""What every process does first: logs, database, Redis, fail-points; from one Settings."""

from __future__ import annotations

from provvypay.kit import cache, db, failpoints, limiter, logs, queue, sealing
from provvypay.kit.settings import Settings, use


def start(settings: Settings, *, role: str) -> None:
    """Make the process ready to work.

    :param role: web, worker or clock; names the connections and picks the database role
    """
    use(settings)
    logs.configure(settings.log_level, readable=settings.environment != "production")
    url = settings.database_url if role == "web" else settings.database_worker_url
    db.configure(
        url,
        pool_size=settings.database_pool_size,
        statement_timeout_ms=5000 if role == "web" else 30000,
        name=f"provvypay-{role}",
    )
    cache.configure(settings.redis_url)
    queue.configure(settings.redis_url)
    limiter.configure(settings.secret_key, factor=settings.limit_factor)
    sealing.configure(settings.encryption_key)
    failpoints.arm(settings.failpoints)
