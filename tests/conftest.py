"""What every test may ask for. Nothing is started before a test asks, and nothing is mocked: see tests/support.

Tests commit for real, because deferred triggers judge at the commit; they part by organization instead of rolling back.
At the end of each worker's session the books of its database must be clean.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from werkzeug.serving import make_server

from provvypay.domain.roles import Role
from provvypay.kit import db
from provvypay.kit.settings import Settings, load
from provvypay.launcher.ports import free_port
from provvypay.launcher.valkey import EmbeddedValkey
from provvypay.sandbox.server import running
from tests.support import factories, queues
from tests.support.client import HtmlClient
from tests.support.database import Observer, Roles
from tests.support.database import in_threads as run_in_threads
from tests.support.factories import Make, Merchant
from tests.support.live import LiveApp
from tests.support.rates import forget_rates
from tests.support.sandbox import SandboxControl
from tests.support.servers import Cluster, environment
from tests.support.servers import cluster as start_cluster

_shared = contextlib.ExitStack()

# No test of ours leaves this machine, whatever proxy its environment names.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


# ---------------------------------------------------------------- servers


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start PostgreSQL in the process that controls the workers, once, and hand its address to each."""
    controller = node.config
    if not hasattr(controller, "provvypay_cluster"):
        controller.provvypay_cluster = _shared.enter_context(start_cluster())
    node.workerinput["provvypay_superuser_url"] = controller.provvypay_cluster.superuser_url


def pytest_unconfigure() -> None:
    """Stop what the controlling process started."""
    _shared.close()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The PostgreSQL of this run, with a migrated template."""
    handed_over = getattr(request.config, "workerinput", {}).get("provvypay_superuser_url")
    if handed_over:
        yield Cluster(handed_over)
        return
    with start_cluster() as started:
        yield started


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    return str(getattr(request.config, "workerinput", {}).get("workerid", "alone"))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def app_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def app_url(app_port: int) -> str:
    return f"http://127.0.0.1:{app_port}"


@pytest.fixture(scope="session")
def sandbox_server(app_url: str) -> Iterator[SandboxControl]:
    """The vendors' stand-in, whose webhooks come to this worker's own application."""
    with running(webhook_url=f"{app_url}/webhooks/stripe", webhook_secret="whsec_of_the_tests_0123456789") as started:
        control = SandboxControl(started.url)
        control.calm()
        yield control
        control.close()


# ---------------------------------------------------------------- the product under test


@pytest.fixture(scope="session")
def settings(
    cluster: Cluster, worker_name: str, valkey: EmbeddedValkey, app_url: str, sandbox_server: SandboxControl
) -> Settings:
    database = f"test_{worker_name}"
    cluster.copy_template(database)
    return load(environment(cluster, database, redis_url=valkey.url, app_url=app_url, sandbox_url=sandbox_server.url))


@pytest.fixture(scope="session")
def observer(cluster: Cluster, settings: Settings, worker_name: str) -> Iterator[Observer]:
    """A superuser beside the product."""
    watching = Observer(cluster.url("postgres", f"test_{worker_name}"))
    yield watching
    watching.engine.dispose()


@pytest.fixture(scope="session")
def product(settings: Settings, observer: Observer) -> Iterator[Flask]:
    """The application, wired as in production, in a process that may act as web and as worker."""
    from provvypay.app import create_app

    app = create_app(settings)
    # Bound anew at each call, so that a test can read what is logged.
    structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
    roles = Roles(settings)
    plain, db._factory = db._factory, roles  # type: ignore[assignment]
    yield app
    db._factory = plain
    roles.dispose()
    db.engine().dispose()
    _check_books(settings)


def _check_books(settings: Settings) -> None:
    """Verify every invariant over all that the tests left behind."""
    if find_spec("provvypay.services.check_books") is None:
        return
    from provvypay.services.check_books.run import check_all

    breaches = [str(breach) for breach in check_all(settings.database_owner_url)]
    assert not breaches, "the books are not clean after the tests:\n" + "\n".join(breaches)


@pytest.fixture(scope="session")
def web_server(product: Flask, app_port: int) -> Iterator[None]:
    """The application over HTTP, where the sandbox's webhooks arrive."""
    server = make_server("127.0.0.1", app_port, product, threaded=True)
    server.log = lambda *_args: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


@pytest.fixture(scope="session")
def noise(product: Flask) -> Merchant:
    """A neighbour whose rows no page, query or count of a test may ever meet."""
    return factories.make_noise()


