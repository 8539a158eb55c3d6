"""`provvypay demo`: the whole product starts, survives a hard kill with its data, and stops cleanly."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from provvypay.launcher.paths import ROOT
from provvypay.launcher.ports import free_port
from tests.launcher.conftest import all_gone, wait_until

PROCESSES = {"supervisor", "postgres", "valkey", "sandbox", "web", "worker", "clock", "wallet"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "provvypay.cli", "demo", *map(str, arguments)]


class Running:
    """A demo that has said where it is."""

    def __init__(self, folder: Path, *, port: int, sandbox_port: int, wallet_port: int) -> None:
        self.folder = folder
        self.log = (folder.parent / "demo.log").open("w+")
        self.program = subprocess.Popen(
            command("--data", folder, "--port", port, "--sandbox-port", sandbox_port, "--wallet-port", wallet_port),
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, "STRIPE_SECRET_KEY": "sk_live_of_somebody"},
        )  # fmt: skip

    def note(self) -> dict:
        path = self.folder / "demo.json"

        def is_about_us() -> bool:
            assert self.program.poll() is None, self.said()[-3000:]
            return path.exists() and json.loads(path.read_text())["pids"]["supervisor"] == self.program.pid

        wait_until(is_about_us, "the demo says where it is", seconds=90)
        return json.loads(path.read_text())

    def said(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        self.log.close()


@pytest.fixture
def ports() -> dict[str, int]:
    return {"port": free_port(), "sandbox_port": free_port(), "wallet_port": free_port()}


@pytest.fixture
def started() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for one in running:
        one.end()


@pytest.mark.timeout(300)
def test_the_demo_survives_a_hard_kill_and_stops_on_request(tmp_path, ports, started):
    first = Running(tmp_path / "demo", **ports)
    started.append(first)
    before = first.note()

    assert before["wallet"] == f"http://127.0.0.1:{ports['wallet_port']}"
    assert before["app"] == f"http://127.0.0.1:{ports['port']}"
    assert before["pids"].keys() == PROCESSES
    assert {"email", "password", "role", "organization"} <= before["sign_ins"][0].keys()
    for address in (f"{before['app']}/health/ready", f"{before['sandbox']}/_control/health"):
        assert urllib.request.urlopen(address, timeout=5).status == 200
    assert "Stripe: " not in first.said()  # the release found the account as it should be
    books = subprocess.run(
        [sys.executable, "-m", "provvypay.cli", "check-books", "--demo", "--data", tmp_path / "demo"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (books.stdout, books.stderr, books.returncode) == ("The books are clean.\n", "", 0)
    processes = Path("/proc")
    for name in ("web", "worker", "clock", "sandbox"):
        environment = (processes / str(before["pids"][name]) / "environ").read_bytes()
        assert b"sk_live" not in environment

    first.program.kill()
    wait_until(lambda: all_gone(list(before["pids"].values())), "every process ends")

    second = Running(tmp_path / "demo", **ports)
    started.append(second)
    after = second.note()
    assert after["sign_ins"] == before["sign_ins"]
    second.program.send_signal(signal.SIGINT)
    assert second.program.wait(timeout=30) == 0, second.said()[-3000:]
    assert "everything is stopped; the data are kept" in second.said()
    assert all_gone(list(after["pids"].values()))
    assert not (tmp_path / "demo" / "demo.json").exists()


def test_a_port_that_is_taken_is_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            command("--data", tmp_path / "demo", "--port", port), cwd=ROOT, capture_output=True, text=True, check=False
        )

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"provvypay: Port {port} is taken by another program."
        " Stop that program, or choose another port with --port NUMBER."
    )
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_a_folder_of_somebody_is_a_sentence_and_nothing_is_written(tmp_path, fresh):
    (tmp_path / "thesis.odt").write_text("years")

    done = subprocess.run(
        command("--data", tmp_path, *fresh), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"provvypay: {tmp_path} is not empty and was not made by a demo. Choose an empty or a new folder with --data."
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.odt"]
