"""No program, and none of its children, outlives whoever started it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from provvypay.launcher.process import Kept, is_alive
from provvypay.launcher.trouble import CannotStartError
from tests.launcher.conftest import all_gone, wait_until

FAMILY = "sleep 300 & echo $!; setsid sleep 300 & echo $!; echo $$; wait"
"""A program with a child, and one that went into a session of its own, as RQ's job processes do."""

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def start_family(**options: object) -> tuple[Kept, list[int]]:
    program = Kept(["sh", "-c", FAMILY], output=subprocess.PIPE, **options)
    return program, [int(program.output.readline()) for _ in range(3)]


def test_the_exit_status_is_passed_on():
    assert Kept(["sh", "-c", "exit 3"]).wait(timeout=10) == 3
    assert Kept(["sh", "-c", "kill -KILL $$"]).wait(timeout=10) == 128 + signal.SIGKILL


def test_a_program_that_does_not_exist_is_named():
    with pytest.raises(CannotStartError, match="No such file or directory: /nowhere"):
        Kept(["/nowhere"])


def test_stopping_takes_the_whole_family_along():
    program, pids = start_family()

    program.stop()

    assert all_gone(pids)


def test_children_of_a_program_that_was_killed_are_ended():
    program, pids = start_family()

    os.kill(program.pid, signal.SIGKILL)

    assert program.wait(timeout=10) == 128 + signal.SIGKILL
    assert all_gone(pids)


def test_a_program_that_ignores_the_request_is_forced_after_its_grace():
    program = Kept(["sh", "-c", STUBBORN], output=subprocess.PIPE, grace=0.3)
    program.output.readline()
    started = time.monotonic()

    status = program.stop()

    assert status == 128 + signal.SIGKILL
    assert 0.25 < time.monotonic() - started < 5


def test_a_killed_keeper_takes_its_program_along():
    program = Kept(["sleep", "300"])

    os.kill(program.keeper_pid, signal.SIGKILL)

    wait_until(lambda: not is_alive(program.pid), "the program ends with its keeper")


def test_a_parent_killed_hard_leaves_no_orphan(script):
    parent = script(
        "import subprocess, time\n"
        "from provvypay.launcher.process import Kept\n"
        f"program = Kept(['sh', '-c', {FAMILY!r}], output=subprocess.PIPE)\n"
        "print(*[int(program.output.readline()) for _ in range(3)], program.keeper_pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 4
    assert all(is_alive(pid) for pid in pids)

    parent.kill()

    wait_until(lambda: all_gone(pids), "the family and its keeper end")


def test_what_is_to_be_held_stays_open_in_the_keeper_only(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        program = Kept(["sleep", "300"], hold=[lock.fileno()])

        def holds(pid: int) -> bool:
            return any(str(entry.readlink()) == lock.name for entry in Path(f"/proc/{pid}/fd").iterdir())

        try:
            assert holds(program.keeper_pid)
            assert not holds(program.pid)
        finally:
            program.kill()
