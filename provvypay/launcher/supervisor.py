"""Run the demo's processes together: start in order, wait for health, show their output, and stop all when one ends.

Nothing is restarted: in a demo a process that ends is a defect, and hiding it would waste the time of whoever seeks it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from provvypay.launcher.process import Kept
from provvypay.launcher.trouble import CannotStartError

GRACE_SECONDS = 25.0
"""How long the processes may take to finish what they are doing after the request to stop."""
HEALTH_SECONDS = 60.0
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)


@dataclass(frozen=True, slots=True)
class Service:
    """A process to supervise."""

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str] = field(repr=False)
    health_url: str | None = None
    """Answers 200 when the service is ready; None for one that has no address."""


class StoppedError(Exception):
    """A person, or the system, asked us to stop."""


class Supervisor:
    """The running services and the one place that writes their output."""

    def __init__(self, *, cwd: Path, hold: Sequence[int] = (), output: IO[str] = sys.stdout) -> None:
        """Prepare; nothing is started yet.

        :param hold: file descriptors that stay open until the last process is gone, such as the data folder's lock
        """
        self._cwd = cwd
        self._hold = tuple(hold)
        self._printer = Printer(output)
        self._running: dict[str, Kept] = {}
        self._watched: dict[str, Kept] = {}
        self._readers: list[threading.Thread] = []
        self._ended: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._stopping = False

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self._printer.line("provvypay", text)

    def watch(self, name: str, process: Kept | None) -> None:
        """Stop everything, too, when this process ends, which somebody else starts and stops."""
        if process is not None:
            self._watched[name] = process
            threading.Thread(target=self._wait_for_end, args=(name, process), daemon=True).start()

    def run(self, service: Service) -> None:
        """Run a process to its end, showing its output.

        :raises CannotStartError: when it fails
        """
        process = self._spawn(service)
        status = process.wait()
        self._running.pop(service.name)
        if status != 0:
            raise CannotStartError(f"The step `{service.name}` failed with status {status}; its output is above.")

    def start(self, service: Service) -> None:
        """Start a process and wait until it is healthy.

        :raises CannotStartError: when it ends, or is not healthy in time
        """
        process = self._spawn(service)
        if service.health_url is not None:
            self._wait_for_health(service, service.health_url, process)
        threading.Thread(target=self._wait_for_end, args=(service.name, process), daemon=True).start()

    def pids(self) -> dict[str, int]:
        """Return the process id of every running service, watched ones too."""
        return {name: process.pid for name, process in (self._watched | self._running).items()}

    def wait(self) -> str:
        """Wait until a process ends by itself and return a sentence about it."""
        while True:
            with contextlib.suppress(queue.Empty):  # the time-out lets signals through on every system
                name, status = self._ended.get(timeout=0.5)
                return f"{name} ended {describe(status)}, so everything is stopped."

    def stop(self) -> None:
        """Ask every process to stop, use force after 25 seconds, and wait for all of them."""
        if self._running:
            self.say("stopping …")
        self._stopping = True
        for process in self._running.values():
            process.ask_to_stop()
        for process in self._running.values():
            process.wait()
        for reader in self._readers:
            reader.join(timeout=2)
        self._running.clear()

    def hurry(self) -> None:
        """Let the stopping use force at once; do not wait (called from a signal handler)."""
        for process in self._running.values():
            process.ask_to_end_now()

    def _spawn(self, service: Service) -> Kept:
        process = Kept(
            service.command,
            env=service.env,
            cwd=self._cwd,
            output=subprocess.PIPE,
            grace=GRACE_SECONDS - 1,  # the keeper sees the family off within the 25 seconds
            hold=self._hold,
        )
        self._running[service.name] = process
        reader = threading.Thread(target=self._copy_output, args=(service.name, process), daemon=True)
        reader.start()
        self._readers.append(reader)
        return process

    def _copy_output(self, name: str, process: Kept) -> None:
        if process.output is not None:
            for line in process.output:
                self._printer.line(name, line.decode("utf-8", errors="replace").rstrip("\n"))

    def _wait_for_end(self, name: str, process: Kept) -> None:
        status = process.wait()
        if not self._stopping:
            self._ended.put((name, status))

    def _wait_for_health(self, service: Service, url: str, process: Kept) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        while not is_healthy(url):
            if (status := process.poll()) is not None:
                raise CannotStartError(f"{service.name} ended {describe(status)} while starting; its output is above.")
            if time.monotonic() > deadline:
                raise CannotStartError(f"{service.name} does not answer at {url}; its output is above.")
            time.sleep(0.05)


class Printer:
    """Write whole lines, each with the name of its process in front; in colour on a terminal only."""

    def __init__(self, output: IO[str]) -> None:
        """Decide about colour once."""
        self._output = output
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._colour = output.isatty() and "NO_COLOR" not in os.environ

    def line(self, name: str, text: str) -> None:
        """Write one line; a reader that went away is not our trouble."""
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            if name not in self._names:
                self._names.append(name)
            prefix = f"{name:<9}│"
            if self._colour:
                prefix = f"\033[{COLOURS[self._names.index(name) % len(COLOURS)]}m{prefix}\033[0m"
            self._output.write(f"{prefix} {text}\n")
            self._output.flush()


@contextlib.contextmanager
def stop_signals(hurry: Callable[[], None]) -> Iterator[None]:
    """Turn the first request to stop into StoppedError; call `hurry` at each further one."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            hurry()
            return
        asked = True
        raise StoppedError

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_healthy(url: str) -> bool:
    """Say whether a health address answers 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError, ValueError), opener.open(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def describe(status: int) -> str:
    """Put an exit status into words."""
    if status > 128:
        with contextlib.suppress(ValueError):
            return f"by {signal.Signals(status - 128).name}"
    return f"with status {status}"
