"""Processes that work as the product's own do: its functions, one transaction after the other, and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Self

from benchmarks import merchant as shop
from provvypay.domain.payments import IncomingPayment
from provvypay.domain.rates import RateTable
from provvypay.flows.create_link import create_link
from provvypay.kit import process
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import Settings
from provvypay.services.audit import Actor
from provvypay.services.ledger import chart
from provvypay.services.payment_links import LinkDetails
from provvypay.services.settlement import settle


@dataclass(frozen=True, slots=True)
class Job:
    """What a crew does, for whom."""

    kind: str
    """settle or create"""
    organization_id: uuid.UUID
    user_id: uuid.UUID

    @property
    def role(self) -> str:
        """Return the process whose work it is."""
        return "worker" if self.kind == "settle" else "web"


def settle_one(job: Job, number: int, rates: RateTable) -> None:
    """Settle a numbered link.

    :raises RuntimeError: when it did not become PAID, which would be measuring something else
    """
    arrived = IncomingPayment(
        organization_id=job.organization_id,
        link_id=shop.link_id(number),
        provider="STRIPE",
        provider_reference=f"pi_{number}",
        value_minor=shop.AMOUNT_MINOR,
        currency=shop.CURRENCY,
        occurred_at=shop.a_minute_ago(),
        clearing_account=chart.STRIPE_CLEARING,
        evidence={"checkout_session": f"cs_test_{number}", "charge": f"ch_{number}"},
    )
    with transaction(job.organization_id) as session:
        result = settle(session, arrived, rates, now=now())
    if not result.is_new or result.exception_kind is not None:
        raise RuntimeError(f"link {number} was not settled: {result}")


def create_one(job: Job, number: int, _rates: RateTable) -> str:
    """Make an open link through the flow the pages use, rates from Redis included; return its code."""
    link = create_link(
        job.organization_id,
        LinkDetails(
            shop.AMOUNT_MINOR, shop.CURRENCY, shop.DESCRIPTION, reference=f"INV-{number}", expires_at=shop.in_a_week()
        ),
        actor=Actor("USER", job.user_id),
        open_now=True,
        link_id=shop.link_id(number),
    )
    return link.short_code


_WORK: dict[str, Callable[[Job, int, RateTable], object]] = {"settle": settle_one, "create": create_one}


class Crew:
    """Some processes that wait for orders, their caches and connections warm."""

    def __init__(self, settings: Settings, job: Job, count: int) -> None:
        """Start them and wait until all are ready."""
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_member, args=(theirs, settings, job), daemon=True)
            worker.start()
            self._pipes.append(ours)
            self._processes.append(worker)
        for pipe in self._pipes:
            pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
        for worker in self._processes:
            worker.join(timeout=10)

    def work(self, orders: Sequence[Sequence[tuple[int, int]]], seconds: float) -> float:
        """Let the first processes work at the same time; return how much a second all did together.

        :param orders: per process the ranges of links of its threads
        :raises RuntimeError: what went wrong in one of them
        """
        pipes = self._pipes[: len(orders)]
        for pipe, ranges in zip(pipes, orders, strict=True):
            pipe.send((ranges, seconds))
        results = [pipe.recv() for pipe in pipes]
        if wrong := [result for result in results if isinstance(result, str)]:
            raise RuntimeError("; ".join(wrong))
        return float(sum(results))


def _member(pipe: Connection, settings: Settings, job: Job) -> None:
    process.start(settings, role=job.role)
    rates = shop.fresh_rates()
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        ranges, seconds = order
        pipe.send(_in_threads(job, ranges, seconds, rates))


def _in_threads(job: Job, ranges: Sequence[tuple[int, int]], seconds: float, rates: RateTable) -> float | str:
    """Work in as many threads as there are ranges; return how much a second, or what went wrong."""
    rates_of_work: list[float] = []
    wrong: list[str] = []

    def one(first: int, last: int) -> None:
        try:
            rates_of_work.append(_work_for(job, first, last, rates, seconds))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits at the pipe must hear of it
            wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one, args=given) for given in ranges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "; ".join(wrong) or sum(rates_of_work)


def _work_for(job: Job, first: int, last: int, rates: RateTable, seconds: float) -> float:
    one = _WORK[job.kind]
    begin = time.perf_counter()
    for number in range(first, last + 1):
        one(job, number, rates)
        if (passed := time.perf_counter() - begin) >= seconds:
            return (number - first + 1) / passed
    raise RuntimeError("there were too few links for this machine")
