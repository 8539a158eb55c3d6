"""The servers behind the tests: one PostgreSQL for all workers, a database, a Valkey and a sandbox for each.

The process that controls the workers starts PostgreSQL, migrates a template once (so the migrations are tested) and
hands the address over; every worker copies the template.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from provvypay.launcher.migrate import upgrade
from provvypay.launcher.postgres import EmbeddedPostgres
from provvypay.launcher.roles import ensure_database, ensure_roles

TEMPLATE = "provvypay_template"


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL with our roles and the migrated template."""

    superuser_url: str

    def url(self, role: str, database: str) -> str:
        """Return the address of a database for one of its roles."""
        parts = urlsplit(self.superuser_url)
        return f"postgresql://{role}@/{database}?{parts.query}"

    def copy_template(self, database: str) -> None:
        """Make a migrated, empty database."""
        ensure_database(self.superuser_url, database, template=TEMPLATE)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a PostgreSQL of our own for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="provvypay-test-"))
    try:
        with EmbeddedPostgres(folder / "postgres", durable=False) as postgres:
            ensure_roles(postgres.url())
            ensure_database(postgres.url(), TEMPLATE)
            upgrade(postgres.url("provvypay_owner", TEMPLATE))
            yield Cluster(postgres.url())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(cluster: Cluster, database: str, *, redis_url: str, app_url: str, sandbox_url: str) -> dict[str, str]:
    """Return every setting of a product under test; its vendors are the sandbox."""
    return {
        "PROVVYPAY_ENV": "test",
        "DATABASE_URL": cluster.url("provvypay_web", database),
        "DATABASE_WORKER_URL": cluster.url("provvypay_worker", database),
        "DATABASE_OWNER_URL": cluster.url("provvypay_owner", database),
        # a test of sixteen threads holds sixteen connections
        "DATABASE_POOL_SIZE": "20",
        "REDIS_URL": redis_url,
        "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
        "ENCRYPTION_KEY": "0123456789abcdef" * 4,
        "PUBLIC_BASE_URL": app_url,
        "STRIPE_SECRET_KEY": "sk_test_of_the_tests_0123456789",
        "STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests_0123456789",
        "STRIPE_API_BASE": f"{sandbox_url}/stripe",
        "STRIPE_CHECKOUT_ORIGIN": sandbox_url,
        "COINGECKO_API_KEY": "CG-of-the-tests",
        "COINGECKO_API_BASE": f"{sandbox_url}/coingecko/api/v3",
        "HEDERA_MIRROR_NODE_URL": f"{sandbox_url}/mirror_node",
        "XERO_CLIENT_ID": "5A4DB0C5A4DB0C5A4DB0C5A4DB0C0001",
        "XERO_CLIENT_SECRET": "sandbox-app-secret",
        "XERO_REDIRECT_URI": f"{app_url.replace('127.0.0.1', 'localhost')}/xero/callback",
        **{f"XERO_{name}_BASE": f"{sandbox_url}/xero" for name in ("API", "IDENTITY", "LOGIN", "APP")},
        "ENABLE_HEDERA_PAYMENTS": "1",
        # the tests' own processes all hit one sandbox, whose ids of USDT and AUDD these are
        "HEDERA_MIRROR_REQUESTS_PER_SECOND": "1000",
        "HEDERA_ASSETS": "USDT=hts:0.0.5000101 AUDD=erc20:0.0.5000202",
        "ENABLE_XERO_SYNC": "1",
        # tests that look at the pace set one of their own
        "XERO_CALLS_PER_MINUTE": "60000",
        "LOG_LEVEL": "WARNING",
    }
