"""What every stand-in shares: one lock, one clock, the faults, the timers and the snapshot on disk."""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from provvypay.sandbox.clock import Clock
from provvypay.sandbox.faults import FaultBoard
from provvypay.sandbox.timers import Timers

log = logging.getLogger("provvypay.sandbox")
SAVE_EVERY_SECONDS = 0.25
LONGEST_SLEEP_SECONDS = 0.5
MOST_OF_THE_TIME = 9
EXACT = "$decimal"


@dataclass
class Part:
    """One vendor's state, as the snapshot sees it."""

    dump: Callable[[], dict[str, Any]]
    load: Callable[[dict[str, Any]], None]
    reset: Callable[[], None]


@dataclass
class Core:
    """The one lock, and what stands behind it beside the vendors' own tables."""

    clock: Clock = field(default_factory=Clock)
    faults: FaultBoard = field(default_factory=FaultBoard)
    timers: Timers = field(default_factory=Timers)
    parts: dict[str, Part] = field(default_factory=dict)
    state_file: Path | None = None

    def __post_init__(self) -> None:
        """Make the lock and the condition that is notified with every change."""
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.stopping = threading.Event()
        self.version = 0
        self._saved_version = 0
        self._threads: list[threading.Thread] = []

    def touch(self) -> None:
        """Say that something has changed: wakes whoever waits and marks the snapshot stale. Hold the lock."""
        self.version += 1
        self.changed.notify_all()

    def run_due(self) -> None:
        """Let everything happen whose time has come. Called before each request, so nothing is seen too old."""
        with self.lock:
            if self.timers.run_due(self.clock.exact()):
                self.touch()

    def start(self, *loops: Callable[[], None]) -> None:
        """Start the background threads: timers, snapshot, and the vendors' own loops."""
        for loop in (self._timer_loop, self._save_loop, *loops):
            thread = threading.Thread(target=loop, name=f"sandbox-{loop.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop the background threads and write the last snapshot."""
        self.stopping.set()
        with self.lock:
            self.changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=2)
        self.save()

    def reset(self) -> None:
        """Return to the beginning: no objects, no faults, the machine's time."""
        with self.lock:
            self.clock.offset_seconds = 0
            self.clock.signature_offset_seconds = 0
            self.faults.remove()
            self.timers.load([])
            for part in self.parts.values():
                part.reset()
            self.touch()

    def save(self) -> None:
        """Write the snapshot when there is a file for it and something changed since the last one."""
        if self.state_file is None:
            return
        with self.lock:
            if self.version == self._saved_version:
                return
            version, text = self.version, json.dumps(self._dump(), default=_pack)
        spare = self.state_file.with_suffix(".writing")
        self.state_file.parent.mkdir(parents=True, exist_ok=True)
        spare.write_text(text, encoding="utf-8")
        spare.replace(self.state_file)
        self._saved_version = version

    def load(self) -> None:
        """Take over the snapshot of an earlier run, if there is one.

        :raises ValueError: for a file that is not a snapshot; it is left as it is
        """
        if self.state_file is None or not self.state_file.exists():
            return
        data = json.loads(self.state_file.read_text(encoding="utf-8"), object_hook=_unpack)
        with self.lock:
            self.clock.offset_seconds = int(data["clock"]["offset_seconds"])
            self.clock.signature_offset_seconds = int(data["clock"]["signature_offset_seconds"])
            self.faults.load(data["faults"])
            self.timers.load(data["timers"])
            for name, part in self.parts.items():
                part.load(data.get(name, {}))
            self.touch()

    def _dump(self) -> dict[str, Any]:
        return {
            "clock": {
                "offset_seconds": self.clock.offset_seconds,
                "signature_offset_seconds": self.clock.signature_offset_seconds,
            },
            "faults": self.faults.dump(),
            "timers": self.timers.dump(),
            **{name: part.dump() for name, part in self.parts.items()},
        }

    def _timer_loop(self) -> None:
        while not self.stopping.is_set():
            self.run_due()
            with self.lock:
                next_at = self.timers.next_at()
                pause = LONGEST_SLEEP_SECONDS
                if next_at is not None:
                    pause = min(pause, max(next_at - self.clock.exact(), 0.01))
                self.changed.wait(pause)

    def _save_loop(self) -> None:
        pause = SAVE_EVERY_SECONDS
        while not self.stopping.wait(pause):
            started = time.monotonic()
            try:
                self.save()
            except OSError as error:
                log.warning("The snapshot %s could not be written: %s", self.state_file, error)
            # a large snapshot takes its time: leave most of it to the requests
            pause = max(SAVE_EVERY_SECONDS, MOST_OF_THE_TIME * (time.monotonic() - started))


def _pack(value: object) -> dict[str, str]:
    """Write what JSON has no word for."""
    if isinstance(value, Decimal):
        return {EXACT: str(value)}
    raise TypeError(f"{value!r} cannot be kept in a snapshot")


def _unpack(found: dict[str, Any]) -> Any:
    return Decimal(found[EXACT]) if set(found) == {EXACT} else found
