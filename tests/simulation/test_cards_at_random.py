"""Random merchants, customers, webhooks and faults: afterwards the books are clean and Stripe's equal ours.

The oracle is what the sandbox says was really charged: it shares no code with the product. Hypothesis prints the steps
of a failing run as a program that can be run again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from provvypay.errors import ProvvypayError
from provvypay.flows import create_link as links
from provvypay.flows import stripe_payment
from provvypay.flows.deliver import relay_outbox
from provvypay.flows.expire_links import expire_links
from provvypay.flows.stripe_backfill import backfill_events
from provvypay.flows.stripe_webhook import sweep_inbox
from provvypay.kit import failpoints
from provvypay.kit import settings as kit_settings
from provvypay.models.payment_link import PaymentLink
from tests.support.database import Observer, acting_as
from tests.support.factories import Make, Merchant
from tests.support.queues import run_jobs
from tests.support.sandbox import SandboxControl

CARDS = st.sampled_from(["4242424242424242", "4000000000000002", "4000000000009995", "4000000000000077"])
AMOUNTS = st.sampled_from([(120_50, "AUD"), (50, "USD"), (99_999_99, "EUR"), (500, "JPY"), (31, "GBP")])
POSTED = "/v1/checkout/sessions*"
WEATHER: list[dict[str, Any]] = [
    {"kind": "error", "pattern": POSTED, "stored": True, "remaining": 1},
    {"kind": "error", "pattern": POSTED, "status": 502, "remaining": 2},
    {"kind": "drop_after_commit", "pattern": POSTED, "remaining": 1},
    {"kind": "drop", "pattern": POSTED, "remaining": 1},
    {"kind": "rate_limit", "pattern": POSTED, "remaining": 1},
    {"kind": "webhook_duplicate", "pattern": "*", "times": 3, "remaining": 4},
    {"kind": "webhook_shuffle", "pattern": "*", "window_seconds": 0.05, "remaining": 6},
    {"kind": "webhook_drop", "pattern": "*", "remaining": 5},
    {"kind": "no_fee", "pattern": "*", "seconds": 1, "remaining": 1},
]
STEPS = sorted(name for name in failpoints.KNOWN if not name.startswith("checkout."))


class CardsAtRandom(RuleBasedStateMachine):
    """One merchant's links, and everything that can happen to them."""

    sandbox: ClassVar[SandboxControl]
    observer: ClassVar[Observer]

    @initialize()
    def open_shop(self) -> None:
        self.make = Make()
        with acting_as("web"):
            self.merchant: Merchant = self.make.merchant
        self.links: list[PaymentLink] = []
        self.sessions: list[str] = []
        self.answered: set[str] = set()
        self.make_link((120_50, "AUD"))
        self.click_card(0)

    # ------------------------------------------------------------ what people do

    @rule(amount=AMOUNTS)
    def make_link(self, amount: tuple[int, str]) -> None:
        with acting_as("web"):
            self.links.append(self.make.link(amount_minor=amount[0], currency=amount[1]))

    @precondition(lambda self: self.links)
    @rule(choice=st.integers(0, 50))
    def click_card(self, choice: int) -> None:
        link = self.links[choice % len(self.links)]
        with acting_as("web"):
            url = self._try(lambda: stripe_payment.start_checkout(link.short_code))
        if url:
            self.sessions.append(str(url).rsplit("/", 1)[-1])

    @rule(amount=AMOUNTS, card=CARDS)
    def somebody_buys(self, amount: tuple[int, str], card: str) -> None:
        """Go the whole way, so that money moves in most runs; the single steps are drawn besides."""
        self.make_link(amount)
        self.click_card(len(self.links) - 1)
        self.pay_by_card(len(self.sessions) - 1, card)

    @rule(amount=AMOUNTS)
    def somebody_buys_by_bank(self, amount: tuple[int, str]) -> None:
        self.make_link(amount)
        self.click_card(len(self.links) - 1)
        self.pay_by_bank(len(self.sessions) - 1)

    @precondition(lambda self: self.sessions)
    @rule(choice=st.integers(0, 50), card=CARDS)
    def pay_by_card(self, choice: int, card: str) -> None:
        self.sandbox.pay(self.sessions[choice % len(self.sessions)], card=card)

    @precondition(lambda self: self.sessions)
    @rule(choice=st.integers(0, 50))
    def pay_by_bank(self, choice: int) -> None:
        self.sandbox.pay(self.sessions[choice % len(self.sessions)], account_number="000123456789")

    @precondition(lambda self: self.sessions)
    @rule(choice=st.integers(0, 50), succeed=st.booleans())
    def bank_answers(self, choice: int, succeed: bool) -> None:
        session = self.sessions[choice % len(self.sessions)]
        if session not in self.answered and any(
            row["id"] == session and self._is_waiting(row) for row in self._shown()
        ):
            self.answered.add(session)
            self.sandbox.post(f"/stripe/sessions/{session}/settle-async", succeed=succeed)

    @precondition(lambda self: self.links)
    @rule(choice=st.integers(0, 50))
    def cancel(self, choice: int) -> None:
        link = self.links[choice % len(self.links)]
        with acting_as("web"):
            self._try(lambda: links.cancel(link.organization_id, link.id, actor=self.merchant.actor))

    @precondition(lambda self: self.sessions)
    @rule(choice=st.integers(0, 50))
    def return_from_checkout(self, choice: int) -> None:
        session = self.sessions[choice % len(self.sessions)]
        self._try(lambda: stripe_payment.confirm(session))

    # ------------------------------------------------------------ what time and weather do

    @precondition(lambda self: self.links)
    @rule(choice=st.integers(0, 50), seconds=st.sampled_from([1, 3600]))
    def deadline_passes(self, choice: int, seconds: int) -> None:
        self.observer.sql(
            "UPDATE payment_links SET expires_at = clock_timestamp() - make_interval(secs => :ago)"
            " WHERE id = :id AND status = 'OPEN'",
            ago=seconds,
            id=self.links[choice % len(self.links)].id,
        )
        self._try(expire_links)

    @precondition(lambda self: self.sessions)
    @rule(choice=st.integers(0, 50), fee=st.integers(0, 45))
    def a_fee_becomes_another(self, choice: int, fee: int) -> None:
        session = self.sessions[choice % len(self.sessions)]
        for charge in self.sandbox.get("/stripe/books")["charges"]:
            if charge["session"] == session and charge["fee"] is not None:
                self.sandbox.post("/stripe/fees/rename", charge=charge["charge"], fee=fee)

    @precondition(lambda self: self.sessions)
    @rule(fault=st.sampled_from(WEATHER))
    def weather(self, fault: dict[str, Any]) -> None:
        self.sandbox.fault(**fault)

    @precondition(lambda self: self.sessions)
    @rule(step=st.sampled_from(STEPS))
    def a_process_dies(self, step: str) -> None:
        """Die at a step: here an exception that nothing catches, with kill -9 in tests/faults."""
        failpoints.arm(f"{step}=raise*1")

    @rule()
    def queue_works(self) -> None:
        # A job that died at a fail-point leaves its row, which knows when to try again.
        with contextlib.suppress(AssertionError):
            run_jobs()

    @rule()
    def clock_ticks(self) -> None:
        for work in (sweep_inbox, relay_outbox, stripe_payment.check_sessions):
            self._try(work)

    @invariant()
    def never_more_than_one_live_settlement(self) -> None:
        if getattr(self, "links", None):
            worst = self.observer.sql(
                "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM settlements WHERE organization_id = :id"
                " AND voided_at IS NULL GROUP BY link_id) AS c",
                id=self.merchant.organization_id,
            )
            assert worst[0][0] <= 1

    # ------------------------------------------------------------ the end: all is told, all agrees

    def teardown(self) -> None:
        failpoints.arm("")
        if not getattr(self, "links", None):
            return
        self._let_everything_arrive()
        self._agree_with_stripe()

    def _let_everything_arrive(self) -> None:
        self.sandbox.calm()
        for _ in range(4):
            self.sandbox.drain()
            self.observer.sql(
                "UPDATE inbox SET lease_until = NULL, next_attempt_at = clock_timestamp() - interval '1 minute'"
                " WHERE state = 'NEW'"
            )
            self.observer.sql(
                "UPDATE checkout_sessions SET next_check_at = clock_timestamp() WHERE next_check_at IS NOT NULL"
            )
            self.observer.sql(
                "UPDATE outbox SET lease_until = NULL, available_at = clock_timestamp()"
                " WHERE done_at IS NULL AND dead_at IS NULL"
            )
            backfill_events()
            sweep_inbox()
            run_jobs()
            stripe_payment.check_sessions()
            relay_outbox()
            run_jobs()

    def _agree_with_stripe(self) -> None:
        codes = {link.short_code: link for link in self.links}
        charges = [
            charge
            for charge in self.sandbox.get("/stripe/books")["charges"]
            if charge["client_reference_id"] in codes and charge["status"] == "succeeded"
        ]
        org = self.merchant.organization_id
        ours = self.observer.sql(
            "SELECT provider_reference, value_minor, currency FROM payments WHERE organization_id = :id", id=org
        )
        assert Counter((row[0], row[1], row[2]) for row in ours) == Counter(
            (charge["payment_intent"], charge["amount"], charge["currency"].upper()) for charge in charges
        )
        by_currency: Counter[str] = Counter()
        for charge in charges:
            assert charge["fee"] is not None, "a fee is still to come"
            by_currency[charge["settlement_currency"].upper()] += charge["net"]
        clearing = self.observer.sql(
            "SELECT currency, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) FROM ledger_entries"
            " WHERE organization_id = :id AND account_code = '1050' GROUP BY currency",
            id=org,
        )
        booked = {row[0]: int(row[1]) for row in clearing if row[1]}
        assert booked == {currency: net for currency, net in by_currency.items() if net}
        paid = {link.short_code for link in self.links if self.make.reload(link).status == "PAID"}
        held = self.observer.sql("SELECT count(*) FROM payment_exceptions WHERE organization_id = :id", id=org)[0][0]
        assert len(charges) == len(paid) + held
        assert paid <= {charge["client_reference_id"] for charge in charges}
        dead = self.observer.sql("SELECT count(*) FROM outbox WHERE organization_id = :id AND done_at IS NULL", id=org)
        assert dead[0][0] == 0

    # ------------------------------------------------------------ helpers

    @staticmethod
    def _try(work: Any) -> Any:
        """Do what may be refused or die at a fail-point; everything else is a finding."""
        try:
            return work()
        except (ProvvypayError, failpoints.FailpointReached):
            return None

    def _shown(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.get("/stripe/sessions")["sessions"]
        return found

    @staticmethod
    def _is_waiting(session: dict[str, Any]) -> bool:
        return session["status"] == "complete" and session["payment_status"] == "unpaid"


def test_cards_at_random(make: Make, sandbox: SandboxControl, observer: Observer, settings_: Any) -> None:
    CardsAtRandom.sandbox, CardsAtRandom.observer = sandbox, observer
    with acting_as("worker"):
        run_state_machine_as_test(
            CardsAtRandom,
            settings=settings(
                max_examples=10,
                stateful_step_count=15,
                deadline=dt.timedelta(seconds=60),
                suppress_health_check=list(HealthCheck),
                # Shrinking a run of this kind takes longer than reading it.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                print_blob=True,
            ),
        )


@pytest.fixture
def settings_(request: pytest.FixtureRequest) -> Any:
    """A deployment that offers a delayed method besides cards."""
    plain = request.getfixturevalue("settings")
    kit_settings.use(replace(plain, stripe_payment_methods=("card", "us_bank_account")))
    yield plain
    kit_settings.use(plain)
