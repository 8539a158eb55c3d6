"""Where things lie: the project's folder, and short folders for unix sockets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from provvypay.launcher.trouble import CannotStartError

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO_FOLDER = ROOT / "var" / "demo"
"""Where a demo keeps its data unless a person chose another place."""
"""The project's folder: the one with pyproject.toml and worker.py."""

LONGEST_SOCKET_PATH = 103
"""Bytes in the path of a unix socket: 107 on Linux, 103 on macOS."""


def socket_folder(directory: Path, longest_name: str) -> Path:
    """Return a folder whose socket paths fit: the directory itself, else a short one made for it under the temp folder.

    :param longest_name: the longest file name that will be put there
    :raises CannotStartError: when the short folder exists and is not ours alone
    """
    directory = directory.resolve()
    if len(os.fsencode(directory / longest_name)) <= LONGEST_SOCKET_PATH:
        return directory
    name = f"provvypay-{os.geteuid()}-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]}"
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base / name / longest_name)) > LONGEST_SOCKET_PATH:
        # the folder in it is checked below to be ours and closed to others
        base = Path("/tmp")  # noqa: S108  # nosec B108
    short = base / name
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    ours = {os.geteuid(), pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else {os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o077:
        raise CannotStartError(f"{short} is needed for sockets but belongs to somebody else. Remove it and try again.")
    return short


def drop_socket_folder(directory: Path, folder: Path) -> None:
    """Remove a short folder that `socket_folder` made, once nothing is in it."""
    if folder != directory.resolve():
        with contextlib.suppress(OSError):
            folder.rmdir()


def check_room(directory: Path, needed: int) -> None:
    """Refuse to start on a nearly full disk, where databases break in less readable ways.

    :param needed: bytes
    """
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise CannotStartError(
            f"The disk of {directory} is full: {free // 1_000_000} MB are free, {needed // 1_000_000} MB are needed."
            " Free some, or put the data elsewhere with --data."
        )
