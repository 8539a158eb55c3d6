"""Where hostile writes are thrown: a healthy database, its four roles, and the words to say what must be refused."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.check_books.world import World
from tests.support.servers import Cluster

Write = Callable[..., psycopg.Cursor[Any]]

ROLES = ("web", "worker", "owner")
SIGNING_IN = ("web", "worker")
OURS = "ours"
"""the organization of the world that is being attacked from within"""


class Ground:
    """Opens connections in a role, inside an organization, and sees writes refused."""

    def __init__(self, cluster: Cluster, database: str, world: World) -> None:
        self.cluster = cluster
        self.database = database
        self.world = world
        self.ids = world.ids

    def connect(self, role: str) -> psycopg.Connection[Any]:
        """Sign in; `owner` is the role that owns the schema, `postgres` the superuser."""
        name = role if role == "postgres" else f"provvypay_{role}"
        return psycopg.connect(self.cluster.url(name, self.database))

    @contextlib.contextmanager
    def acting(self, role: str, organization: str | None = OURS) -> Iterator[Write]:
        """Run statements as a role and commit at the end.

        :param organization: whose rows the transaction may see; None leaves it unsaid
        """
        with self.connect(role) as connection:
            self._enter(connection, organization)
            yield self.writer(connection)

    @contextlib.contextmanager
    def refuses(self, role: str, sqlstate: str, why: str = "", *, organization: str | None = OURS) -> Iterator[Write]:
        """Run statements as a role, commit, and expect PostgreSQL to refuse one or the other.

        :param why: a part of what it must say
        """
        refused: psycopg.Error | None = None
        with self.connect(role) as connection:
            self._enter(connection, organization)
            try:
                yield self.writer(connection)
                connection.commit()
            except psycopg.Error as error:
                connection.rollback()
                refused = error
        if refused is None:
            pytest.fail(f"{role} got away with it", pytrace=False)
        assert (refused.sqlstate, why in str(refused)) == (sqlstate, True), str(refused)

    def loses(
        self, role: str, sqlstate: str, work: Callable[[Write], Any], winner: contextlib.AbstractContextManager[Any]
    ) -> None:
        """Run work while another transaction holds what it wants; when that has committed, PostgreSQL refuses it.

        :param winner: a transaction that has written already and commits as it ends
        """
        outcome: list[str | None] = []

        def run(connection: psycopg.Connection[Any]) -> None:
            try:
                self._enter(connection, OURS)
                work(self.writer(connection))
                connection.commit()
                outcome.append("got away with it")
            except psycopg.Error as error:
                outcome.append(error.sqlstate)

        with self.connect(role) as connection:
            loser = threading.Thread(target=run, args=(connection,))
            with winner:
                loser.start()
                self._wait_until_blocked(connection.info.backend_pid)
            loser.join(timeout=20)
            connection.rollback()
        assert outcome == [sqlstate]

    def _wait_until_blocked(self, pid: int) -> None:
        deadline = time.monotonic() + 20
        with self.connect("postgres") as watching:
            watching.autocommit = True
            while one(watching.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid])) == "0":
                assert time.monotonic() < deadline, "the second transaction does not wait for the first"
                time.sleep(0.01)

    def _enter(self, connection: psycopg.Connection[Any], organization: str | None) -> None:
        if organization is not None:
            name = self.ids["organization"] if organization == OURS else organization
            connection.execute("SELECT set_config('app.org_id', %s, true)", [name])

    def writer(self, connection: psycopg.Connection[Any]) -> Write:
        """Return a function that runs SQL with named values; the world's ids are there by their names."""

        def write(statement: str | sql.Composed, **given: Any) -> psycopg.Cursor[Any]:
            return connection.execute(statement, self.ids | {"org": self.ids["organization"]} | given)  # type: ignore[arg-type]

        return write


def one(cursor: psycopg.Cursor[Any]) -> str:
    """Return the only value of the only row, as text."""
    row = cursor.fetchone()
    assert row is not None, "there is no such row"
    return str(row[0])


def new() -> str:
    """Return an id nobody has."""
    return str(uuid.uuid4())


# ---------------------------------------------------------------- what money writes, one row at a time

Line = tuple[str, str, int]


def step(write: Write, link: str, source: str, target: str, event: str, **given: Any) -> None:
    """Write a status event, by the system unless somebody is named."""
    write(
        "INSERT INTO link_status_events (link_id, organization_id, seq, from_status, to_status, event, actor_type,"
        " actor_id, reason, effective_at)"
        " VALUES (%(link)s, %(org)s, 0, %(source)s, %(target)s, %(event)s, %(actor_type)s,"
        " %(actor_id)s, %(reason)s, now())",
        **({"actor_type": "SYSTEM", "actor_id": None, "reason": ""} | given),
        link=link,
        source=source,
        target=target,
        event=event,
    )


