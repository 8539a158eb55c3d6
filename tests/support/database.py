"""The database as the tests see it: the product through its own roles, the tests as a superuser beside it."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, Row, create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from provvypay.kit import db
from provvypay.kit.settings import Settings

_role: ContextVar[str] = ContextVar("role", default="web")


class Roles:
    """Stands where `kit.db` keeps its session factory, and begins in the role the running code would have.

    In production web and worker are two processes with a database role each. Here both run in one process, and a job
    must still not be able to do what only the web may.
    """

    def __init__(self, settings: Settings) -> None:
        """Make one engine for each role."""
        self._engines = {
            role: create_engine(
                db.driver_url(url),
                pool_size=20,
                max_overflow=0,
                connect_args={"options": "-c statement_timeout=15000 -c lock_timeout=10000 -c timezone=UTC"},
            )
            for role, url in (("web", settings.database_url), ("worker", settings.database_worker_url))
        }
        self._factories = {role: sessionmaker(engine, expire_on_commit=False) for role, engine in self._engines.items()}

    def begin(self) -> contextlib.AbstractContextManager[Session]:
        """Begin a transaction in the present role."""
        return self._factories[_role.get()].begin()

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()


@contextlib.contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Run the block in another role: `worker` for whatever a job or the clock would do."""
    mark = _role.set(role)
    try:
        yield
    finally:
        _role.reset(mark)


class Observer:
    """A superuser's connection of its own: sees every organization, past row-level security."""

    def __init__(self, url: str) -> None:
        """Connect when first asked."""
        self.engine: Engine = create_engine(db.driver_url(url), isolation_level="AUTOCOMMIT", pool_size=2)

    def sql(self, statement: str, **given: Any) -> Sequence[Row[Any]]:
        """Run a statement and return its rows, or nothing."""
        with self.engine.connect() as connection:
            result = connection.execute(text(statement), given)
            return result.all() if result.returns_rows else []

    def count(self, table: str, organization_id: uuid.UUID) -> int:
        """Return how many rows of a table belong to an organization."""
        return int(self.sql(f"SELECT count(*) FROM {table} WHERE organization_id = :id", id=organization_id)[0][0])

    def fingerprint(self, *, but: tuple[str, ...] = ()) -> dict[str, str]:
        """Return a hash of the content of every table, to see whether anything changed."""
        tables = [
            row.relname
            for row in self.sql(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            )
        ]
        hashed = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
        return {table: self.sql(hashed.format(table))[0][0] for table in sorted(tables) if table not in but}


def in_threads(
    count: int, work: Callable[[Session], Any], organization_id: uuid.UUID, *, role: str = "worker"
) -> list[BaseException]:
    """Run `work` in so many threads at the same moment, each in a transaction of its own; return what they raised."""

    def one(_number: int) -> None:
        with acting_as(role), db.transaction(organization_id) as session:
            work(session)

    return [result for result in together(count, one) if isinstance(result, BaseException)]


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Call `work` in so many threads at the same moment; return what each returned or raised."""
    results: list[Any] = [None] * count
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait(timeout=20)
        try:
            results[number] = work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test, which judges it
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results
