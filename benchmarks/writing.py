"""Writes per second, the product's settle() and create_link() against the same rows by pgbench.

Three limits, from the nearest to the farthest: the very statements the product sends; the same rows in one statement
per transaction, with all guards; and that statement as superuser with triggers, foreign keys and row security off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import crew as crews
from benchmarks import pgbench, rows
from benchmarks.merchant import DESCRIPTION, Merchant, short_code
from benchmarks.recording import ScriptWriter, recording
from benchmarks.rounds import Comparison, Measure
from benchmarks.stage import Stage

CLIENTS = 4
WARM_UP_SECONDS = 0.5
SQL = Path(__file__).with_name("sql")
_UNGUARDED = "-c session_replication_role=replica"
# Where triggers are off, nothing moves the link or dates the entries, so the statement does it.
_MOVED: dict[str, dict[str, str]] = {
    "settle": {
        "/*MOVED*/": """), moved AS (
    UPDATE payment_links SET status = 'PAID', status_seq = 2, version = version + 1, paid_at = moment FROM given
    WHERE id = link_id""",
        "/*LATER COLUMNS*/": ", effective_at",
        "/*LATER VALUES*/": ", posted.effective_at",
    },
    "create": {
        "/*COLUMNS*/": ", status, status_seq, opened_at, version",
        "/*VALUES*/": ", 'OPEN', 1, now(), 2",
    },
}
_GOALS = {"settle": "≥ 0.35", "create": "≥ 0.10"}
_FACTS = (
    '{"amount_minor": 12050, "currency": "AUD", "description": "' + DESCRIPTION + '", "short_code": "BCDFGHJK",'
    ' "provider": "STRIPE", "kind": null}'
)


@dataclass(slots=True)
class _Supply:
    """Has as many numbers ready as a measurement can use up, learning from what the last one used."""

    take_numbers: Callable[[int], int]
    least: int
    """per second, of all clients together: a machine that was busy a moment ago may be four times as fast now"""
    most: dict[str, float] = field(default_factory=dict)
    """per second and client"""

    def take(self, name: str, clients: int, seconds: float) -> list[tuple[int, int]]:
        """Return per client its first and last number."""
        each = int(max(self.most.get(name, 0.0) * 2, self.least / clients) * seconds) + 200
        first = self.take_numbers(each * clients)
        return [(first + k * each, first + (k + 1) * each - 1) for k in range(clients)]

    def learn(self, name: str, clients: int, rate: float) -> float:
        """Remember what a measurement found, and return it."""
        self.most[name] = max(rate / clients, self.most.get(name, 0.0))
        return rate


@dataclass(frozen=True, slots=True)
class _Limit:
    """A script, who runs it, and its sessions' settings."""

    name: str
    url: str
    script: pgbench.Script
    options: str = ""


@contextlib.contextmanager
def measures(kind: str, stage: Stage, merchant: Merchant) -> Iterator[tuple[list[Measure], list[Comparison]]]:
    """Prepare scripts and processes; give the measurements and what they are compared as.

    :param kind: settle or create
    """
    job = crews.Job(kind, merchant.organization_id, merchant.user_id)
    # Open links have to be made, which takes its time; numbers for new ones cost nothing.
    supply = _Supply(merchant.open_links, 5_000) if kind == "settle" else _Supply(merchant.take_numbers, 40_000)
    url = stage.worker_url if kind == "settle" else stage.web_url
    org = f"-c app.org_id={merchant.organization_id}"
    with crews.Crew(stage.settings(), job, CLIENTS) as crew:
        number, same = _record(stage, merchant, job, supply)
        limits = [
            _Limit("same statements", url, same),
            _Limit("one statement", url, _one(stage, merchant, kind, guarded=True), org),
            _Limit("one, unguarded", stage.superuser_url, _one(stage, merchant, kind, guarded=False), _UNGUARDED),
        ]
        for limit in limits:
            first, _ = supply.take(limit.name, 1, WARM_UP_SECONDS)[0]
            _pgbench(limit, [first], WARM_UP_SECONDS)
            rows.check_same(stage, limit.name, wanted=number, found=first)

        shapes = ((1, 1), (1, CLIENTS), (CLIENTS, 1)) if kind == "settle" else ((1, 1), (CLIENTS, 1))
        ours = [_ours(job, crew, supply, processes, threads) for processes, threads in shapes]
        theirs = {
            (limit.name, clients): _theirs(limit, supply, clients) for limit in limits for clients in (1, CLIENTS)
        }
        yield (
            [*ours, *theirs.values()],
            [
                Comparison(
                    mine, theirs[limit.name, processes * threads], _GOALS[kind] if limit.name == "one statement" else ""
                )
                for limit in limits
                for mine, (processes, threads) in zip(ours, shapes, strict=True)
            ],
        )


def _ours(job: crews.Job, crew: crews.Crew, supply: _Supply, processes: int, threads: int) -> Measure:
    name = f"{job.kind}, {processes} process{'es' if processes > 1 else ''}" + (
        f" of {threads} threads" if threads > 1 else ""
    )

    def run(seconds: float) -> float:
        ranges = supply.take(name, processes * threads, seconds)
        orders = [ranges[k * threads : (k + 1) * threads] for k in range(processes)]
        return supply.learn(name, processes * threads, crew.work(orders, seconds))

    return Measure(name, run)


def _theirs(limit: _Limit, supply: _Supply, clients: int) -> Measure:
    name = f"pgbench {limit.name}, {clients} client{'s' if clients > 1 else ''}"

    def run(seconds: float) -> float:
        firsts = [first for first, _ in supply.take(name, clients, seconds)]
        return supply.learn(name, clients, _pgbench(limit, firsts, seconds))

    return Measure(name, run)


def _pgbench(limit: _Limit, firsts: list[int], seconds: float) -> float:
    return pgbench.per_second(limit.url, limit.script, firsts=firsts, seconds=seconds, options=limit.options)


def _record(stage: Stage, merchant: Merchant, job: crews.Job, supply: _Supply) -> tuple[int, pgbench.Script]:
    """Record one transaction of ours as a script, and return the number of its link too."""
    one = crews.settle_one if job.kind == "settle" else crews.create_one
    warm, _ = supply.take("recorded", 1, 1)[0]
    one(job, warm, merchant.rates)
    number = warm + 1
    with recording() as made:
        code = one(job, number, merchant.rates) or short_code(number)
    writer = ScriptWriter(
        number=number,
        kept={merchant.organization_id, merchant.user_id},
        expressions={code: "translate(right(:n, 8), '01', 'BC')"},
    )
    return number, writer.write(stage.folder / f"{job.kind}_same.sql", made)


def _one(stage: Stage, merchant: Merchant, kind: str, *, guarded: bool) -> pgbench.Script:
    statement = (SQL / f"{kind}_in_one.sql").read_text(encoding="utf-8")
    for mark, moved in _MOVED[kind].items():
        statement = statement.replace(mark, "" if guarded else moved)
    path = stage.folder / f"{kind}_{'guarded' if guarded else 'unguarded'}.sql"
    path.write_text(pgbench.COUNT + statement, encoding="utf-8")
    values = {"org": str(merchant.organization_id), "user": str(merchant.user_id), "facts": _FACTS}
    return pgbench.Script(path, values)
