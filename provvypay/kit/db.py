"""One transaction, opened at the edge: the only place that begins, commits or rolls back.

Services take the session and never commit; a flow, job or view writes `with transaction(...)` once per act.
See docs/decisions/0002-one-transaction-opened-at-the-edge.md.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

Result = TypeVar("Result")

# Anything the database or the way to it can raise, for edges that wait it out and know no SQL (jobs).
DatabaseTrouble = SQLAlchemyError

_engine: Engine | None = None
_factory: sessionmaker[Session] | None = None
_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)

# Serialization failure and deadlock: PostgreSQL undid everything, so the same work may simply be done again.
_RETRYABLE = {"40001", "40P01"}


def configure(url: str, *, pool_size: int = 8, statement_timeout_ms: int = 5000, name: str = "provvypay") -> Engine:
    """Make the process's engine. Connections are opened when first used."""
    global _engine, _factory  # noqa: PLW0603 - one process, one engine
    if _engine is not None:
        _engine.dispose()
    _engine = create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_pre_ping=False,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": 3,
            "application_name": name,
            "options": (
                f"-c statement_timeout={statement_timeout_ms} -c lock_timeout=3000 "
                "-c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
            ),
        },
    )
    _factory = sessionmaker(_engine, expire_on_commit=False)
    return _engine


def driver_url(url: str) -> str:
    """Name the driver (psycopg 3) in a plain postgresql:// address."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def engine() -> Engine:
    """Return the process's engine.

    :raises RuntimeError: before configure()
    """
    if _engine is None:
        raise RuntimeError("db.configure() was not called")
    return _engine


@contextlib.contextmanager
def transaction(organization_id: uuid.UUID | None = None) -> Iterator[Session]:
    """Open one transaction; commit on success, roll back on any exception.

    Callbacks left with on_commit() run after the commit and never after a rollback.

    :param organization_id: whose rows may be seen and written; without it row-level security refuses every tenant table
    :raises RuntimeError: when one is already open: pass its session down instead
    """
    if _inside.get():
        raise RuntimeError("a transaction is already open; pass its session down")
    if _factory is None:
        raise RuntimeError("db.configure() was not called")
    callbacks: list[Callable[[], object]] = []
    mark = _inside.set(True)
    try:
        with _factory.begin() as session:
            session.info["on_commit"] = callbacks
            if organization_id is not None:
                enter_organization(session, organization_id)
            yield session
    finally:
        _inside.reset(mark)
    for callback in callbacks:
        callback()


def enter_organization(session: Session, organization_id: uuid.UUID) -> None:
    """Let the rest of this transaction see and write one organization's rows (for code that learns it late)."""
    _ENTER.run(session, {"id": str(organization_id)})
    session.info["organization_id"] = organization_id


def on_commit(session: Session, callback: Callable[[], object]) -> None:
    """Leave something to be done once the transaction has committed; it must not raise, and its answer is not read."""
    session.info["on_commit"].append(callback)


def in_transaction(
    work: Callable[[Session], Result], organization_id: uuid.UUID | None = None, *, tries: int = 3
) -> Result:
    """Run `work` in a transaction of its own, again after a deadlock or a serialization failure.

    :raises DBAPIError: the last failure, when all tries met one
    """
    for attempt in range(1, tries + 1):
        try:
            with transaction(organization_id) as session:
                return work(session)
        except DBAPIError as error:
            if sqlstate(error) not in _RETRYABLE or attempt == tries:
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")  # pragma: no cover


class Statement:
    """A statement of a hot path: straight to the driver, in the session's transaction, with SQLAlchemy's errors.

    Of what a small statement costs this process, SQLAlchemy's part is three quarters (benchmarks/RESULTS.md). Where
    several are sent for one act, that decides how many acts there are in a second; everywhere else text() does.
    """

    def __init__(self, sql: str) -> None:
        """Take a statement written as for text(), with `:name` for what is given."""
        self.sql = _PLACE.sub(r"%(\1)s", sql.replace("%", "%%"))

    def run(self, session: Session, given: Mapping[str, object]) -> psycopg.Cursor[Any]:
        """Send it and return the driver's cursor; its rows have their columns' names.

        :raises DBAPIError: as text() would
        """
        session.flush()
        connection = session.connection()
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        cursor = driver.cursor(row_factory=namedtuple_row)
        for tell in connection.dispatch.before_cursor_execute:
            tell(connection, cursor, self.sql, given, None, False)  # noqa: FBT003 - SQLAlchemy's listeners, tracing too
        try:
            return cursor.execute(self.sql, given)
        except psycopg.Error as error:
            if driver.closed:
                connection.invalidate(error)
            wrapped = DBAPIError.instance(self.sql, dict(given), error, psycopg.Error)
            raise wrapped from error


# A name after a single colon; two of them are a cast, and a digit behind one is a time.
_PLACE = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_ENTER = Statement("SELECT set_config('app.org_id', :id, true)")


def changed(result: object) -> int:
    """Return how many rows an INSERT, UPDATE or DELETE wrote.

    :param result: what Session.execute() or Statement.run() gave for it
    :raises RuntimeError: for an insert of mapped rows, whose count SQLAlchemy does not know (-1): use RETURNING there
    """
    count = cast("CursorResult[Any]", result).rowcount
    if count < 0:
        raise RuntimeError("this statement does not say how many rows it wrote; use RETURNING")
    return count


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's five-letter code of a database error, if it has one."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


@contextlib.contextmanager
def snapshot(url: str, *, role: str) -> Iterator[Connection]:
    """Read a database as it is at one moment, as another role: one connection, one transaction that writes nothing.

    :param url: signed in as a role that may become `role`
    """
    reader = create_engine(driver_url(url), poolclass=NullPool, isolation_level="REPEATABLE READ")
    try:
        with reader.connect() as connection, connection.begin():
            connection.execute(text("SET TRANSACTION READ ONLY"))
            connection.execute(text("SELECT set_config('role', :role, true)"), {"role": role})
            yield connection
    finally:
        reader.dispose()


def assert_outside_transaction() -> None:
    """Refuse to call the world while a transaction is open: a slow vendor would hold our locks.

    :raises RuntimeError: when one is open
    """
    if _inside.get():
        raise RuntimeError("no vendor is called inside a transaction; fetch first, then transact")
