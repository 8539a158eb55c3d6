"""Build the wallet bundle into wallet/dist when its sources or its lock changed; the front end takes it from there.

It is made of packages of its own, a hundred times what our pages weigh, so it is kept apart, and a machine that cannot
have them goes without: the pay page says so, and everything can be paid by hand.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from provvypay.launcher.node import Node, packages_stamp, run, stamp_in
from provvypay.launcher.paths import ROOT
from provvypay.launcher.trouble import CannotStartError

FOLDER = "wallet"
BUNDLE = "hashconnect.js"
STAMP = ".stamp"


def bundle_of(root: Path) -> Path:
    """Return where the bundle is, if there is one."""
    return root / FOLDER / "dist" / BUNDLE


def stamp_of_bundle(root: Path) -> str:
    """Return a text that changes with the bundle; empty without one."""
    return (stamp_in(bundle_of(root).parent) or "") if bundle_of(root).exists() else ""


def build(root: Path, node: Callable[[], Node], say: Callable[[str], None]) -> bool:
    """Bring the bundle up to date; return whether there is one. What stands in the way is said, and is no failure.

    :param node: finds Node.js; asked only when something has to be done
    """
    folder = root / FOLDER
    if not (folder / "package-lock.json").exists():
        return False
    wanted = stamp_of_sources(root)
    if stamp_of_bundle(root) == wanted:
        return True
    try:
        found = node()
        install_packages(root, found, say)
        say("building the wallet's part of the pay page …")
        dist = folder / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        script = str(folder / "build.mjs")
        run([str(found.node), script, str(dist / BUNDLE)], root, "The wallet's part could not be built")
        (dist / STAMP).write_text(wanted, encoding="ascii")
    except CannotStartError as trouble:
        say(f"{trouble} The pay page does without wallets; paying by hand works.")
        return False
    return True


def is_complete(root: Path) -> bool:
    """Say whether the bundle is there, and what the stand-in wallet needs too."""
    return bool(stamp_of_bundle(root)) and stamp_in(root / FOLDER / "node_modules") is not None


def stand_in(node: Node, port: int, sandbox_url: str) -> list[str]:
    """Return the command that runs the stand-in wallet and its relay on a port of this machine."""
    return [str(node.node), str(ROOT / FOLDER / "standin" / "main.mjs"), str(port), sandbox_url]


def install_packages(root: Path, node: Node, say: Callable[[str], None]) -> None:
    """Install what wallet/package-lock.json names, unless wallet/node_modules holds just that.

    :raises CannotStartError: with a sentence
    """
    folder = root / FOLDER
    wanted = packages_stamp(folder)
    if stamp_in(folder / "node_modules") == wanted:
        return
    say("fetching the wallet's packages …")
    command = [*node.npm, "ci", "--no-progress", "--loglevel=error", "--fetch-retries=1", "--prefer-offline"]
    run(command, folder, "The wallet's packages could not be installed")
    (folder / "node_modules" / STAMP).write_text(wanted, encoding="ascii")


def stamp_of_sources(root: Path) -> str:
    """Return a hash over everything the bundle depends on."""
    folder = root / FOLDER
    files = [root / "package-lock.json", folder / "package-lock.json", folder / "build.mjs"]
    files += sorted(path for name in ("src", "hedera-names") for path in (folder / name).rglob("*.js*"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
