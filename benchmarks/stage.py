"""The stage: servers of our own for one run, durable like production, on this machine's loopback only."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import get
from provvypay.kit.settings import Settings, load
from provvypay.launcher.migrate import upgrade
from provvypay.launcher.paths import ROOT
from provvypay.launcher.ports import free_port
from provvypay.launcher.postgres import EmbeddedPostgres
from provvypay.launcher.process import Kept
from provvypay.launcher.roles import ensure_database, ensure_roles
from provvypay.launcher.valkey import EmbeddedValkey

DATABASE = "provvypay"
# Checkpoints fall between runs, not into somebody's second; everything else is as the product starts it.
POSTGRES = {"max_wal_size": "8GB", "checkpoint_timeout": "1h", "max_connections": "100"}
HEALTH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is."""

    folder: Path
    superuser_url: str
    web_url: str
    worker_url: str
    environment: Mapping[str, str]
    web_port: int
    sandbox_port: int

    def settings(self) -> Settings:
        """Return the product's settings, as its processes read them."""
        return load(self.environment)


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Run PostgreSQL (fsync on) and Valkey in a new folder below var/, migrated; remove it all at the end."""
    base = ROOT / "var"
    base.mkdir(exist_ok=True)
    with (
        # not the temp folder: where that lies in memory, a commit would cost nothing
        tempfile.TemporaryDirectory(prefix="benchmarks-", dir=base, ignore_cleanup_errors=True) as name,
        EmbeddedPostgres(Path(name) / "postgres", durable=True, settings=POSTGRES) as postgres,
        EmbeddedValkey(Path(name) / "valkey") as valkey,
    ):
        ensure_roles(postgres.url())
        ensure_database(postgres.url(), DATABASE)
        upgrade(postgres.url("provvypay_owner", DATABASE))
        web_port, sandbox_port = free_port(), free_port()
        web, worker = postgres.url("provvypay_web", DATABASE), postgres.url("provvypay_worker", DATABASE)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONUNBUFFERED": "1",
            "PROVVYPAY_ENV": "production",
            "PROVVYPAY_ALLOW_SANDBOX": "1",
            "DATABASE_URL": web,
            "DATABASE_WORKER_URL": worker,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{web_port}",
            "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(24)}",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
            "STRIPE_API_BASE": f"http://127.0.0.1:{sandbox_port}/stripe",
            "STRIPE_CHECKOUT_ORIGIN": f"http://127.0.0.1:{sandbox_port}",
            "COINGECKO_API_BASE": f"http://127.0.0.1:{sandbox_port}/coingecko/api/v3",
            "HEDERA_MIRROR_NODE_URL": f"http://127.0.0.1:{sandbox_port}/mirror_node",
            # all load comes from one address; what a limit costs is measured, what it refuses is not
            "PROVVYPAY_LIMIT_FACTOR": "1000000",
            "NO_PROXY": "*",
        }
        yield Stage(Path(name), postgres.url("postgres", DATABASE), web, worker, environment, web_port, sandbox_port)


@contextlib.contextmanager
def running(
    stage: Stage, name: str, command: Sequence[str | Path], *, health: str | None = None, **more: str
) -> Iterator[Kept]:
    """Run a program of the stage, its output in a file; wait until its health address answers.

    :param more: further environment
    :raises RuntimeError: when it does not start; with the end of its output
    """
    log = stage.folder / f"{name}.log"
    with log.open("wb") as output:
        program = Kept(command, env={**stage.environment, **more}, cwd=ROOT, output=output, grace=10)
    try:
        deadline = time.monotonic() + HEALTH_SECONDS
        while health is not None and not _answers(health):
            if program.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"{name} does not answer at {health}:\n{tail}")
            time.sleep(0.05)
        yield program
    finally:
        program.stop()


def _answers(address: str) -> bool:
    port, _, path = address.removeprefix("127.0.0.1:").partition("/")
    with contextlib.suppress(OSError):
        return get(int(port), f"/{path}").status == 200
    return False


def gunicorn(port: int, application: str) -> list[str]:
    """Return the command of a web server with the product's own settings; without its renewal of workers.

    A worker would be renewed in the middle of somebody's second, and whose second is chance.
    """
    return [
        sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}",
        "--max-requests", "0", "--max-requests-jitter", "0", application,
    ]  # fmt: skip


def granian(port: int, application: str) -> list[str]:
    """Return the command of the other server, with as many processes and threads."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--blocking-threads", "8", "--no-ws", "--log-level", "warning", "--factory", application,
    ]  # fmt: skip