@pytest.fixture
def app(product: Flask, observer: Observer) -> Flask:
    """The application; what earlier tests rang for is forgotten, and what they left to be done counts as new.

    No worker runs between tests, so in a run of more than five minutes health would rightly say that work is stuck.
    """
    queues.forget_jobs()
    observer.sql(
        "UPDATE outbox SET available_at = clock_timestamp() WHERE done_at IS NULL AND dead_at IS NULL"
        " AND available_at < clock_timestamp() - interval '2 minutes'"
    )
    observer.sql(
        "UPDATE inbox SET received_at = clock_timestamp(), next_attempt_at = clock_timestamp()"
        " WHERE state = 'NEW' AND next_attempt_at < clock_timestamp() - interval '2 minutes'"
    )
    observer.sql(
        "UPDATE hedera_cursors SET next_poll_at = clock_timestamp() + interval '1 year', failures = 0"
        " WHERE next_poll_at < clock_timestamp() - interval '2 minutes' OR failures > 0"
    )
    return product


@pytest.fixture
def make(app: Flask, noise: Merchant) -> Make:
    """The factories, with an organization of this test's own."""
    return Make()


@pytest.fixture
def sandbox(web_server: None, sandbox_server: SandboxControl) -> Iterator[SandboxControl]:
    """The sandbox's control door; its weather is calm again after the test."""
    yield sandbox_server
    sandbox_server.calm()


@pytest.fixture
def no_rates(app: Flask, observer: Observer, sandbox: SandboxControl) -> Iterator[None]:
    """Begin as if no rate was ever fetched, and leave none behind that the next fetch would have to be measured by."""
    forget_rates(observer)
    yield
    forget_rates(observer)


@pytest.fixture
def run_jobs() -> Callable[[], int]:
    """Work the queues until they are empty."""
    return queues.run_jobs


@pytest.fixture
def in_threads(make: Make) -> Callable[..., list[BaseException]]:
    """Run work in so many threads at once, each in a transaction of the test's organization; return what was raised."""

    def run(count: int, work: Callable[[Any], Any], merchant: Merchant | None = None, *, role: str = "worker") -> Any:
        return run_in_threads(count, work, (merchant or make.merchant).organization_id, role=role)

    return run


@pytest.fixture
def rows(make: Make, observer: Observer) -> Callable[..., tuple[int, ...]]:
    """Count rows of the test's organization, past row-level security."""

    def count(*models: Any, merchant: Merchant | None = None) -> tuple[int, ...]:
        organization_id = (merchant or make.merchant).organization_id
        return tuple(observer.count(model.__tablename__, organization_id) for model in models)

    return count


# ---------------------------------------------------------------- the product as processes of its own


@pytest.fixture(scope="session")
def live_server(cluster: Cluster, worker_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    started = LiveApp(cluster, f"live_{worker_name}", tmp_path_factory.mktemp("live"))
    try:
        yield started
    finally:
        started.close()
        _check_books(started.settings)


@pytest.fixture
def live_app(live_server: LiveApp) -> LiveApp:
    """The running product, whole again after whatever the last test did to it."""
    live_server.heal()
    return live_server


# ---------------------------------------------------------------- visitors


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The Chromium of this worker; every test opens contexts of its own."""
    from tests.support.browser import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def new_client(app: Flask, app_url: str) -> Callable[[], HtmlClient]:
    return lambda: HtmlClient(app, app_url)


@pytest.fixture
def client(new_client: Callable[[], HtmlClient]) -> HtmlClient:
    """A visitor nobody knows."""
    return new_client()


@pytest.fixture
def signed_in(make: Make, new_client: Callable[[], HtmlClient]) -> Callable[..., HtmlClient]:
    """Return a member's browser, with a session in the test's organization."""

    def enter(role: Role = Role.OWNER, merchant: Merchant | None = None) -> HtmlClient:
        merchant = merchant or make.merchant
        person = make.member(role, merchant)
        return new_client().hold(make.session_token(person, merchant))

    return enter


@pytest.fixture(scope="session")
def specs() -> Path:
    """The vendors' own contracts, where they are."""
    folder = Path(os.environ.get("PROVVYPAY_SPECS", Path(__file__).parents[2] / "shared" / "specs"))
    if not folder.is_dir():
        pytest.skip(f"the vendors' contracts are not at {folder} (set PROVVYPAY_SPECS)")
    return folder
