"""Run pgbench, PostgreSQL's own load generator: what the same writes cost without us."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provvypay.launcher.postgres import binary

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A transaction in pgbench's language, and the values that are the same in each."""

    path: Path
    values: Mapping[str, str]


def per_second(
    url: str,
    script: Script,
    *,
    firsts: Sequence[int],
    seconds: float,
    options: str = "",
) -> float:
    """Return how many transactions a second some clients make, each on numbers of its own, prepared statements.

    :param firsts: per client the first number; `:n` counts from it
    :param seconds: rounded to whole ones; below one, pgbench knows no time, so it is a thousand transactions for each
    :param options: settings of the sessions, as in PGOPTIONS
    :raises RuntimeError: when a transaction failed
    """
    clients = len(firsts)
    step = firsts[1] - firsts[0] if clients > 1 else 0
    if any(first != firsts[0] + k * step for k, first in enumerate(firsts)):
        raise ValueError("pgbench's clients need numbers at equal distances")
    # A variable keeps its value from one transaction of a client to the next.
    values = {**script.values, "i": "-1", "first": str(firsts[0]), "step": str(step)}
    defined = [word for name, value in values.items() for word in ("-D", f"{name}={value}")]
    done = subprocess.run(
        [
            binary("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
            *_length(seconds), "--exit-on-abort", "-f", script.path, *defined, url,
        ],
        env={"PATH": os.environ.get("PATH", os.defpath), "PGOPTIONS": options, "LC_ALL": "C"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = _TPS.search(done.stdout)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"pgbench {script.path.name} failed:\n{done.stderr[-1500:]}")
    return float(found.group(1))


def _length(seconds: float) -> tuple[str, str]:
    return ("-T", str(round(seconds))) if seconds >= 1 else ("-t", str(max(10, int(seconds * 1000))))


COUNT = "\\set i :i + 1\n\\set n :first + :client_id * :step + :i\n"
"""Begins every script: `:n` is the number of this transaction's link."""
