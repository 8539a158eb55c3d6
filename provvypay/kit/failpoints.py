"""Places where a test may kill, raise or delay; they do nothing anywhere else.

`PROVVYPAY_FAILPOINTS="settle.after_payment=kill"` arms them, and settings refuse it outside `PROVVYPAY_ENV=test`.
Several are parted by commas; an action may carry `*1` so that it happens once per process; `sleep:0.5` waits.
"""

from __future__ import annotations

import os
import signal
import time

KNOWN: set[str] = set()

_armed: dict[str, tuple[str, int | None]] = {}


class FailpointReached(RuntimeError):
    """Raised by an armed fail-point with the action `raise`."""


def register(*names: str) -> None:
    """Declare fail-points, so that tests can walk through all there are."""
    KNOWN.update(names)


def arm(spec: str) -> None:
    """Arm fail-points from a text like `a.b=kill,c.d=raise*1`; an empty text disarms all.

    :raises ValueError: for a spec that cannot be read
    """
    _armed.clear()
    for item in filter(None, (part.strip() for part in spec.split(","))):
        name, separator, action = item.partition("=")
        if not separator:
            raise ValueError(f"not a fail-point: {item!r}")
        action, _, times = action.partition("*")
        _armed[name] = (action, int(times) if times else None)


def failpoint(name: str) -> None:
    """Do what a test armed here; nothing otherwise."""
    if not _armed or name not in _armed:
        return
    action, left = _armed[name]
    if left is not None:
        if left <= 0:
            return
        _armed[name] = (action, left - 1)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise FailpointReached(name)
    elif action.startswith("sleep:"):
        time.sleep(float(action.removeprefix("sleep:")))
