"""The running product, people with browsers, and pictures of what they saw when a journey fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.flows.current_rates import current_rates
from provvypay.services.check_books.run import check_all
from tests.journeys.visitor import Visitor, Visitors
from tests.support.factories import Make, Merchant
from tests.support.live import LiveApp

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remember a failure for the fixtures that are still to be torn down."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
def make(live_app: LiveApp) -> Iterator[Make]:
    """The factories, on the running product; the books of all journeys must be clean after each."""
    with live_app.inside():
        live_app.wait_for(lambda: len(current_rates()), "the first rates")
        yield Make()
    breaches = [str(breach) for breach in check_all(live_app.settings.database_owner_url)]
    assert not breaches, "\n".join(breaches)


@pytest.fixture
def visit(
    browser: Any, make: Make, live_app: LiveApp, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Visitors]:
    """Let people come, each with a browser of their own; no browser may have anything to complain of."""
    visitors = Visitors(browser, live_app)
    yield visitors
    if request.node.stash.get(_FAILED, False):
        pictures = [line for visitor in visitors.all for line in visitor.shoot(tmp_path)]
        complaints = [line for visitor in visitors.all for line in visitor.complaints]
        request.node.add_report_section("teardown", "pictures", "\n".join([*pictures, *complaints]))
    visitors.leave()


@pytest.fixture
def member(visit: Visitors, make: Make) -> Callable[..., Visitor]:
    """Let a member come who has signed in already, without the tenth of a second that takes."""

    def enter(role: Role = Role.OWNER, merchant: Merchant | None = None, **context: Any) -> Visitor:
        merchant = merchant or make.merchant
        return visit(session=make.session_token(make.member(role, merchant), merchant), **context)

    return enter
