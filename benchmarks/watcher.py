"""`python -m benchmarks.watcher`: how soon transfers are seen, and how many requests that costs, for many accounts.

The product's own clock and worker read the sandbox's mirror node. Every account is some merchant's with one open link
that showed a price; of some of them a customer has the page open. Transfers go to accounts of both kinds, one after the
other; a transfer's consensus time and the moment its row was written are both of this machine's clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Engine, create_engine, text

from benchmarks import load, machine
from benchmarks.rounds import grid, number
from benchmarks.stage import Stage, running, stage
from provvypay.domain.hedera_ids import moment_of, timestamp_at
from provvypay.domain.rates import RateTable
from provvypay.flows import hedera_presence
from provvypay.kit import process
from provvypay.kit.clock import now
from provvypay.kit.db import driver_url, enter_organization, transaction
from provvypay.kit.ids import uuid7
from provvypay.services import organizations, payment_links, sign_in
from provvypay.services.audit import Actor
from provvypay.services.payment_links import LinkDetails

SIZES = ((1, 1), (50, 10), (1000, 0), (1000, 30))
"""accounts, and of how many somebody waits on the page"""
_QUOTE = """
    INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor, currency,
        idempotency_key, expires_at, asset_amount, rate, rate_source, rate_as_of, hedera_account_id, entity_id)
    VALUES (:quote, :org, :link, 1, 'HBAR', 'READY', 10000, 'AUD', CAST(:quote AS text), now() + interval '1 day',
        40000000000, 0.25, 'COINGECKO', now(), :account, 'HBAR')
"""
_SEEN = "SELECT consensus_timestamp, seen_at FROM hedera_transfers WHERE transaction_id = :name"
_ACCOUNT = """
    INSERT INTO hedera_accounts (id, organization_id, network, account_id) VALUES (:account, :org, 'testnet', :name)
"""
_CURSOR = """
    INSERT INTO hedera_cursors (hedera_account_id, organization_id, network, account_id, seen_until, next_poll_at,
        swept_at)
    VALUES (:account, :org, 'testnet', :name, :at, now() + random() * interval '1 minute',
        now() - random() * interval '15 minutes')
