"""The demo: the whole product on this machine, with its databases, the vendors' sandbox, and people to sign in as."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provvypay.launcher import datafolder, frontend, wallet
from provvypay.launcher.node import find_node
from provvypay.launcher.paths import ROOT
from provvypay.launcher.postgres import EmbeddedPostgres
from provvypay.launcher.process import Kept
from provvypay.launcher.roles import ensure_database, ensure_roles
from provvypay.launcher.supervisor import Service, StoppedError, Supervisor, stop_signals
from provvypay.launcher.trouble import CannotStartError
from provvypay.launcher.valkey import EmbeddedValkey

DATABASE = "provvypay"
SANDBOX_STATE = "sandbox.json"
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "LOG_LEVEL", "PROVVYPAY_SWEEP_SECONDS")
"""What the processes see of our own environment: nothing of it may point them at a real vendor."""
SEED_SECONDS = 180
SANDBOX_ASSETS = "USDT=hts:0.0.5000101 AUDD=erc20:0.0.5000202"
"""nobody has issued these two on testnet; the ids are the sandbox's own"""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a person chose."""

    folder: Path
    port: int
    sandbox_port: int
    wallet_port: int
    fresh: bool = False

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def wallet_url(self) -> str:
        return f"http://127.0.0.1:{self.wallet_port}"


def run(demo: Demo) -> int:
    """Run the demo until a person stops it, and return the exit code.

    :raises CannotStartError: when it cannot start, or a process ends by itself; the message is a sentence
    """
    with datafolder.only_demo_in(demo.folder) as lock:
        if demo.fresh:
            datafolder.empty(demo.folder)
        datafolder.demo_secrets(demo.folder)
        datafolder.check_sandbox_state(demo.folder / SANDBOX_STATE)
        supervisor = Supervisor(cwd=ROOT, hold=[lock])
        with stop_signals(supervisor.hurry):
            try:
                with servers(demo, supervisor, [lock]) as env:
                    try:
                        start_processes(demo, env, supervisor)
                        tell(demo, supervisor, seed(env, supervisor), database=env["DATABASE_OWNER_URL"])
                        reason = supervisor.wait()
                        supervisor.say(reason)
                        raise CannotStartError(reason)  # said again at the very end, below what the others had to say
                    finally:
                        datafolder.note_stopping(demo.folder)
                        supervisor.stop()
            except StoppedError:
                supervisor.stop()
                supervisor.say("everything is stopped; the data are kept for the next start.")
                return 0
            finally:
                datafolder.remove_notes(demo.folder)


@contextlib.contextmanager
def servers(demo: Demo, supervisor: Supervisor, hold: Sequence[int]) -> Iterator[dict[str, str]]:
    """Run PostgreSQL with roles and database, and Valkey; give the environment of the processes."""
    supervisor.say("starting PostgreSQL and Valkey …")
    with (
        EmbeddedPostgres(demo.folder / "postgres", hold=hold) as postgres,
        EmbeddedValkey(demo.folder / "valkey", hold=hold) as valkey,
    ):
        supervisor.watch("postgres", postgres.process)
        supervisor.watch("valkey", valkey.process)
        ensure_roles(postgres.url())
        ensure_database(postgres.url(), DATABASE)
        yield environment(demo, postgres, valkey)


