"""The demo's folder: one demo at a time in it, its secrets, and the note on where everything is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from provvypay.launcher.paths import ROOT
from provvypay.launcher.process import is_alive
from provvypay.launcher.trouble import CannotStartError

LOCK = "lock"
NOTE = ROOT / "var" / "demo.json"
"""Where other programs find the running demo; each demo has one in its own folder too."""
STOPPING = "stopping"
"""Stands in the lock behind the process id, once the demo is asked to stop."""
WINDING_DOWN_SECONDS = 40.0
MARK = "provvypay-demo"
"""A file that says that a folder is ours, so that --fresh never empties somebody's own."""
OURS = re.compile(r"postgres|valkey|sandbox\.writing|(secrets|sandbox|demo)\.json(\.[0-9]+)?")
"""What a demo puts into its folder; --fresh removes this and nothing else."""


@contextlib.contextmanager
def only_demo_in(folder: Path) -> Iterator[int]:
    """Hold the folder's lock, and give its file descriptor to hand on to the processes.

    A demo that was killed keeps it until its last process is gone: that is waited for.

    :raises CannotStartError: when another demo runs there, or the folder cannot be used or is somebody's own
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim(folder)
        handle = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotStartError(
            f"{folder} cannot be used ({error.strerror}). Choose another folder with --data."
        ) from error
    with handle:
        deadline = time.monotonic() + WINDING_DOWN_SECONDS
        while not _try_lock(handle.fileno()):
            handle.seek(0)
            owner, _, doing = handle.read().strip().partition(" ")
            if owner.isdigit() and is_alive(int(owner)):
                if doing == STOPPING:
                    raise CannotStartError(f"The demo on {folder} is stopping. Try again in some seconds.")
                raise CannotStartError(
                    f"A demo is already running on {folder} (process {owner}). Stop it with Ctrl-C, or give this one"
                    f" another folder with --data."
                )
            if time.monotonic() > deadline:
                raise CannotStartError(f"Processes of an earlier demo still use {folder}. Stop them and start again.")
            time.sleep(0.1)
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield handle.fileno()


def note_stopping(folder: Path) -> None:
    """Say in the lock, which we hold, that we are on our way out."""
    with contextlib.suppress(OSError):
        (folder / LOCK).write_text(f"{os.getpid()} {STOPPING}\n", encoding="utf-8")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim(folder: Path) -> None:
    """Mark the folder as ours, before anything else is put into it.

    :raises CannotStartError: when there is something in it that no demo made
    """
    mark = folder / MARK
    if not mark.exists() and any(folder.iterdir()):
        raise CannotStartError(
            f"{folder} is not empty and was not made by a demo. Choose an empty or a new folder with --data."
        )
    mark.touch()


def empty(folder: Path) -> None:
    """Remove what a demo makes; the mark, the lock, which we hold, and what somebody else put there stay."""
    for entry in folder.iterdir():
        if not OURS.fullmatch(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def demo_secrets(folder: Path) -> dict[str, str]:
    """Return the demo's secrets, made up on its first start and kept, readable for the owner only.

    :raises CannotStartError: when they are there and cannot be read; new ones would not open what the old ones closed
    """
    path = folder / "secrets.json"
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEY": secrets.token_hex(32),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(24)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
        "COINGECKO_API_KEY": f"CG-{secrets.token_hex(12)}",
    }
    if not path.exists():
        write_privately(path, made)
        return made
    kept = None
    with contextlib.suppress(ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) and kept[name] for name in made):
        raise CannotStartError(f"{path} is damaged. Put back a copy of it, or begin anew with --fresh.")
    return {name: kept[name] for name in made}


def check_sandbox_state(path: Path) -> None:
    """Look whether the sandbox will be able to read what it kept; it alone knows what it means.

    :raises CannotStartError: when it is no JSON
    """
    with contextlib.suppress(FileNotFoundError):
        try:
            whole = isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
        except ValueError:
            whole = False
        if not whole:
            raise CannotStartError(f"{path} is damaged. Put back a copy of it, or begin anew with --fresh.")


def write_privately(path: Path, content: object) -> None:
    """Write JSON that only the owner can read; readers see the old or the new file, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spare = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    spare.replace(path)


def leave_notes(folder: Path, note: dict[str, object]) -> None:
    """Write where everything is: into the folder, and to var/demo.json unless that is about another running demo."""
    write_privately(folder / NOTE.name, note)
    owner = _owner_of(NOTE)
    if owner is None or owner == os.getpid() or not is_alive(owner):
        write_privately(NOTE, note)


def database_of(folder: Path) -> str:
    """Return the URL of the running demo's database, for its owner.

    :raises CannotStartError: when no demo runs on the folder
    """
    path = folder / NOTE.name
    owner = _owner_of(path)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if owner is not None and is_alive(owner):
            return str(json.loads(path.read_text(encoding="utf-8"))["database"])
    raise CannotStartError(f"No demo is running on {folder}. Start one first, or name its folder with --data.")


def remove_notes(folder: Path) -> None:
    """Remove what `leave_notes` wrote: nothing answers there any more."""
    for path in (folder / NOTE.name, NOTE):
        if _owner_of(path) == os.getpid():
            path.unlink(missing_ok=True)


def _owner_of(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(path.read_text(encoding="utf-8"))["pids"]["supervisor"])
    return None