def journal(
    write: Write,
    kind: str,
    source: tuple[str, str],
    lines: Sequence[Line],
    *,
    link: str | None,
    currency: str = "AUD",
    **given: Any,
) -> str:
    """Write a journal and its lines, each in one statement; return its id."""
    journal_id = new()
    write(
        "INSERT INTO journals (id, organization_id, kind, source_type, source_id, currency, effective_at, description,"
        " link_id, reverses_id) VALUES (%(id)s, %(org)s, %(kind)s, %(source_type)s, %(source_id)s, %(currency)s, now(),"
        " 'x', %(link)s, %(reverses)s)",
        **({"reverses": None} | given),
        id=journal_id,
        kind=kind,
        source_type=source[0],
        source_id=source[1],
        currency=currency,
        link=link,
    )
    entries(write, journal_id, lines, currency=currency)
    return journal_id


def entries(write: Write, journal_id: str, lines: Sequence[Line], *, first: int = 1, currency: str = "AUD") -> None:
    """Write lines of a journal in one statement."""
    if not lines:
        return
    rows = sql.SQL(", ").join(
        sql.SQL("(%(id)s, {}, %(org)s, {}, {}, {}, %(currency)s)").format(number, account, side, amount)
        for number, (account, side, amount) in enumerate(lines, start=first)
    )
    write(
        sql.SQL(
            "INSERT INTO ledger_entries (journal_id, line_no, organization_id, account_code, side,"
            " amount_minor, currency)"
            " VALUES {}"
        ).format(rows),
        id=journal_id,
        currency=currency,
    )


def pair(debit: str, credit: str, amount: int) -> list[Line]:
    """Return two lines that balance."""
    return [(debit, "DEBIT", amount), (credit, "CREDIT", amount)]


def payment(write: Write, link: str | None, amount: int = 100_00, *, outcome: str = "SETTLED", **given: Any) -> str:
    """Write money that arrived; return its id."""
    payment_id = new()
    write(
        "INSERT INTO payments (id, organization_id, link_id, attempt_id, provider, provider_reference, value_minor,"
        " currency, occurred_at, outcome, evidence) VALUES (%(id)s, %(org)s, %(link)s, %(attempt)s, %(provider)s,"
        " %(reference)s, %(amount)s, %(currency)s, now(), %(outcome)s, '{}')",
        **({"attempt": None, "provider": "STRIPE", "reference": f"pi_{payment_id}", "currency": "AUD"} | given),
        id=payment_id,
        link=link,
        amount=amount,
        outcome=outcome,
    )
    return payment_id


def settlement(write: Write, link: str, amount: int = 100_00, currency: str = "AUD") -> str:
    """Write a settlement; return its id."""
    settlement_id = new()
    write(
        "INSERT INTO settlements (id, organization_id, link_id, amount_minor, currency, settled_at)"
        " VALUES (%(id)s, %(org)s, %(link)s, %(amount)s, %(currency)s, now())",
        id=settlement_id,
        link=link,
        amount=amount,
        currency=currency,
    )
    return settlement_id


def part(write: Write, settlement_id: str, payment_id: str, amount: int = 100_00) -> None:
    """Let a settlement take of a payment."""
    write(
        "INSERT INTO settlement_parts VALUES (%(settlement)s, %(payment)s, %(org)s, %(amount)s, 'AUD')",
        settlement=settlement_id,
        payment=payment_id,
        amount=amount,
    )


def settle(write: Write, link: str, *left_out: str, amount: int = 100_00) -> tuple[str, str]:
    """Write all that a settlement is, but for what is left out; return its id and the payment's.

    :param left_out: of payment, part, step, sale and receipt
    """
    payment_id = new() if "payment" in left_out else payment(write, link, amount)
    settlement_id = settlement(write, link, amount)
    if not {"payment", "part"} & set(left_out):
        part(write, settlement_id, payment_id, amount)
    if "step" not in left_out:
        step(write, link, "OPEN", "PAID", "link.paid")
    source = ("SETTLEMENT", settlement_id)
    if "sale" not in left_out:
        journal(write, "SALE", source, pair("1200", "4000", amount), link=link)
    if "receipt" not in left_out:
        journal(write, "PAYMENT", source, pair("1050", "1200", amount), link=link)
    return settlement_id, payment_id
