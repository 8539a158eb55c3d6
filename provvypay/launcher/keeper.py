"""Keep one program: start it, report its end, and leave nothing of it behind, whatever happens to us or to our parent.

A script of its own (`python -I -S keeper.py REPORT_FD OPTIONS -- COMMAND…`), because a parent that is killed hard can
clean up nothing. Standard input is a pipe whose other end only the parent holds: its end means that the parent is gone.
On Linux the keeper adopts grandchildren whose own parent died (gunicorn's workers, RQ's job processes in their own
sessions), so it finds the whole family; and the program itself is told by the kernel when the keeper is killed.
"""

import contextlib
import ctypes
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000
INSIDE_ID = 1000
"""User and group that root becomes inside a fresh user namespace."""
LINUX = sys.platform == "linux"
FAMILY_SECONDS = 3.0
"""How long what is left of a family may take to end by itself once its head is gone."""
CANNOT_START = 97


def main() -> NoReturn:
    report, options = int(sys.argv[1]), json.loads(sys.argv[2])
    command = sys.argv[4:]
    for descriptor in (report, *options["held"]):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's own parameter
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    parent = os.getppid()
    wake, alarm = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: asked.append(number))
    signal.signal(signal.SIGCHLD, _note)

    child = os.fork()
    if child == 0:
        become(command, options, report)
    os.write(report, f"pid {child}\n".encode())
    os.close(report)
    keep(Keeping(child, options, parent, wake, asked))


def _note(_number: int, _frame: FrameType | None) -> None:
    """Exist, so that the end of a child wakes the loop."""


class Keeping:
    """What the loop knows of its child and of the wish to stop it."""

    def __init__(self, child: int, options: dict[str, object], parent: int, wake: int, asked: list[int]) -> None:
        self.child = child
        self.parent = parent
        self.wake = wake
        self.asked = asked
        self.stop_signal = int(str(options["stop_signal"]))
        self.grace = float(str(options["grace"]))
        self.orphan_grace = float(str(options["orphan_grace"]))
        self.deadline: float | None = None
        self.listening = True
        self.status: int | None = None

    def stop(self, seconds: float) -> None:
        """Ask the program to end within so many seconds; only the first wish, or a shorter one, counts."""
        wanted = time.monotonic() + seconds
        if self.deadline is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, self.stop_signal)
        if self.deadline is None or wanted < self.deadline:
            self.deadline = wanted


def keep(keeping: Keeping) -> NoReturn:
    """Wait for the program's end, or bring it about; then see its family off and end with its status."""
    while keeping.status is None:
        listen(keeping)
        if keeping.asked:
            keeping.stop(keeping.grace)
        if os.getppid() != keeping.parent:
            keeping.stop(keeping.orphan_grace)
        if keeping.deadline is not None and time.monotonic() >= keeping.deadline:
            for pid in descendants():
                end(pid, signal.SIGKILL)
            time.sleep(0.01)
        reap(keeping)
    see_off_family(keeping)
    os._exit(keeping.status)


def listen(keeping: Keeping) -> None:
    """Sleep until something happens: a child's end, a word from the parent (`t` stop, `k` kill), the parent's end."""
    wait = 1.0 if keeping.deadline is None else min(1.0, max(0.0, keeping.deadline - time.monotonic()))
    readers = [keeping.wake, 0] if keeping.listening else [keeping.wake]
    ready, _, _ = select.select(readers, [], [], wait)
    if keeping.wake in ready:
        with contextlib.suppress(BlockingIOError):
            os.read(keeping.wake, 4096)
    if 0 in ready:
        word = os.read(0, 64)
        if b"k" in word:
            keeping.stop(0)
        elif word:
            keeping.stop(keeping.grace)
        else:
            keeping.listening = False
            keeping.stop(keeping.orphan_grace)


def reap(keeping: Keeping) -> None:
    """Collect every child that has ended, adopted ones too; note the status of the program itself."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid == keeping.child:
                code = os.waitstatus_to_exitcode(status)
                keeping.status = code if code >= 0 else 128 - code


def see_off_family(keeping: Keeping) -> None:
    """End what the program left behind: by request first, by force when the patience is over."""
    started = time.monotonic()
    for pid in descendants():
        end(pid, signal.SIGTERM)
    while family := descendants():
        waited = time.monotonic() - started
        if waited > FAMILY_SECONDS:
            for pid in family:
                end(pid, signal.SIGKILL)
        if waited > 2 * FAMILY_SECONDS:
            return
        reap(keeping)
        time.sleep(0.01)


def end(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def descendants() -> list[int]:
    """List the processes below us, nearest first."""
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def _processes() -> list[tuple[int, int]]:
    """List (pid, parent) of every running process; ended ones that nobody has collected do not count."""
    if not LINUX:
        listing = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=False)
        rows = [line.split() for line in listing.stdout.splitlines()]
        return [(int(pid), int(parent)) for pid, parent in rows]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                state, parent = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()[:2]
                if state not in (b"Z", b"X"):
                    found.append((int(entry.name), int(parent)))
    return found


def become(command: list[str], options: dict[str, object], report: int) -> NoReturn:
    """Run in the child: take on the identity asked for, tie our life to the keeper's, and become the program."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        take_identity(str(options["identity"]))
        if LINUX:  # after the change of identity, which would clear it
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(str(options["stop_signal"])), 0, 0, 0)
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(report, f"error {error.strerror}: {command[0]}\n".encode())
    os._exit(CANNOT_START)


def take_identity(identity: str) -> None:
    """Stop being root, for a program that refuses it.

    :param identity: `same`; `namespace` (an ordinary user inside a fresh user namespace, still root to files outside);
        or `nobody`
    :raises OSError: where the machine does not allow it
    """
    if identity == "namespace":
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.geteuid(), os.getegid()
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{INSIDE_ID} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{INSIDE_ID} {group} 1", encoding="ascii")
    elif identity == "nobody":
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


if __name__ == "__main__":
    main()
