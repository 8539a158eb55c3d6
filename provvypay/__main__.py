"""Prepare the environment, then hand over to the real command line: `python3 -m provvypay <command>`.

Only the standard library is used here, because on a fresh machine nothing else is there. The packages of
`requirements-dev.lock` go, with their hashes checked, into `.venv`; a stamp inside it says which lock it holds, so a
second start is immediate. Everything that can go wrong ends in one sentence that says what to do.
"""

from __future__ import annotations  # so that an old Python gets as far as its sentence

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements-dev.lock"
OLDEST_PYTHON = (3, 11)
ROOM_NEEDED = 1_200_000_000  # bytes; a finished environment takes about 900 MB

NO_ROOM = r"No space left on device|Errno 28"
WRONG_BYTES = r"DO NOT MATCH THE HASHES"
NO_NETWORK = (
    r"Failed to establish a new connection|Temporary failure in name resolution|Name or service not known"
    r"|Network is unreachable|ConnectTimeout|Read timed out|ReadTimeout|Connection refused|ProxyError"
)
NO_RIGHT = r"Permission denied|Read-only file system"
NOT_OFFERED = r"No matching distribution found|is not a supported wheel|Could not find a version that satisfies"

SENTENCES = {
    NO_ROOM: "The disk is full. Free about 1 GB and run the same command again.",
    WRONG_BYTES: "A downloaded package is not the one in the lock, so it was not installed. Try again; if it stays so,"
    " do not trust this network or package mirror.",
    NO_NETWORK: "The packages could not be fetched: there is no way to the package registry. Check the network, or"
    " pip's own settings of index and proxy, and run the same command again.",
    NO_RIGHT: "The folder {root} may not be written to. Copy it to one that may.",
    NOT_OFFERED: "A package of the lock is not offered for this machine (its processor, system or Python version).",
}
"""What pip says, and what we say to a person; the first that fits is taken."""


class CannotPrepareError(Exception):
    """The environment cannot be made; the message is one sentence that says what to do."""


def main(arguments: list[str]) -> int:  # noqa: RET503 - execv does not return
    """Make the environment if it is missing or out of date, then become the command line inside it."""
    try:
        check_python()
        if not is_ready():
            with only_one_at_a_time():
                if not is_ready():
                    prepare()
    except CannotPrepareError as trouble:
        print(f"provvypay: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nprovvypay: stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    sys.stdout.flush()
    python = str(environment_python())
    os.execv(python, [python, "-m", "provvypay.cli", *arguments])  # noqa: S606 - no shell is wanted


def check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise CannotPrepareError(
            f"Python {found} is too old, 3.11 or newer is needed. Install it, then use python3.11."
        )
    if sys.platform not in ("linux", "darwin"):
        raise CannotPrepareError("This runs on Linux and macOS; on Windows use the Windows Subsystem for Linux.")


def environment_python() -> Path:
    return ENVIRONMENT / "bin" / "python"


def stamp_file() -> Path:
    return ENVIRONMENT / ".provvypay-stamp"


def expected_stamp() -> str:
    """Name everything the environment depends on: the lock, this Python, and where the folder lies."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{digest} {sys.version_info.major}.{sys.version_info.minor} {ROOT}\n"


def is_ready() -> bool:
    """Say whether the environment holds the lock; an environment made by another Python stays good for itself."""
    with contextlib.suppress(OSError):
        found = stamp_file().read_text(encoding="utf-8").split(" ", 2)
        expected = expected_stamp().split(" ", 2)
        same = found[0] == expected[0] and found[2:] == expected[2:]
        return same and os.access(environment_python(), os.X_OK)
    return False


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold the lock file; whoever comes second waits, then finds the work done."""
    import fcntl  # noqa: PLC0415 - absent on Windows, where a sentence is wanted instead of a traceback

    try:
        handle = (ROOT / ".venv.lock").open("a")
    except OSError as error:
        raise CannotPrepareError(f"The folder {ROOT} may not be written to. Copy it to one that may.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is preparing the environment; waiting for it …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)  # noqa: FBT003 - pip keeps the lock, should this process be killed
        yield


def prepare() -> None:
    """Create `.venv`, install the lock into it, and stamp it last, so that a broken-off start is taken up again."""
    say("preparing the environment in .venv (once; about a minute) …")
    try:
        stamp_file().unlink(missing_ok=True)
        make_environment()
        names = len(locked_names())
        with split_lock() as (build_tools, everything):
            install(build_tools, names, "--no-deps")
            install(everything, names, "--no-deps", "--no-build-isolation")
        leave_a_path()
        stamp_file().write_text(expected_stamp(), encoding="utf-8")
    except OSError as error:
        raise CannotPrepareError(sentence_for(str(error)) or f"{error}. The environment is unfinished.") from error
    say("the environment is ready.")


def make_environment() -> None:
    """Make an empty virtual environment, or keep one that this same Python made."""
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise CannotPrepareError(
            f"This Python has no ensurepip, so it cannot make an environment. On Debian or Ubuntu run"
            f" `apt-get install python{version}-venv` as root, then the same command again."
        )
    if works(environment_python()):
        return
    if shutil.disk_usage(ROOT).free < ROOM_NEEDED:
        raise CannotPrepareError(f"Too little room on the disk of {ROOT}: 1.2 GB are needed. Free some and try again.")
    made = run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)])
    if made.returncode != 0:
        said = made.stdout.strip()
        raise CannotPrepareError(sentence_for(said) or f"The environment could not be made. Python said:\n{said}")


