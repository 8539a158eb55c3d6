"""A pytest plugin that says loudly when browser tests were skipped, for want of a browser mostly."""

from __future__ import annotations

import pytest


def is_browser_test(report: pytest.CollectReport | pytest.TestReport) -> bool:
    """Say whether a report is of a test marked `browser`, or of one that lies among the journeys."""
    return "browser" in report.keywords or report.nodeid.startswith("tests/journeys/")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a line just above pytest's own last one."""
    skipped = [
        report
        for report in terminalreporter.getreports("skipped")
        if isinstance(report, pytest.CollectReport | pytest.TestReport) and is_browser_test(report)
    ]
    if skipped:
        count = f"{len(skipped)} browser test{'s were' if len(skipped) > 1 else ' was'} skipped"
        reasons = {str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)}
        terminalreporter.section("NOT EVERYTHING WAS TESTED", red=True)
        terminalreporter.write_line(f"{count}: {'; '.join(sorted(reasons)) or 'no reason given'}")
