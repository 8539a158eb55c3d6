"""A pytest plugin that says loudly when browser tests were skipped, and fails the run where that is not allowed."""

from __future__ import annotations

import os

import pytest

FORBIDDEN = "PROVVYPAY_REQUIRE_BROWSER"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a line just above pytest's own last one."""
    skipped = skipped_browser_tests(terminalreporter)
    if skipped:
        count = f"{len(skipped)} browser test{'s were' if len(skipped) > 1 else ' was'} skipped"
        reasons = {str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)}
        terminalreporter.section("NOT EVERYTHING WAS TESTED", red=True)
        terminalreporter.write_line(f"{count}: {'; '.join(sorted(reasons)) or 'no reason given'}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped them although it must not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and os.environ.get(FORBIDDEN) == "1" and skipped_browser_tests(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def skipped_browser_tests(reporter: pytest.TerminalReporter) -> list[pytest.CollectReport | pytest.TestReport]:
    """List the skipped tests that are marked `browser` or lie among the journeys."""
    return [
        report
        for report in reporter.getreports("skipped")
        if isinstance(report, pytest.CollectReport | pytest.TestReport)
        and ("browser" in getattr(report, "keywords", {}) or report.nodeid.startswith("tests/journeys"))
    ]