"""


@dataclass(slots=True)
class Seen:
    """What one size showed."""

    accounts: int
    watched: int
    per_second: float = 0.0
    peak: int = 0
    of_watched: list[float] = field(default_factory=list)
    of_others: list[float] = field(default_factory=list)
    missing: int = 0


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher", description=__doc__)
    parser.add_argument("--seconds", type=int, default=75, help="of measuring, for each size [75]")
    parser.add_argument("--sizes", default="", help="such as 1:1,50:10")
    given = parser.parse_args()
    sizes = [tuple(map(int, one.split(":"))) for one in given.sizes.split(",")] if given.sizes else SIZES
    found = []
    for accounts, watched in sizes:
        with contextlib.ExitStack() as started:
            where = started.enter_context(stage())
            about = machine.describe(where.superuser_url)
            found.append(_measure(started, where, accounts, watched, given.seconds))
    print(about)
    print(f"\n{_table(found)}\n")


def _measure(started: contextlib.ExitStack, where: Stage, accounts: int, watched: int, seconds: int) -> Seen:
    more = {"ENABLE_HEDERA_PAYMENTS": "1", "LOG_LEVEL": "WARNING"}
    health = f"127.0.0.1:{where.sandbox_port}/_control/health"
    sandbox = [sys.executable, "-m", "provvypay.sandbox", "--port", str(where.sandbox_port)]
    started.enter_context(running(where, "sandbox", sandbox, health=health))
    process.start(where.settings(), role="web")
    observer = create_engine(driver_url(where.superuser_url), isolation_level="AUTOCOMMIT")
    say(f"{accounts} accounts, {watched} watched: making them …")
    rows = _merchants(where, observer, accounts)
    started.enter_context(running(where, "worker", [sys.executable, "worker.py", "hedera"], **more))
    started.enter_context(running(where, "clock", [sys.executable, "-m", "provvypay.cli", "clock"], **more))
    seen = Seen(accounts, watched)
    waiting, others = rows[:watched], rows[watched:]
    _let_it_settle(waiting, seconds=min(seconds, 20))
    _control(where, "DELETE", "mirror_node/requests")
    say(f"measuring for {seconds} s …")
    sent, begun = _pay_meanwhile(where, waiting, others, seconds)
    asked = _control(where, "GET", "mirror_node/requests")
    seen.per_second, seen.peak = asked["total"] / (time.monotonic() - begun), asked["peak_per_second"]
    _let_it_settle(waiting, seconds=70 if others else 6)
    for name, (account, is_watched) in sent.items():
        with observer.connect() as connection:
            row = connection.execute(text(_SEEN), {"name": name}).one_or_none()
        if row is None:
            seen.missing += 1
            say(f"not seen: {name} on {account}")
            continue
        wait = (row.seen_at - moment_of(row.consensus_timestamp)).total_seconds()
        (seen.of_watched if is_watched else seen.of_others).append(wait)
    return seen


def _merchants(where: Stage, observer: Engine, count: int) -> list[tuple[str, uuid.UUID]]:
    made = _control(where, "POST", "mirror_node/accounts", count=count, role="merchant", all_tokens=True)["accounts"]
    with transaction() as session:
        owner = Actor("USER", sign_in.register(session, email="owner@people.example", name="Owner", password_hash="-"))
    rows = []
    for one in made:
        org, account = uuid7(), uuid7()
        with transaction() as session:
            enter_organization(session, org)
            organizations.create(
                session, org, name="Shop", currency="AUD", time_zone="UTC", owner_id=owner.id or org, actor=owner
            )
            details = LinkDetails(10000, "AUD", "A thing")
            link = payment_links.create(session, org, details, RateTable(), actor=owner, now=now())
        given = {"org": org, "account": account, "name": one["account"], "link": link.id, "quote": uuid7(),
                 "at": timestamp_at(now())}  # fmt: skip
        with observer.connect() as connection:
            for statement in (_ACCOUNT, _CURSOR, _QUOTE):
                connection.execute(text(statement), given)
        rows.append((one["account"], account))
    with observer.connect() as connection:
        connection.execute(text("ANALYZE"))
    return rows


def _pay_meanwhile(
    where: Stage, waiting: list[tuple[str, uuid.UUID]], others: list[tuple[str, uuid.UUID]], seconds: int
) -> tuple[dict[str, tuple[str, bool]], float]:
    """Send a transfer now and then; return them by their ids, and when it began."""
    begun = time.monotonic()
    sent: dict[str, tuple[str, bool]] = {}
    chance = random.Random(7)
    while time.monotonic() - begun < seconds:
        for watched, rows in ((True, waiting), (False, others)):
            if rows:
                account, _ = chance.choice(rows)
                answer = _control(where, "POST", "mirror_node/transfers", to=account, units=100, memo="hello")
                sent[answer["transaction_id"]] = (account, watched)
        _stay(waiting)
        time.sleep(chance.uniform(0.5, 2.5))
    return sent, begun


def _let_it_settle(waiting: list[tuple[str, uuid.UUID]], *, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        _stay(waiting)
        time.sleep(1)


def _stay(waiting: list[tuple[str, uuid.UUID]]) -> None:
    """Poll as the open pages would."""
    for _, row in waiting:
        hedera_presence.customer_is_watching(row)


def _table(found: list[Seen]) -> str:
    rows = [("accounts", "of them watched", "requests/s", "peak", "seen, watched: p50, p95", "seen, others: p50, p95")]
    rows += [
        (
            f"{one.accounts:,}", str(one.watched), number(one.per_second), str(one.peak), _times(one.of_watched),
            _times(one.of_others) + (f", {one.missing} missing" if one.missing else ""),
        )
        for one in found
    ]  # fmt: skip
    return grid(rows)


def _times(waits: list[float]) -> str:
    if len(waits) < 2:
        return "–"
    return f"{number(median(waits))} s, {number(quantiles(waits, n=20)[-1])} s of {len(waits)}"


def _control(where: Stage, method: str, path: str, **wanted: Any) -> Any:
    body = json.dumps(wanted).encode() if method == "POST" else None
    headers = {"Content-Type": "application/json"} if body else {}
    with contextlib.closing(load.Connection(where.sandbox_port)) as connection:
        asked = load.request(where.sandbox_port, f"/_control/{path}", headers, body)
        if method == "DELETE":
            asked = asked.replace(b"GET ", b"DELETE ", 1)
        answer = connection.ask(asked)
    if answer.status >= 300:
        raise RuntimeError(f"the sandbox answers {answer.status} to {path}: {answer.body!r}")
    return json.loads(answer.body)


def say(text_: str) -> None:
    """Say how far we are, beside the figures."""
    print(f"benchmarks: {text_}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
