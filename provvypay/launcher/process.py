"""Start programs so that none of them, nor any of their children, outlives us: see `keeper.py`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from provvypay.launcher.trouble import CannotStartError

KEEPER = Path(__file__).with_name("keeper.py")
ORPHAN_SECONDS = 5.0
"""How long a program may take to end after we were killed hard."""


class Kept:
    """A running program under a keeper.

    :ivar pid: the process id of the program itself, not of its keeper
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: int | IO[bytes] | None = None,
        stop_signal: int = signal.SIGTERM,
        grace: float = 10.0,
        identity: str = "same",
        hold: Iterable[int] = (),
    ) -> None:
        """Start it.

        :param output: where standard output and error go: a file, subprocess.PIPE, or None for our own
        :param grace: seconds from the request to stop until force is used
        :param identity: see `keeper.take_identity`
        :param hold: file descriptors that the keeper (not the program) keeps open as long as it lives, such as locks
        :raises CannotStartError: when the program is absent or may not be run
        """
        held = tuple(hold)
        reading, writing = os.pipe()
        options = {
            "stop_signal": int(stop_signal),
            "grace": grace,
            "orphan_grace": min(grace, ORPHAN_SECONDS),
            "identity": identity,
            "held": list(held),
        }
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), str(writing), json.dumps(options), "--", *map(str, command)],
                stdin=subprocess.PIPE, stdout=output, stderr=None if output is None else subprocess.STDOUT,
                env=env, cwd=cwd, pass_fds=(writing, *held), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(writing)
        with os.fdopen(reading, encoding="utf-8", errors="replace") as report:
            said = dict(line.strip().split(" ", 1) for line in report)
        if "error" in said or "pid" not in said:
            self._end()
            raise CannotStartError(f"{said.get('error', command[0])}: it could not be started.")
        self.pid = int(said["pid"])

    @property
    def output(self) -> IO[bytes] | None:
        """The program's output, when a pipe was asked for."""
        return self._keeper.stdout

    @property
    def keeper_pid(self) -> int:
        """The process id of the keeper."""
        return self._keeper.pid

    def poll(self) -> int | None:
        """Return the exit status, 128 + n for signal n, or None while the program or any of its family runs."""
        return self._keeper.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the program and its family.

        :raises subprocess.TimeoutExpired: when it takes longer
        """
        return self._keeper.wait(timeout)

    def ask_to_stop(self) -> None:
        """Send the stop signal, and let the keeper use force when the grace is over; do not wait."""
        self._tell(b"t")

    def ask_to_end_now(self) -> None:
        """Let the keeper use force at once; do not wait."""
        self._tell(b"k")

    def stop(self) -> int:
        """Stop it, wait for it and its family, and return the exit status."""
        self.ask_to_stop()
        return self._end()

    def kill(self) -> int:
        """End it and its family by force."""
        self.ask_to_end_now()
        return self._end()

    def _end(self) -> int:
        status = self._keeper.wait()
        self._close()
        return status

    def _tell(self, word: bytes) -> None:
        if self._keeper.stdin is not None and self._keeper.poll() is None:
            with contextlib.suppress(BrokenPipeError, ValueError):
                os.write(self._keeper.stdin.fileno(), word)  # past the buffer, so that a signal handler may do it too

    def _close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self._keeper.stdin is not None:
                self._keeper.stdin.close()


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended but was not collected does not."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
