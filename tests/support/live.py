"""The product as processes of its own: gunicorn, worker, clock and sandbox, to be watched, killed and started again."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from provvypay.kit import cache, db, queue
from provvypay.kit import settings as kit_settings
from provvypay.kit.settings import Settings, load
from provvypay.launcher.paths import ROOT
from provvypay.launcher.ports import free_port
from provvypay.launcher.process import Kept
from provvypay.launcher.valkey import EmbeddedValkey
from tests.support.database import Observer, Roles
from tests.support.sandbox import SandboxControl
from tests.support.servers import Cluster, environment

START_SECONDS = 40
NAMES = ("sandbox", "web", "worker", "clock")


class LiveApp:
    """A running product on free ports, with a database, a Valkey and a sandbox of its own."""

    def __init__(self, cluster: Cluster, database: str, folder: Path) -> None:
        """Make the database and choose the ports; nothing is started yet."""
        cluster.copy_template(database)
        self.folder = folder
        self.port, self.sandbox_port, self.wallet_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.valkey.start()
        self.sandbox = SandboxControl(f"http://127.0.0.1:{self.sandbox_port}")
        self._env = {
            **environment(cluster, database, redis_url=self.valkey.url, app_url=self.url, sandbox_url=self.sandbox.url),
            "DATABASE_POOL_SIZE": "4",
            # wallets are on; who wants to pay with one starts the stand-in and its relay (tests/support/wallet.py)
            "WALLETCONNECT_PROJECT_ID": "0" * 32,
            "WALLETCONNECT_RELAY_URL": f"ws://127.0.0.1:{self.wallet_port}",
            "PROVVYPAY_SWEEP_SECONDS": "1",
            # Each visitor of a test names an address of their own, or the sign-in throttle would take them for one.
            "PROVVYPAY_TRUSTED_PROXIES": "1",
            "PYTHONUNBUFFERED": "1",
            "LOG_LEVEL": "INFO",
            **{
                name: value
                for name, value in os.environ.items()
                if name in {"PATH", "HOME", "LANG", "NO_PROXY", "no_proxy"}
            },
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
        }
        self.settings: Settings = load(self._env)
        self.observer = Observer(cluster.url("postgres", database))
        self._running: dict[str, Kept] = {}
        self._failpoints: dict[str, str] = {}

    # ------------------------------------------------------------ processes

    def start(self, name: str, *, failpoints: str = "") -> None:
        """Start a process and wait until it answers.

        :param failpoints: as PROVVYPAY_FAILPOINTS, for this process only
        """
        env = self._env | ({"PROVVYPAY_FAILPOINTS": failpoints} if failpoints else {})
        with self.log(name).open("ab") as output:
            self._running[name] = Kept(self._command(name), env=env, cwd=ROOT, output=output, grace=10)
        self._failpoints[name] = failpoints
        health = {"web": f"{self.url}/health/live", "sandbox": f"{self.sandbox.url}/_control/health"}.get(name)
        if health:
            self.wait_for(lambda: self._answers(health, name), f"{name} to answer", seconds=START_SECONDS)

    def stop(self, name: str) -> None:
        """Stop a process as a platform would: SIGTERM, then patience."""
        if name in self._running:
            self._running.pop(name).stop()

    def kill(self, name: str) -> None:
        """End a process and its children at once, as kill -9 or a power cut would."""
        if name in self._running:
            self._running.pop(name).kill()

    def restart(self, name: str, *, failpoints: str = "") -> None:
        """Stop and start a process."""
        self.stop(name)
        self.start(name, failpoints=failpoints)

    def is_running(self, name: str) -> bool:
        """Say whether a process runs."""
        return name in self._running and self._running[name].poll() is None

    def heal(self) -> None:
        """Bring everything back to how a test may expect it: all running, nothing armed, calm weather."""
        if self.valkey.process is None or self.valkey.process.poll() is not None:
            self.valkey.stop()
            self.valkey.start()
        for name in NAMES:
            if not self.is_running(name) or self._failpoints.get(name):
                self.kill(name)
                self.start(name)
        self.sandbox.calm()

    def close(self) -> None:
        """Stop everything."""
        for name in reversed(NAMES):
            self.stop(name)
        self.sandbox.close()
        self.observer.engine.dispose()
        self.valkey.stop()

    def log(self, name: str) -> Path:
        """Return the file a process writes to."""
        return self.folder / f"{name}.log"

    def _command(self, name: str) -> list[str]:
        if name == "sandbox":
            return [
                sys.executable, "-m", "provvypay.sandbox", "--port", str(self.sandbox_port),
                "--state", str(self.folder / "sandbox.json"), "--webhook-url", f"{self.url}/webhooks/stripe",
                "--webhook-secret", self._env["STRIPE_WEBHOOK_SECRET"],
            ]  # fmt: skip
        if name == "web":
            return [
                sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py",
                "--bind", f"127.0.0.1:{self.port}", "provvypay.app:create_app()",
            ]  # fmt: skip
        return [sys.executable, "worker.py"] if name == "worker" else [sys.executable, "-m", "provvypay.cli", "clock"]

    def _answers(self, url: str, name: str) -> bool:
        assert self.is_running(name), f"{name} ended; it said:\n{self.log(name).read_text(errors='replace')[-3000:]}"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(url, timeout=2, trust_env=False).is_success
        return False

    # ------------------------------------------------------------ driving and watching

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let flows, services and factories of this process work on the live product's database and Valkey."""
        roles = Roles(self.settings)
        plain_factory, plain_settings = db._factory, kit_settings._current
        db._factory = roles  # type: ignore[assignment]
        self._point(self.settings)
        try:
            yield
        finally:
            db._factory = plain_factory
            kit_settings._current = plain_settings
            if plain_settings:
                self._point(plain_settings)
            roles.dispose()

    @staticmethod
    def _point(settings: Settings) -> None:
        kit_settings.use(settings)
        cache.configure(settings.redis_url)
        queue.configure(settings.redis_url)

    @staticmethod
    def wait_for(reached: Callable[[], object], what: str, *, seconds: float = 45) -> None:
        """Poll until something holds, or fail saying what did not come."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(0.05)
