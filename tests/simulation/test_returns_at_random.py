"""Random refunds, bounces, disputes and faults: never more goes back than came, and Stripe's books equal ours.

The oracle is what the sandbox says really moved: it shares no code with the product. Hypothesis prints the steps of a
failing run as a program that can be run again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from provvypay.errors import ProvvypayError
from provvypay.flows import stripe_returns
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.stripe_backfill import backfill_events
from provvypay.flows.stripe_payment import check_sessions, start_checkout
from provvypay.flows.stripe_webhook import sweep_inbox
from provvypay.kit import failpoints
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services import returns
from provvypay.services.refunds import RefundWish
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.queues import run_jobs
from tests.support.sandbox import SandboxControl

CARDS = ["4242424242424242", "4000000000007726", "4000000000005126"]
"""plain; refunds stay pending; refunds bounce"""
POSTED: dict[str, Any] = {"pattern": "/v1/refunds", "method": "POST"}
WEATHER: list[dict[str, Any]] = [
    {"kind": "error", "stored": True, "remaining": 1, **POSTED},
    {"kind": "error_after_commit", "status": 502, "remaining": 3, **POSTED},
    {"kind": "error_after_commit", "status": 500, "remaining": 1, **POSTED},
    {"kind": "drop_after_commit", "remaining": 3, **POSTED},
    {"kind": "refund_pending", "remaining": 1},
    {"kind": "webhook_duplicate", "pattern": "*", "times": 3, "remaining": 4},
    {"kind": "webhook_shuffle", "pattern": "*", "window_seconds": 0.05, "remaining": 6},
    {"kind": "webhook_drop", "pattern": "*", "remaining": 5},
]
STEPS = ["refund.requested", "refund.answered", "refund.applied", "webhook.claimed", "webhook.handled"]
PERCENT = st.integers(1, 130)


class ReturnsAtRandom(RuleBasedStateMachine):
    """Three paid links, and everything that can take their money back."""

    sandbox: ClassVar[SandboxControl]
    observer: ClassVar[Observer]

    @initialize()
    def sell(self) -> None:
        self.make = Make()
        self.links: list[PaymentLink] = []
        self.intents: list[str] = []
        for card, (amount, currency) in zip(CARDS, ((120_50, "AUD"), (500, "JPY"), (31_00, "GBP")), strict=True):
            with acting_as("web"):
                link = self.make.link(amount_minor=amount, currency=currency)
            done = self.sandbox.pay(start_checkout(link.short_code), card=card)
            self.links.append(link)
            self.intents.append(str(done["payment_intent"]))
        self.sandbox.drain()
        run_jobs()

    # ------------------------------------------------------------ what people do

    @rule(which=st.integers(0, 2), percent=PERCENT, people=st.integers(1, 3))
    def refund(self, which: int, percent: int, people: int) -> None:
        """Ask for a refund, sometimes several people at once who all saw the same."""
        link = self.links[which]
        with transaction(link.organization_id) as session:
            found = returns.of_link(session, link.organization_id, link.id)[0]
        amount = max(1, found.value_minor * percent // 100)

        def press(_number: int) -> None:
            wish = RefundWish(uuid7(), found.payment_id, amount, found.available_minor)
            with acting_as("web"):
                self._try(
                    lambda: stripe_returns.request_refund(
                        link.organization_id, wish, actor=self.make.merchant.actor, may_approve=True
                    )
                )

        for outcome in together(people, press):
            assert outcome is None, outcome

    @rule(which=st.integers(0, 2), percent=PERCENT)
    def refund_in_the_dashboard(self, which: int, percent: int) -> None:
        amount = max(1, self.links[which].amount_minor * percent // 100)
        self._control(f"/stripe/charges/{self.intents[which]}/refunds", amount=amount)

    @rule(choice=st.integers(0, 20), status=st.sampled_from(["succeeded", "failed", "canceled"]))
    def a_refund_ends(self, choice: int, status: str) -> None:
        mine = [row for row in self._books("refunds") if row["payment_intent"] in self.intents]
        if mine:
            self._control(f"/stripe/refunds/{mine[choice % len(mine)]['refund']}/end", status=status)

    @rule(which=st.integers(0, 2), inquiry=st.booleans())
    def a_bank_disputes(self, which: int, inquiry: bool) -> None:
        self._control(f"/stripe/charges/{self.intents[which]}/disputes", inquiry=inquiry)

    @rule(
        choice=st.integers(0, 20),
        step=st.sampled_from(["respond", "escalate", "won", "lost", "warning_closed"]),
    )
    def a_dispute_moves(self, choice: int, step: str) -> None:
        mine = [row for row in self._books("disputes") if row["payment_intent"] in self.intents]
        if mine:
            self._control(f"/stripe/disputes/{mine[choice % len(mine)]['dispute']}/step", step=step)

    # ------------------------------------------------------------ what time and weather do

    @rule(fault=st.sampled_from(WEATHER))
    def weather(self, fault: dict[str, Any]) -> None:
        self.sandbox.fault(**fault)

    @rule(step=st.sampled_from(STEPS))
    def a_process_dies(self, step: str) -> None:
        failpoints.arm(f"{step}=raise*1")

    @rule()
    def queue_works(self) -> None:
        with contextlib.suppress(AssertionError):
            run_jobs()

    @rule()
    def clock_ticks(self) -> None:
        self._hurry()
        for work in (sweep_inbox, relay_outbox, stripe_returns.check_refunds):
            self._try(work)

    @invariant()
    def we_never_ask_for_more_than_came(self) -> None:
        if getattr(self, "links", None):
            worst = self.observer.sql(
                "SELECT count(*) FROM (SELECT p.value_minor - sum(r.amount_minor) AS rest FROM payments p"
                " JOIN refunds r ON r.payment_id = p.id AND NOT r.is_external AND r.state NOT IN ('FAILED', 'CANCELED')"
                " WHERE p.organization_id = :id GROUP BY p.id) AS c WHERE rest < 0",
                id=self.make.merchant.organization_id,
            )
            assert worst[0][0] == 0

    # ------------------------------------------------------------ the end: all is told, all agrees

    def teardown(self) -> None:
        failpoints.arm("")
        if not getattr(self, "links", None):
            return
        self.sandbox.calm()
        self.sandbox.post("/stripe/refunds/settle")
        for _ in range(3):
            self.sandbox.drain()
            self._hurry()
            backfill_events()
            for work in (sweep_inbox, run_jobs, stripe_returns.check_refunds, check_sessions, relay_outbox, run_jobs):
                work()
        self._agree_with_stripe()

    def _agree_with_stripe(self) -> None:
        org = self.make.merchant.organization_id
        theirs: Counter[tuple[Any, ...]] = Counter(
            (row["refund"], row["status"].upper(), row["amount"])
            for row in self._books("refunds")
            if row["payment_intent"] in self.intents
        )
        ours = self.observer.sql(
            "SELECT provider_refund_id, state, amount_minor FROM refunds WHERE organization_id = :id"
            " AND provider_refund_id IS NOT NULL",
            id=org,
        )
        assert Counter(tuple(row) for row in ours) == theirs
        unsent = self.observer.sql(
            "SELECT state FROM refunds WHERE organization_id = :id AND provider_refund_id IS NULL", id=org
        )
        assert {row[0] for row in unsent} <= {"FAILED"}
        disputed = Counter(
            (row["dispute"], row["status"].upper(), row["amount"])
            for row in self._books("disputes")
            if row["payment_intent"] in self.intents
        )
        known = self.observer.sql(
            "SELECT provider_dispute_id, state, amount_minor FROM disputes WHERE organization_id = :id", id=org
        )
        assert Counter(tuple(row) for row in known) == disputed
        booked = self.observer.sql(
            "SELECT currency, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) FROM ledger_entries"
            " WHERE organization_id = :id AND account_code = '1050' GROUP BY currency",
            id=org,
        )
        assert {row[0]: int(row[1]) for row in booked if row[1]} == self._held_by_stripe()

    def _held_by_stripe(self) -> dict[str, int]:
        """Return what Stripe holds of these payments, by currency, from its own lines."""
        held: Counter[str] = Counter()
        for charge in self._books("charges"):
            if charge["payment_intent"] in self.intents:
                held[charge["settlement_currency"].upper()] += charge["net"]
        for refund in self._books("refunds"):
            if refund["payment_intent"] in self.intents and refund["balance_transaction"]:
                held[refund["currency"].upper()] -= 0 if refund["failure_balance_transaction"] else refund["amount"]
        for dispute in self._books("disputes"):
            if dispute["payment_intent"] in self.intents and dispute["settlement_currency"]:
                held[dispute["settlement_currency"].upper()] += dispute["moved"] - dispute["fee"]
        return {currency: net for currency, net in held.items() if net}

    # ------------------------------------------------------------ helpers

    def _hurry(self) -> None:
        """Let every wait be over."""
        self.observer.sql(
            "UPDATE inbox SET lease_until = NULL, next_attempt_at = clock_timestamp() - interval '1 minute'"
            " WHERE state = 'NEW'"
        )
        self.observer.sql("UPDATE refunds SET next_check_at = clock_timestamp() WHERE next_check_at IS NOT NULL")
        self.observer.sql(
            "UPDATE outbox SET lease_until = NULL, available_at = clock_timestamp()"
            " WHERE done_at IS NULL AND dead_at IS NULL"
        )

    def _control(self, path: str, **body: Any) -> None:
        """Do something at Stripe that it may refuse."""
        with contextlib.suppress(AssertionError):
            self.sandbox.post(path, **body)

    def _books(self, part: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.get("/stripe/books")[part]
        return found

    @staticmethod
    def _try(work: Any) -> Any:
        """Do what may be refused or die at a fail-point; everything else is a finding."""
        try:
            work()
        except (ProvvypayError, failpoints.FailpointReached):
            return None
        return None


def test_returns_at_random(make: Make, sandbox: SandboxControl, observer: Observer) -> None:
    ReturnsAtRandom.sandbox, ReturnsAtRandom.observer = sandbox, observer
    with acting_as("worker"):
        run_state_machine_as_test(
            ReturnsAtRandom,
            settings=settings(
                max_examples=5,
                stateful_step_count=14,
                deadline=dt.timedelta(seconds=60),
                suppress_health_check=list(HealthCheck),
                # Shrinking a run of this kind takes longer than reading it.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                print_blob=True,
            ),
        )