def works(python: Path) -> bool:
    """Say whether the environment's Python starts, is of our version, and believes that it lives here."""
    if not os.access(python, os.X_OK):
        return False
    probe = run([str(python), "-c", "import sys, pip; print(sys.version_info[:2], sys.prefix)"])
    return probe.returncode == 0 and probe.stdout.strip() == f"{sys.version_info[:2]} {ENVIRONMENT}"


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        close_fds=False, env=pip_settings(),
    )  # fmt: skip


def pip_settings() -> dict[str, str]:
    """Keep the machine's settings of pip (index, proxy, certificates), drop those that install elsewhere."""
    settings = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_HASHES", "PYTHONHOME", "PYTHONPATH")
    }
    return settings | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def locked_names() -> list[str]:
    return re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)


@contextlib.contextmanager
def split_lock() -> Iterator[tuple[Path, Path]]:
    """Give two requirement files: the tool that builds source packages (setuptools), and the whole lock.

    xero-python comes as source. Built in isolation, pip would fetch an unchecked setuptools for it; with the locked one
    installed first and isolation off, every byte that runs was checked.
    """
    entry = re.search(
        r"^setuptools==.*?(?=^[^\s]|\Z)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    if entry is None:
        raise CannotPrepareError(f"{LOCK.name} holds no setuptools; write the lock anew (see CONTRIBUTING.md).")
    first = ENVIRONMENT / "build-tools.lock"
    first.write_text(entry.group().rstrip().rstrip("\\"), encoding="utf-8")
    try:
        yield first, LOCK
    finally:
        first.unlink(missing_ok=True)


def install(requirements: Path, total: int, *options: str) -> None:
    """Run pip over one requirement file, show how far it is, and turn its failure into a sentence."""
    command = [str(environment_python()), "-m", "pip", "install", "--require-hashes", "--progress-bar", "off"]
    log: list[str] = []
    with subprocess.Popen(
        [*command, *options, "-r", str(requirements)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        close_fds=False, env=pip_settings(),
    ) as pip:  # fmt: skip
        assert pip.stdout is not None  # noqa: S101 - asked for above
        progress = Progress(total)
        for line in pip.stdout:
            log.append(line)
            progress.read(line)
        progress.close()
    if pip.returncode != 0:
        said = "".join(log)
        end = "".join(log[-15:])
        raise CannotPrepareError(sentence_for(said) or f"pip could not install the packages. Its last words:\n{end}")


class Progress:
    """Count pip's lines on one line of a terminal, or in a few lines of a log."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen = 0
        self.on_terminal = sys.stdout.isatty()

    def read(self, line: str) -> None:
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            self.seen += 1
            self.show("fetching packages", every=25)
        elif line.startswith("Installing collected packages") and self.seen > 1:
            self.show(f"installing {self.seen} packages", every=1)

    def show(self, what: str, *, every: int) -> None:
        text = f"{what}: {self.seen} of {self.total}" if every > 1 else what
        if self.on_terminal:
            print(f"\r\033[Kprovvypay: {text} …", end="", flush=True)
        elif self.seen % every == 0:
            say(f"{text} …")

    def close(self) -> None:
        if self.on_terminal and self.seen:
            print("\r\033[K", end="", flush=True)


def leave_a_path() -> None:
    """Let the environment's Python find this folder from anywhere, and give it the command `provvypay`."""
    for packages in ENVIRONMENT.glob("lib/python*/site-packages"):
        (packages / "provvypay-source.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    script = ENVIRONMENT / "bin" / "provvypay"
    script.write_text(f"#!{environment_python()}\nfrom provvypay.cli import main\n\nmain()\n", encoding="utf-8")
    script.chmod(0o755)


def sentence_for(said: str) -> str | None:
    return next((words.format(root=ROOT) for pattern, words in SENTENCES.items() if re.search(pattern, said)), None)


def say(text: str) -> None:
    print(f"provvypay: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
