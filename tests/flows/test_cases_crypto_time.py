"""Cases 59 to 66 of crypto payments, each by its number: late mirror nodes, restarts, other accounts, missing rates."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest

from provvypay.flows.expire_links import expire_links
from provvypay.flows.hedera_values import value_again
from provvypay.flows.hedera_watch import watch
from provvypay.kit import failpoints
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from tests.flows.conftest import Books
from tests.support.crypto_books import DUE, ended, held
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.hedera import Ledger, leave_the_mirror_alone_no_more, prices_are, unguarded
from tests.support.rates import forget_rates
from tests.support.sandbox import SandboxControl


def mirror(sandbox: SandboxControl, **settings: object) -> None:
    sandbox.post("/mirror_node/settings", **settings)


def test_case_59_a_mirror_node_that_lags_is_waited_for(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, sandbox: SandboxControl
) -> None:
    mirror(sandbox, lag_seconds=120)
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()
    assert (books.status, ledger.transfers) == ("OPEN", [])

    mirror(sandbox, lag_seconds=0)
    ledger.watch()

    assert books.status == "PAID"


def test_case_60_a_mirror_node_that_is_away_delays_the_end_of_links_and_no_payment(
    ledger: Ledger,
    link: PaymentLink,
    books: Books,
    quoted: int,
    sandbox: SandboxControl,
    observer: Observer,
    make: Make,
) -> None:
    with acting_as("web"):
        plain = make.link(amount_minor=DUE, currency="AUD")
    ended(observer, plain, seconds_ago=70)
    sandbox.fault(vendor="mirror_node", kind="error", status=503, pattern="*")
    ledger.pay("HBAR", quoted, memo=link.short_code, seconds_ago=100)
    ended(observer, link, seconds_ago=90)
    before = ledger.cursor

    assert ledger.watch() == 0
    assert expire_links() == 1, "who was shown no price waits for nobody"
    assert make.reload(plain).status == "EXPIRED"
    assert books.status == "OPEN"
    assert (ledger.cursor.seen_until, ledger.cursor.failures) == (before.seen_until, 1)

    sandbox.calm()
    leave_the_mirror_alone_no_more()
    expire_links()

    assert books.status == "PAID"
    assert books.events.count("payment.settled") == 1


def test_case_60_three_hours_later_everything_in_time_is_in_time(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, sandbox: SandboxControl, observer: Observer
) -> None:
    """Three hours in which nothing was read, and the watcher goes on from where it was."""
    ledger.opened_earlier(link, 4 * 3600)
    unguarded(
        observer,
        "UPDATE payment_attempts SET created_at = created_at - interval '3 hours 30 minutes' WHERE link_id = :id",
        id=link.id,
    )
    observer.sql(
        "UPDATE fx_rate_history SET fetched_at = fetched_at - interval '3 hours', as_of = as_of - interval '3 hours'"
    )
    ended(observer, link, seconds_ago=2 * 3600)
    ledger.rewind(hours=3)
    ledger.pay("HBAR", quoted, memo=link.short_code, seconds_ago=3 * 3600 - 600)

    ledger.watch()

    assert books.status == "PAID"
    assert books.exceptions == []


def test_case_61_an_empty_page_is_followed_by_others(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, sandbox: SandboxControl
) -> None:
    mirror(sandbox, window_days=1)
    ledger.since(days=10)
    ledger.rewind(hours=24 * 9)
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"


def test_case_62_two_polls_that_overlap_count_once(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code)
    for _ in range(3):
        ledger.rewind(hours=0)
        ledger.watch()
    assert len(ledger.transfers) == 1

    ledger.pay("HBAR", 5, memo=link.short_code)
    ledger.due()

    def one(_number: int) -> int:
        with acting_as("worker"):
            return watch()

    assert sorted(together(4, one)) == [0, 0, 0, 1], "an account is leased to one worker"
    assert len(ledger.transfers) == 2


def test_case_63_what_was_paid_while_nobody_looked_is_found_before_its_link_ends(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code, seconds_ago=100)
    ended(observer, link, seconds_ago=80)

    expire_links()

    assert books.status == "PAID"
    assert "EXPIRED" not in str(observer.sql("SELECT to_status FROM link_status_events WHERE link_id = :i", i=link.id))


def test_a_link_ends_by_the_mirror_nodes_clock(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, sandbox: SandboxControl
) -> None:
    ended(observer, link, seconds_ago=30)
    assert expire_links() == 0, "the mirror node has not passed its end by a minute"

    mirror(sandbox, stalled=True)
    sandbox.post("/clock", advance_seconds=600)
    assert expire_links() == 0, "its clock stands still, whatever the time is"

    mirror(sandbox, stalled=False)
    assert expire_links() == 1
    assert books.status == "EXPIRED"


def test_an_account_is_read_once_however_many_of_its_links_end(
    ledger: Ledger, observer: Observer, make: Make, sandbox: SandboxControl
) -> None:
    with acting_as("web"):
        ending = [make.link(amount_minor=DUE, currency="AUD") for _ in range(5)]
    for number, one in enumerate(ending):
        ledger.quote(one, "HBAR", ago=300 - number)
        ended(observer, one, seconds_ago=100 - number)
    sandbox.delete("/mirror_node/requests")

    assert expire_links() == 5

    asked = sandbox.get("/mirror_node/requests")["by_path"]
    assert asked["/api/v1/transactions"] == 2, "the head, and one page"


def test_case_64_an_account_that_was_replaced_is_read_as_long_as_its_links_may_be_paid(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    observer.sql(
        "UPDATE hedera_accounts SET state = 'RETIRED', retired_at = clock_timestamp() WHERE id = :i", i=ledger.id
    )
    ledger.watch()
    assert ledger.cursor.next_poll_at < now() + dt.timedelta(minutes=2)

    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()
    assert books.status == "PAID"

    for column in ("paid_at", "created_at", "opened_at"):
        unguarded(
            observer, f"UPDATE payment_links SET {column} = {column} - interval '2 days' WHERE id = :i", i=link.id
        )
    ledger.watch()
    assert ledger.cursor.next_poll_at.year > now().year + 50
    for column in ("paid_at", "created_at", "opened_at"):
        unguarded(
            observer, f"UPDATE payment_links SET {column} = {column} + interval '2 days' WHERE id = :i", i=link.id
        )


def test_case_66_money_that_could_not_be_valued_is_valued_when_a_rate_of_its_time_comes(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer, sandbox: SandboxControl
) -> None:
    ledger.quote(link, "USDC")
    forget_rates(observer)
    ledger.pay("HBAR", 482 * 10**8, memo=link.short_code)
    ledger.watch()
    assert held(observer, link) == [("UNVALUED", None, None)]
    assert (books.balances, ledger.in_the_books) == ({}, {})

    with acting_as("worker"):
        assert value_again() >= 1
    assert held(observer, link) == [("UNVALUED", None, None)], "still no rate"

    prices_are(sandbox, observer)
    with acting_as("worker"):
        value_again()

    assert held(observer, link) == [("WRONG_TOKEN", DUE, "2100")]
    assert ledger.in_the_books == {"HBAR": 482 * 10**8}


@pytest.mark.parametrize("step", sorted(name for name in failpoints.KNOWN if name.startswith(("watch.", "intake."))))
def test_a_watcher_that_ends_at_any_step_goes_on_where_it_was(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, step: str
) -> None:
    for part in range(3):
        ledger.pay("HBAR", quoted // 3 + (quoted % 3 if part == 2 else 0), memo=link.short_code)
    failpoints.arm(f"{step}=raise")
    with contextlib.suppress(failpoints.FailpointReached):
        ledger.sweep()
    failpoints.arm("")
    ledger.sweep()

    assert ledger.in_the_books == ledger.truth == {"HBAR": quoted}
    assert books.status == "PAID"
    assert len(ledger.transfers) == 3
