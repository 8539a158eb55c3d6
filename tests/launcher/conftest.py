"""Helpers for tests that start and kill real programs."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provvypay.launcher.paths import ROOT
from provvypay.launcher.process import is_alive


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Poll until the condition holds, or fail saying what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def all_gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Run Python text as a program of its own, which a test may kill hard."""
    started: list[subprocess.Popen[str]] = []

    def run(text: str, *arguments: str) -> subprocess.Popen[str]:
        path = tmp_path / f"program{len(started)}.py"
        path.write_text(text, encoding="utf-8")
        program = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(program)
        return program

    yield run
    for program in started:
        if program.poll() is None:
            program.send_signal(signal.SIGKILL)
        program.communicate()
