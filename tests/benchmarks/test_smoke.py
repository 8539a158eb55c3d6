"""The benchmark's command runs and prints ratios; what they are is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from provvypay.launcher.paths import ROOT

_RATIO = re.compile(r"\d+\.\d\d \(\d+\.\d\d–\d+\.\d\d\)")


@pytest.mark.slow
def test_one_small_round_runs_and_prints_ratios_and_times():
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks",
            "--rounds",
            "1",
            "--seconds",
            "0.1",
            "--only",
            "settle,create,pay,poll,event,rates",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    ratios = [line for line in lines if _RATIO.search(line)]
    assert any("settle, 4 processes ÷ pgbench one statement, 4 clients" in line and "≥ 0.35" in line for line in ratios)
    assert any("create, 1 process ÷ pgbench one statement, 1 client" in line and "≥ 0.10" in line for line in ratios)
    assert any("pay page ÷ bare page" in line and "≥ 0.40" in line for line in ratios)
    assert any("poll, nothing new ÷ hello" in line and "≥ 0.50" in line for line in ratios)
    assert any("rates while links are made" in line and "≥ 0.90" in line for line in lines)
    assert any("event received → PAID" in line and " ms " in line for line in lines)


def test_an_unknown_group_is_refused_with_the_names_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "settle, create, pay, poll, server, event, rates, links" in done.stderr
