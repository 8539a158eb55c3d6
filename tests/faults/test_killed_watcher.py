"""Real processes watch the ledger, die at their steps and are started again; nothing is lost, nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.flows import hedera_presence
from provvypay.models.payment_link import PaymentLink
from provvypay.services.check_books.run import check_all
from tests.support.database import acting_as
from tests.support.factories import Make
from tests.support.hedera import Ledger
from tests.support.live import LiveApp

STEPS = ("intake.applied", "intake.committed")
"""with kill -9; tests/flows ends it at every step there is, by an exception that nothing catches"""

PATIENCE = 45
"""seconds; three children of a worker start while other tests run"""


@pytest.fixture
def make(live_app: LiveApp) -> Iterator[Make]:
    with live_app.inside():
        yield Make()
    breaches = [str(breach) for breach in check_all(live_app.settings.database_owner_url)]
    assert not breaches, "\n".join(breaches)


@pytest.fixture
def ledger(live_app: LiveApp, make: Make) -> Ledger:
    return Ledger(live_app.sandbox, live_app.observer, make.merchant)


def paid(make: Make, link: PaymentLink) -> bool:
    return make.reload(link).status == LinkStatus.PAID


@pytest.mark.parametrize("step", STEPS)
def test_kill_9_at_every_step_of_the_watcher(live_app: LiveApp, make: Make, ledger: Ledger, step: str) -> None:
    link = make.link()
    units = ledger.quote(link, "HBAR")
    live_app.restart("worker", failpoints=f"{step}=kill")
    ledger.pay("HBAR", units // 2, memo=link.short_code)
    ledger.pay("HBAR", units - units // 2, memo=link.short_code)
    ledger.due()
    live_app.wait_for(lambda: not live_app.is_running("worker"), f"the worker to die at {step}", seconds=PATIENCE)

    live_app.heal()
    ledger.due()  # as the end of the lease would, after a minute

    live_app.wait_for(lambda: paid(make, link), "the link to be paid", seconds=PATIENCE)
    assert ledger.in_the_books == ledger.truth == {"HBAR": units}
    assert len(ledger.transfers) == 2


def test_who_waits_on_the_page_waits_for_seconds(live_app: LiveApp, make: Make, ledger: Ledger) -> None:
    link = make.link()
    units = ledger.quote(link, "HBAR")
    with acting_as("web"):
        hedera_presence.customer_is_watching(ledger.id)
    live_app.wait_for(lambda: ledger.cursor.polled_at is not None, "the first look")

    ledger.pay("HBAR", units, memo=link.short_code)

    live_app.wait_for(lambda: paid(make, link), "the link to be paid", seconds=20)
