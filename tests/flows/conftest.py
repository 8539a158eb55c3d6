"""What the tests of flows share: a link, its books, and the eyes to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from provvypay.kit import settings as kit_settings
from provvypay.kit.db import transaction
from provvypay.kit.settings import Settings
from provvypay.models.payment_link import PaymentLink
from tests.support.crypto_books import HBAR
from tests.support.database import Observer, acting_as
from tests.support.factories import Make
from tests.support.hedera import Ledger, leave_the_mirror_alone_no_more, prices_are
from tests.support.rates import forget_rates
from tests.support.sandbox import SandboxControl


class Books:
    """What is written about one link."""

    def __init__(self, link: PaymentLink) -> None:
        self.link = link

    def _all(self, statement: str) -> list[tuple[object, ...]]:
        with transaction(self.link.organization_id) as session:
            return [tuple(row) for row in session.execute(text(statement), {"id": self.link.id})]

    @property
    def status(self) -> str:
        return str(self._all("SELECT status FROM payment_links WHERE id = :id")[0][0])

    @property
    def balances(self) -> dict[str, dict[str, int]]:
        """Debit minus credit per currency and account, without the zeros."""
        rows = self._all(
            "SELECT e.currency, account_code, sum(CASE side WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END)"
            " FROM ledger_entries e JOIN journals j ON j.id = e.journal_id WHERE j.link_id = :id GROUP BY 1, 2"
        )
        found: dict[str, dict[str, int]] = {}
        for currency, account, balance in rows:
            if balance:
                found.setdefault(str(currency), {})[str(account)] = int(str(balance))
        return found

    @property
    def events(self) -> list[str]:
        return [str(row[0]) for row in self._all("SELECT kind FROM payment_events WHERE link_id = :id ORDER BY id")]

    @property
    def exceptions(self) -> list[str]:
        return [str(row[0]) for row in self._all("SELECT kind FROM payment_exceptions WHERE link_id = :id ORDER BY id")]

    @property
    def counts(self) -> dict[str, int]:
        return {
            table: int(str(self._all(f"SELECT count(*) FROM {table} WHERE link_id = :id")[0][0]))
            for table in ("payments", "settlements", "journals", "payment_exceptions", "checkout_sessions")
        }


@pytest.fixture(autouse=True)
def as_worker(app: object) -> Iterator[None]:
    """Let flows that the queue runs act in the worker's role; views act in the web's own threads."""
    with acting_as("worker"):
        yield


@pytest.fixture
def link(make: Make, sandbox: SandboxControl) -> PaymentLink:
    with acting_as("web"):
        return make.link(amount_minor=120_50, currency="AUD")


@pytest.fixture
def books(link: PaymentLink) -> Books:
    return Books(link)


@pytest.fixture
def crypto_on(settings: Settings, sandbox: SandboxControl, observer: Observer) -> Iterator[None]:
    """An installation that takes tokens, whose mirror node nobody has offended, and the quotes' rates of the moment."""
    leave_the_mirror_alone_no_more()
    kit_settings.use(replace(settings, enable_hedera_payments=True))
    prices_are(sandbox, observer)
    yield
    kit_settings.use(settings)
    forget_rates(observer)


@pytest.fixture
def ledger(crypto_on: None, sandbox: SandboxControl, observer: Observer, make: Make) -> Ledger:
    """An account of the test's merchant on the sandbox's ledger, watched."""
    with acting_as("web"):
        merchant = make.merchant
    return Ledger(sandbox, observer, merchant)


@pytest.fixture
def quoted(ledger: Ledger, link: PaymentLink) -> int:
    """Show the link's price in HBAR; return it in tinybar."""
    ledger.opened_earlier(link)
    units = ledger.quote(link, "HBAR", ago=300)
    assert units == HBAR
    return units
