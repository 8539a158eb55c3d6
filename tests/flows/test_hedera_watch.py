"""How the watcher goes about it: leases, cadence, presence, sweeps, and one bad transfer among good ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from provvypay.domain.hedera_cadence import NEVER, Prospects, next_poll, pause_after
from provvypay.domain.hedera_ids import shifted, timestamp_at
from provvypay.flows import hedera_presence, hedera_watch
from provvypay.kit import cache
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import hedera_cursors
from tests.flows.conftest import Books
from tests.support.client import HtmlClient
from tests.support.database import Observer, acting_as
from tests.support.factories import Make
from tests.support.hedera import Ledger
from tests.support.sandbox import SandboxControl

SOON, MINUTE = dt.timedelta(seconds=2), dt.timedelta(minutes=1)


def waits(ledger: Ledger) -> dt.timedelta:
    """Return how long the account waits for its next turn."""
    found: dt.timedelta = ledger.cursor.next_poll_at - now()
    return found


# ---------------------------------------------------------------- how often


def test_an_account_is_read_as_often_as_somebody_waits_for_it(ledger: Ledger, link: PaymentLink) -> None:
    ledger.watch()
    assert waits(ledger) > 4 * MINUTE

    ledger.quote(link, "HBAR")
    ledger.watch()
    assert SOON < waits(ledger) <= MINUTE

    with acting_as("web"):
        hedera_presence.customer_is_watching(ledger.id)
    assert waits(ledger) <= dt.timedelta(), "at once"
    with acting_as("worker"):
        hedera_watch.watch()
    assert dt.timedelta() < waits(ledger) <= SOON

    ledger.observer.sql("UPDATE hedera_cursors SET next_poll_at = clock_timestamp() + interval '1 hour'")
    with acting_as("web"):
        hedera_presence.customer_is_watching(ledger.id)
    assert waits(ledger) > MINUTE, "known to be there: Redis keeps it, the database is not asked again"


def test_whoever_comes_while_the_account_is_being_read_is_not_forgotten(ledger: Ledger) -> None:
    ledger.due()
    with acting_as("worker"), transaction() as session:
        (claimed,) = hedera_cursors.claim(session, "testnet", most=10)
    with acting_as("web"), transaction() as session:
        hedera_cursors.hurry(session, ledger.id)
    with acting_as("worker"), transaction(claimed.organization_id) as session:
        hedera_cursors.finish(session, claimed, claimed.seen_until, wait=MINUTE)

    assert waits(ledger) <= dt.timedelta()


@pytest.fixture
def without_redis(settings: object) -> Iterator[None]:
    cache.configure("redis://127.0.0.1:1/0")
    yield
    cache.configure(settings.redis_url)  # type: ignore[attr-defined]


def test_without_redis_each_poll_of_the_page_brings_it_forward(ledger: Ledger, without_redis: None) -> None:
    for _ in range(2):
        ledger.watch()
        assert waits(ledger) > MINUTE
        with acting_as("web"):
            hedera_presence.customer_is_watching(ledger.id)
        assert waits(ledger) <= dt.timedelta()


def test_it_comes_more_seldom_the_longer_nothing_was_heard() -> None:
    at = now()
    ages = [dt.timedelta(minutes=1), dt.timedelta(hours=2), dt.timedelta(days=2), dt.timedelta(days=30)]
    assert [next_poll(Prospects(False, False, at - age), at) for age in ages] == [
        dt.timedelta(minutes=5), dt.timedelta(minutes=15), dt.timedelta(hours=1), dt.timedelta(hours=6),
    ]  # fmt: skip
    assert next_poll(Prospects(False, False, at, is_done_with=True), at) == NEVER
    assert next_poll(Prospects(False, True, at, is_done_with=True), at) == MINUTE
    assert [pause_after(failures).total_seconds() for failures in (1, 2, 5, 50)] == [2, 4, 32, 300]
    assert pause_after(1, retry_after=60) == MINUTE


# ---------------------------------------------------------------- who, and in which order


def test_a_worker_that_lost_its_lease_writes_nothing(ledger: Ledger, link: PaymentLink, books: Books) -> None:
    ledger.pay("HBAR", ledger.quote(link, "HBAR"), memo=link.short_code)
    ledger.due()
    with acting_as("worker"), transaction() as session:
        (slow,) = hedera_cursors.claim(session, "testnet", most=10)
        registry = hedera_watch.hedera_transfers.registry(session, "testnet")
    ledger.due()
    with acting_as("worker"), transaction() as session:
        (quick,) = hedera_cursors.claim(session, "testnet", most=10)
    head = shifted(timestamp_at(now()), seconds=5)

    with acting_as("worker"):
        assert hedera_watch.read_one(slow, head, registry) is False
        assert (ledger.transfers, books.status) == ([], "OPEN")
        assert ledger.cursor.lease_token == quick.lease_token
        assert hedera_watch.read_one(quick, head, registry) is True

    assert books.status == "PAID"


def test_the_cursor_never_goes_back(ledger: Ledger, observer: Observer) -> None:
    with pytest.raises(DBAPIError, match="does not go back"):
        observer.sql(
            "UPDATE hedera_cursors SET seen_until = '1767300000.000000000' WHERE hedera_account_id = :id", id=ledger.id
        )
    ledger.watch()
    before = ledger.cursor.seen_until
    ledger.sandbox.post("/clock", offset_seconds=-300)
    ledger.watch()
    assert ledger.cursor.seen_until == before


def test_the_longest_due_is_read_first_and_a_failing_one_holds_up_nobody(
    ledger: Ledger, sandbox: SandboxControl, observer: Observer, make: Make, link: PaymentLink, books: Books
) -> None:
    with acting_as("web"):
        neighbour = make.organization()
        theirs = make.link(merchant=neighbour)
    other = Ledger(sandbox, observer, neighbour)
    other.quote(theirs, "AUDD")
    ledger.pay("HBAR", ledger.quote(link, "HBAR"), memo=link.short_code)
    ledger.due()
    observer.sql(
        "UPDATE hedera_cursors SET next_poll_at = clock_timestamp() - interval '1 hour',"
        " swept_at = clock_timestamp() WHERE hedera_account_id = :id",
        id=other.id,
    )
    # Only the other account is asked about by its logs.
    sandbox.fault(vendor="mirror_node", kind="error", status=400, pattern="/api/v1/contracts/*")
    with acting_as("worker"), capture_logs() as logs:
        assert hedera_watch.watch() == 1

    assert [entry["account"] for entry in logs if entry["event"] == "watch.failed"] == [other.account]
    assert other.cursor.failures == 1

    assert books.status == "PAID"


def test_one_transfer_that_is_refused_does_not_keep_the_others_out(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    """Whatever is wrong with one, the rest of its page is money too; the cursor waits, and it is tried again."""
    units = ledger.quote(link, "HBAR")
    bad = ledger.pay("HBAR", 7 * 10**8, memo="a bad one")
    ledger.pay("HBAR", units, memo=link.short_code)
    observer.sql(
        "ALTER TABLE hedera_transfers ADD CONSTRAINT no_bad_ones CHECK (memo IS DISTINCT FROM 'a bad one') NOT VALID"
    )
    try:
        with capture_logs() as logs:
            assert ledger.watch() == 0
        assert books.status == "PAID"
        assert ledger.cursor.seen_until < bad["consensus_timestamp"]
        assert ledger.cursor.failures == 1
        assert "alert.transfer_refused" in [entry["event"] for entry in logs]
    finally:
        observer.sql("ALTER TABLE hedera_transfers DROP CONSTRAINT no_bad_ones")

    ledger.watch()

    assert ledger.in_the_books == ledger.truth == {"HBAR": units + 7 * 10**8}
    assert ledger.cursor.failures == 0


def test_who_watches_the_watcher_is_told_when_it_falls_behind(
    ledger: Ledger, observer: Observer, new_client: Callable[[], HtmlClient]
) -> None:
    def said() -> str:
        found: str = new_client().app.test_client().get("/health/ready").json["checks"]["watch"]
        return found

    ledger.watch()
    assert said() == "ok"
    for late in ("next_poll_at", "failures = 5, polled_at"):
        ledger.watch()
        observer.sql(
            f"UPDATE hedera_cursors SET {late} = now() - interval '6 minutes' WHERE hedera_account_id = :id",
            id=ledger.id,
        )
        assert said() == "degraded"
    ledger.watch()


# ---------------------------------------------------------------- what was missed


def test_a_record_that_appears_behind_the_overlap_is_found_by_the_sweep(
    ledger: Ledger, link: PaymentLink, books: Books
) -> None:
    ledger.opened_earlier(link, 7200)
    ledger.watch()
    ledger.pay("HBAR", 5, memo=link.short_code, seconds_ago=3600)
    ledger.watch()
    assert ledger.transfers == []

    ledger.sweep()

    assert [row.found_by for row in ledger.transfers] == ["SWEEP"]
    assert now() - ledger.cursor.swept_at < MINUTE


def test_more_than_a_page_and_more_than_a_turn(
    ledger: Ledger, link: PaymentLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.sandbox.post("/mirror_node/fill", accounts=[ledger.account], records=250, over_seconds=50, units=3 * 10**8)
    monkeypatch.setattr(hedera_watch, "TURN_SECONDS", 0)
    assert ledger.watch() == 3, "an account that has more to tell goes on at its next turn"

    assert len(ledger.transfers) == 250
    assert ledger.in_the_books == ledger.truth == {"HBAR": 750 * 10**8}


def test_what_was_before_the_account_was_ours_is_none_of_our_business(ledger: Ledger, link: PaymentLink) -> None:
    ledger.since(days=0)
    ledger.pay("HBAR", 5, memo=link.short_code, seconds_ago=60)
    ledger.sweep()

    assert ledger.transfers == []
