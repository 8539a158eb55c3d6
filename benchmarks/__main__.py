"""`python -m benchmarks`: measure speed as ratios against limits of the same run, and print them beside the goals."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time

from benchmarks import arriving, links, machine, pages, rates, rounds, writing
from benchmarks.merchant import sign_up_merchant
from benchmarks.stage import stage
from provvypay.kit import process
from provvypay.launcher import frontend

GROUPS = ("settle", "create", "pay", "poll", "server", "event", "rates", "links")
WEB_GROUPS = {"pay", "poll", "server"}


def main() -> None:
    """Read the command line, run, print."""
    given = _arguments()
    begun = time.monotonic()
    frontend.build(say=say)  # pages name its files
    with contextlib.ExitStack() as stack:
        say(f"starting PostgreSQL and Valkey; {given.rounds} rounds of {given.seconds:g} s each …")
        where = stack.enter_context(stage())
        about = machine.describe(where.superuser_url)
        process.start(where.settings(), role="web")
        merchant = sign_up_merchant(where)
        measures: list[rounds.Measure] = []
        comparisons: list[rounds.Comparison] = []
        for kind in ("settle", "create"):
            if kind in given.only:
                more, compared = stack.enter_context(writing.measures(kind, where, merchant))
                measures += more
                comparisons += compared
        if given.only & WEB_GROUPS:
            more, compared = stack.enter_context(pages.measures(where, merchant, given.only))
            measures += more
            comparisons += compared
        reports: list[object] = []
        if "event" in given.only:
            web = where.web_port if given.only & WEB_GROUPS else None
            more, arrivals = stack.enter_context(arriving.measures(where, merchant, web=web))
            measures += more
            reports.append(arrivals)
        if "rates" in given.only:
            more, cached = stack.enter_context(rates.measures(where, merchant))
            measures += more
            reports.append(cached)
        if "links" in given.only:
            more, compared, exports = stack.enter_context(links.measures(where, merchant))
            measures += more
            comparisons += compared
            reports.append(exports)
        merchant.analyze()
        say(f"everything runs after {time.monotonic() - begun:.0f} s")
        rounds.run(measures, rounds=given.rounds, seconds=given.seconds, say=say)
    print(about)
    if comparisons:
        print(f"\n{rounds.table(comparisons)}\n")
    for report in reports:
        print(f"{report}\n")
    say(f"done after {time.monotonic() - begun:.0f} s")


def say(text: str) -> None:
    """Say how far we are, beside the figures."""
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement in each round [1]")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured [5]")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups, separated by commas: {', '.join(GROUPS)}")
    given = parser.parse_args()
    given.only = set(given.only.split(","))
    if unknown := given.only - set(GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    return given


if __name__ == "__main__":
    main()