def environment(demo: Demo, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> dict[str, str]:
    """Return every setting of the processes; vendors are the sandbox, or off."""
    return {
        "PROVVYPAY_SWEEP_SECONDS": "5",  # nobody wants to watch a demo for a minute until a link expires
        **{name: value for name in PASSED_ON if (value := os.environ.get(name))},
        **datafolder.demo_secrets(demo.folder),
        "PROVVYPAY_ENV": "development",
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": postgres.url("provvypay_web", DATABASE),
        "DATABASE_WORKER_URL": postgres.url("provvypay_worker", DATABASE),
        "DATABASE_OWNER_URL": postgres.url("provvypay_owner", DATABASE),
        "REDIS_URL": valkey.url,
        "PUBLIC_BASE_URL": demo.app_url,
        "STRIPE_API_BASE": f"{demo.sandbox_url}/stripe",
        "STRIPE_CHECKOUT_ORIGIN": demo.sandbox_url,
        "COINGECKO_API_BASE": f"{demo.sandbox_url}/coingecko/api/v3",
        "COINGECKO_PLAN": "demo",
        "HEDERA_NETWORK": "testnet",
        "HEDERA_MIRROR_NODE_URL": f"{demo.sandbox_url}/mirror_node",
        "WALLETCONNECT_PROJECT_ID": "0" * 32,  # the relay is our own, and asks for none
        "WALLETCONNECT_RELAY_URL": f"ws://127.0.0.1:{demo.wallet_port}",
        "HEDERA_ASSETS": SANDBOX_ASSETS,
        **xero(demo),
        "ENABLE_CARD_PAYMENTS": "1",
        "ENABLE_HEDERA_PAYMENTS": "1",
        "ENABLE_XERO_SYNC": "1",
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def xero(demo: Demo) -> dict[str, str]:
    """Return the settings of the sandbox's Xero and its one app. Xero sends nobody back to 127.0.0.1."""
    return {
        "XERO_CLIENT_ID": "5A4DB0C5A4DB0C5A4DB0C5A4DB0C0001",
        "XERO_CLIENT_SECRET": "sandbox-app-secret",
        "XERO_REDIRECT_URI": f"http://localhost:{demo.port}/xero/callback",
        **{f"XERO_{name}_BASE": f"{demo.sandbox_url}/xero" for name in ("API", "IDENTITY", "LOGIN", "APP")},
    }


def start_processes(demo: Demo, env: Mapping[str, str], supervisor: Supervisor) -> None:
    """Migrate, build the front end, and start sandbox, web, worker, clock and wallet, each healthy before the next.

    The sandbox comes first of all: the release looks at the Stripe account.
    """
    sandbox, *others = services(demo, env)
    supervisor.start(sandbox)
    supervisor.say("bringing the database up to date …")
    try:
        supervisor.run(Service("release", command("release"), env))
    except CannotStartError as trouble:
        raise CannotStartError(f"{trouble} If the data are of another version, --fresh begins anew.") from trouble
    frontend.build(say=supervisor.say)
    supervisor.say("starting the web server, the worker and the clock …")
    for service in others:
        supervisor.start(service)
    if wallet.is_complete(ROOT):
        stand_in = wallet.stand_in(find_node(), demo.wallet_port, demo.sandbox_url)
        supervisor.start(Service("wallet", stand_in, env, f"{demo.wallet_url}/health"))


def services(demo: Demo, env: Mapping[str, str]) -> list[Service]:
    """List the processes in the order of their start."""
    sandbox = [
        sys.executable, "-m", "provvypay.sandbox", "--port", str(demo.sandbox_port),
        "--state", str(demo.folder / SANDBOX_STATE), "--webhook-url", f"{demo.app_url}/webhooks/stripe",
        "--webhook-secret", env["STRIPE_WEBHOOK_SECRET"],
    ]  # fmt: skip
    web = [
        sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{demo.port}",
        "provvypay.app:create_app()",
    ]  # fmt: skip
    return [
        Service("sandbox", sandbox, env, f"{demo.sandbox_url}/_control/health"),
        Service("web", web, env, f"{demo.app_url}/health/ready"),
        Service("worker", [sys.executable, "worker.py"], env),
        Service("clock", command("clock"), env),
    ]


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "provvypay.cli", name, *arguments]


def seed(env: Mapping[str, str], supervisor: Supervisor) -> list[dict[str, object]]:
    """Let the product make its demo data by driving itself; return the JSON lines it prints."""
    supervisor.say("making the demo's data …")
    process = Kept(command("seed"), env=env, cwd=ROOT, output=subprocess.PIPE)
    too_long = threading.Timer(SEED_SECONDS, process.ask_to_end_now)
    too_long.start()
    told: list[dict[str, object]] = []
    if process.output is not None:
        for raw in process.output:
            line = raw.decode("utf-8", errors="replace").rstrip()
            found = as_object(line)
            if found is None:
                supervisor.say(f"seed: {line}")
            else:
                told.append(found)
    status = process.wait()
    too_long.cancel()
    if status != 0:
        raise CannotStartError("The demo's data could not be made; the reason is above. --fresh begins anew.")
    return told


def as_object(line: str) -> dict[str, object] | None:
    """Return the JSON object that a line is, or None."""
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        return found if isinstance(found, dict) else None
    return None


def tell(demo: Demo, supervisor: Supervisor, told: list[dict[str, object]], *, database: str) -> None:
    """Print addresses and sign-ins, and write them where other programs find them."""
    sign_ins = [entry for entry in told if "email" in entry]
    note: dict[str, object] = {
        "app": demo.app_url,
        "sandbox": demo.sandbox_url,
        "wallet": demo.wallet_url if wallet.is_complete(ROOT) else None,
        "database": database,
        "sign_ins": sign_ins,
        "seeded": [entry for entry in told if "email" not in entry],
        "data": str(demo.folder),
        "pids": {"supervisor": os.getpid(), **supervisor.pids()},
    }
    datafolder.leave_notes(demo.folder, note)
    lines = ["", "Provvypay is running.", f"  the product   {demo.app_url}", f"  the sandbox   {demo.sandbox_url}"]
    lines += [f"  a wallet      {demo.wallet_url}", ""] if note["wallet"] else [""]
    if sign_ins:
        lines.append("Sign in as")
    lines += [
        f"  {entry['email']}  {entry.get('password', '')}  ({entry.get('role', '')}, {entry.get('organization', '')})"
        for entry in sign_ins
    ]
    for line in [*lines, "", "Ctrl-C stops everything; the next start finds these data again, --fresh begins anew."]:
        supervisor.say(line)
