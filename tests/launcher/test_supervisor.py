"""The supervisor: starts in order, waits for health, and stops everything when one process ends or somebody asks."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from provvypay.launcher.ports import free_port
from tests.launcher.conftest import all_gone, wait_until

SERVER = """
import http.server, subprocess, sys, threading
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print("ready with child", child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

DEMO = """
import json, os, sys
from pathlib import Path
from provvypay.launcher.supervisor import Service, StoppedError, Supervisor, stop_signals
from provvypay.launcher.trouble import CannotStartError

server, port, note, third = sys.argv[1:]
supervisor = Supervisor(cwd=Path.cwd())
env = dict(os.environ)
with stop_signals(supervisor.hurry):
    try:
        supervisor.start(Service("web", [sys.executable, server, port], env, f"http://127.0.0.1:{port}/"))
        supervisor.start(Service("worker", ["sh", "-c", third], env))
        Path(note).write_text(json.dumps(supervisor.pids()))
        supervisor.say(supervisor.wait())
        sys.exit(1)
    except CannotStartError as trouble:
        supervisor.say(str(trouble))
        sys.exit(2)
    except StoppedError:
        supervisor.say("asked to stop")
    finally:
        supervisor.stop()
"""


@pytest.fixture
def demo(script, tmp_path):
    """Start a web server with a child that went astray, and a second process."""
    server = tmp_path / "server.py"
    server.write_text(SERVER, encoding="utf-8")
    note = tmp_path / "pids.json"

    def start(second: str = "sleep 300") -> tuple[subprocess.Popen[str], Path]:
        return script(DEMO, str(server), str(free_port()), str(note), second), note

    return start


def running(note: Path) -> dict[str, int]:
    wait_until(note.exists, "everything is started")
    wait_until(lambda: bool(note.read_text()), "the note is written")
    return json.loads(note.read_text())


def child_in(line: str) -> int:
    return int(line.rsplit(" ", 1)[1])


def test_a_request_to_stop_ends_everything_and_the_output_says_who_spoke(demo):
    program, note = demo()
    first = program.stdout.readline()
    pids = running(note)

    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=20)

    assert first.startswith("web      │ ready with child ")
    assert "provvypay│ asked to stop" in said
    assert "\033[" not in said
    assert program.returncode == 0
    assert all_gone([*pids.values(), child_in(first)])


def test_when_one_process_ends_it_is_named_and_all_are_stopped(demo):
    program, note = demo()
    first = program.stdout.readline()
    pids = running(note)

    os.kill(pids["worker"], signal.SIGKILL)
    said, _ = program.communicate(timeout=20)

    assert "worker ended by SIGKILL, so everything is stopped." in said
    assert program.returncode == 1
    assert all_gone([*pids.values(), child_in(first)])


def test_a_supervisor_killed_hard_leaves_no_orphan(demo):
    program, note = demo()
    pids = running(note)
    child = child_in(program.stdout.readline())

    program.kill()

    wait_until(lambda: all_gone([*pids.values(), child]), "every process ends")


def test_an_impatient_person_may_ask_twice(demo):
    program, note = demo("trap '' TERM; while :; do sleep 0.1; done")
    pids = running(note)

    program.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in program.stdout.readline(), "the first request is heard")
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=10)

    assert all_gone(list(pids.values()))


def test_a_process_that_ends_before_it_is_healthy_is_named(script, tmp_path):
    server = tmp_path / "broken.py"
    server.write_text("print('no such setting'); raise SystemExit(7)", encoding="utf-8")

    program = script(DEMO, str(server), str(free_port()), str(tmp_path / "note"), "true")
    said, _ = program.communicate(timeout=20)

    assert "web      │ no such setting" in said
    assert "web ended with status 7 while starting" in said
    assert program.returncode == 2
