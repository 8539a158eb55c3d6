"""Random transfers, mirror nodes and watchers: each credit is applied once, none is missed, nothing in time expires.

The oracle is what the sandbox's ledger says was really received: it shares no code with the product. Hypothesis prints
the steps of a failing run as a program that can be run again.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from provvypay.domain.hedera_ids import timestamp_at
from provvypay.errors import ProvvypayError
from provvypay.flows import hedera_watch
from provvypay.flows.expire_links import expire_links
from provvypay.flows.hedera_values import value_again
from provvypay.flows.transfer_claims import check_claims, submit
from provvypay.kit import failpoints
from provvypay.kit import settings as kit_settings
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from tests.support.crypto_books import ended
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.hedera import ENTITIES, Ledger, leave_the_mirror_alone_no_more, prices_are, unguarded
from tests.support.rates import forget_rates
from tests.support.sandbox import SandboxControl

PLAIN = ("transfer", "scheduled", "duplicate", "approval")
"""settle by themselves, if everything else fits"""
WAYS = {
    "HBAR": (*PLAIN, "contract_call", "child", "batch", "failed"),
    "USDC": (*PLAIN, "airdrop", "doubled", "failed"),
    "AUDD": ("transfer", "failed"),
}
WEATHER: list[dict[str, Any]] = [
    {"kind": "error", "status": 503, "remaining": 2},
    {"kind": "error", "status": 502, "html": True, "remaining": 1},
    {"kind": "drop", "remaining": 1},
    {"kind": "rate_limit", "remaining": 1},
    {"kind": "error", "status": 503},
]
STEPS = sorted(
    name for name in failpoints.KNOWN if name.startswith(("watch.", "intake.", "settle.", "transfer.", "expire."))
)


@dataclass
class Sold:
    """A link, its price, and what was paid for it in time, in its token, by its memo, in a way that settles."""

    link: PaymentLink
    asset: str
    units: int
    paid: int = 0
    ends: str = "9"
    """consensus time from which on money is late"""
    has_long_ended: bool = False
    """by more than the second the sweep leaves to clocks"""


class TransfersAtRandom(RuleBasedStateMachine):
    """One merchant's account, and everything that can happen on it and around it."""

    sandbox: ClassVar[SandboxControl]
    observer: ClassVar[Observer]

    @initialize()
    def open_shop(self) -> None:
        self.make = Make()
        with acting_as("web"):
            merchant = self.make.merchant
        self.ledger = Ledger(self.sandbox, self.observer, merchant, alias=True)
        self.sold: list[Sold] = []
        self.sell("HBAR")

    # ------------------------------------------------------------ what people do

    @rule(asset=st.sampled_from(sorted(WAYS)))
    def sell(self, asset: str) -> None:
        with acting_as("web"):
            link = self.make.link(amount_minor=100_00, currency="AUD")
        self.ledger.opened_earlier(link, 600)
        self.sold.append(Sold(link, asset, self.ledger.quote(link, asset, ago=400)))

    @rule(
        choice=st.integers(0, 50), share=st.sampled_from([1, 2, 4]), way=st.integers(0, 7),
        ago=st.sampled_from([0, 0, 20, 100]), late=st.sampled_from([0, 0, 0, 3, 30]),
        named=st.sampled_from([True] * 5 + [False]),
    )  # fmt: skip
    def pay(self, choice: int, share: int, way: int, ago: int, late: int, *, named: bool) -> None:
        sold = self.sold[choice % len(self.sold)]
        kind = WAYS[sold.asset][way % len(WAYS[sold.asset])]
        units = -(-sold.units // share)
        wish: dict[str, Any] = {"kind": kind, "seconds_ago": ago, "visible_after_seconds": late}
        if kind == "failed":
            wish["with_transfers"] = sold.asset != "AUDD"
        sent = self.ledger.pay(sold.asset, units, memo=sold.link.short_code if named else None, **wish)
        if named and kind in PLAIN and sent["consensus_timestamp"] < sold.ends:
            sold.paid += units

    @rule(choice=st.integers(0, 50))
    def pay_and_report(self, choice: int) -> None:
        sold = self.sold[choice % len(self.sold)]
        sent = self.ledger.pay(sold.asset, sold.units, memo=sold.link.short_code)
        if sent["consensus_timestamp"] < sold.ends:
            sold.paid += sold.units
        with acting_as("web"):
            submit(sold.link.short_code, sent["sdk_transaction_id"])
        self._try(check_claims)

    @rule(units=st.integers(1, 10**11), asset=st.sampled_from(["HBAR", "USDC", "0.0.5000666"]))
    def somebody_sends_something(self, units: int, asset: str) -> None:
        self.ledger.pay(asset, units % 10**9 + 1, memo="thanks")

    # ------------------------------------------------------------ what time and weather do

    @rule(swept=st.booleans())
    def watcher_runs(self, *, swept: bool) -> None:
        self._try(lambda: self.ledger.watch(swept=swept))

    @rule()
    def two_watchers_run(self) -> None:
        """Two workers, one of whom took the other's lease for dead."""
        self.ledger.due()

        def one(number: int) -> None:
            with acting_as("worker"):
                if number:
                    self.observer.sql(
                        "UPDATE hedera_cursors SET lease_until = NULL WHERE hedera_account_id = :i", i=self.ledger.id
                    )
                self._try(hedera_watch.watch)

        assert together(2, one) == [None, None]

    @rule(step=st.sampled_from(STEPS))
    def a_watcher_dies(self, step: str) -> None:
        """Die at a step: here an exception that nothing catches, with kill -9 in tests/faults."""
        failpoints.arm(f"{step}=raise*1")
        self._try(lambda: self.ledger.watch(swept=False))
        failpoints.arm("")

    @rule(fault=st.sampled_from(WEATHER))
    def weather(self, fault: dict[str, Any]) -> None:
        self.sandbox.fault(vendor="mirror_node", pattern="*", **fault)

    @rule()
    def it_clears_up(self) -> None:
        self.sandbox.delete("/faults")
        self.sandbox.post("/mirror_node/settings", stalled=False, window_days=60)

    @rule(change=st.sampled_from([{"stalled": True}, {"window_days": 1}, {"fee_style": "split"}]))
    def the_mirror_node_changes(self, change: dict[str, Any]) -> None:
        self.sandbox.post("/mirror_node/settings", **change)

    @precondition(lambda self: any(sold.ends == "9" for sold in self.sold))
    @rule(choice=st.integers(0, 50), ago=st.sampled_from([0, 70]))
    def a_link_ends(self, choice: int, ago: int) -> None:
        """Its time passes, with money on its way or without."""
        waiting = [sold for sold in self.sold if sold.ends == "9"]
        sold = waiting[choice % len(waiting)]
        if ago and sold.paid:
            return  # what was paid meanwhile would be late after the fact
        ended(self.observer, sold.link, seconds_ago=ago)
        sold.ends = timestamp_at(self.make.reload(sold.link).expires_at or now())
        sold.has_long_ended = bool(ago)
        self._try(expire_links)

    @rule()
    def the_clock_ticks(self) -> None:
        for work in (expire_links, check_claims, value_again):
            self._try(work)

    # ------------------------------------------------------------ the end: all is told, all agrees

    def teardown(self) -> None:
        failpoints.arm("")
        if not getattr(self, "sold", None):
            return
        self.sandbox.delete("/faults")
        self.sandbox.post("/mirror_node/settings", stalled=False, window_days=60)
        # What was late appears, and the mirror node passes the end of every link.
        self.sandbox.post("/clock", advance_seconds=100)
        for _ in range(2):
            leave_the_mirror_alone_no_more()
            expire_links()
            self.ledger.sweep()
            unguarded(
                self.observer, "UPDATE transfer_claims SET next_check_at = clock_timestamp() WHERE state = 'PENDING'"
            )
            check_claims()
        self.sandbox.post("/clock", offset_seconds=0)
        self._each_credit_stands_once()
        self._nothing_paid_in_time_has_expired()

    def _each_credit_stands_once(self) -> None:
        names = {entity: asset for asset, (_, entity) in ENTITIES.items()}
        really: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.sandbox.get(f"/mirror_node/credits?account={self.ledger.account}")["credits"]:
            really[row["consensus_timestamp"], row["asset"]] += row["units"]
        stored = {
            (row.consensus_timestamp, row.entity_id): int(row.amount)
            for row in self.ledger.transfers
            if row.direction == "IN"
        }
        assert stored == dict(really)
        unbooked = self.observer.sql(
            "SELECT t.asset, t.amount FROM payment_exceptions e JOIN hedera_transfers t ON t.id = e.transfer_id"
            " WHERE e.organization_id = :org AND e.state = 'OPEN' AND t.asset IS NOT NULL",
            org=self.ledger.merchant.organization_id,
        )
        books: dict[str, int] = defaultdict(int, self.ledger.in_the_books)
        for row in unbooked:
            books[row.asset] += int(row.amount)
        assert {asset: units for asset, units in books.items() if units} == {
            names[entity]: units for entity, units in self.ledger.truth.items() if entity in names
        }

    def _nothing_paid_in_time_has_expired(self) -> None:
        for sold in self.sold:
            status = self.make.reload(sold.link).status
            if sold.paid >= sold.units:
                assert status == "PAID", f"{sold}"
            elif sold.has_long_ended and not sold.paid:
                assert status == "EXPIRED", f"{sold}"

    @staticmethod
    def _try(work: Any) -> None:
        """Do what may be refused or die at a fail-point; everything else is a finding."""
        try:
            with acting_as("worker"):
                work()
        except (ProvvypayError, failpoints.FailpointReached):
            pass
        finally:
            leave_the_mirror_alone_no_more()


def test_transfers_at_random(crypto_on: None, make: Make, sandbox: SandboxControl, observer: Observer) -> None:
    TransfersAtRandom.sandbox, TransfersAtRandom.observer = sandbox, observer
    with acting_as("worker"):
        run_state_machine_as_test(
            TransfersAtRandom,
            settings=settings(
                max_examples=12,
                stateful_step_count=20,
                deadline=dt.timedelta(seconds=60),
                suppress_health_check=list(HealthCheck),
                # Shrinking a run of this kind takes longer than reading it.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                print_blob=True,
            ),
        )


@pytest.fixture
def crypto_on(request: pytest.FixtureRequest, sandbox: SandboxControl, observer: Observer) -> Any:
    """An installation that takes tokens, at the prices quoted here."""
    plain = request.getfixturevalue("settings")
    kit_settings.use(replace(plain, enable_hedera_payments=True))
    prices_are(sandbox, observer)
    yield
    kit_settings.use(plain)
    forget_rates(observer)
