"""Things that happen later by themselves: sessions that expire, fees that arrive, bank debits that settle."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

Handler = Callable[[str], None]


@dataclass
class Timers:
    """Due times in the sandbox's time. Guarded by the core's lock, like everything else."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    queue: list[tuple[float, int, str, str]] = field(default_factory=list)
    counter: int = 0

    def on(self, kind: str, handler: Handler) -> None:
        """Name the function that is called with the subject's id when a timer of this kind is due."""
        self.handlers[kind] = handler

    def add(self, at: float, kind: str, subject: str) -> None:
        """Remember to act on a subject at a moment (Unix seconds in the sandbox's time)."""
        self.counter += 1
        heapq.heappush(self.queue, (at, self.counter, kind, subject))

    def run_due(self, now: float) -> int:
        """Act on everything due and return how many there were."""
        done = 0
        while self.queue and self.queue[0][0] <= now:
            _, _, kind, subject = heapq.heappop(self.queue)
            self.handlers[kind](subject)
            done += 1
        return done

    def bring_forward(self, kind: str) -> int:
        """Act now on every waiting timer of one kind, in the order they would have come."""
        mine = sorted(entry for entry in self.queue if entry[2] == kind)
        self.queue = [entry for entry in self.queue if entry[2] != kind]
        heapq.heapify(self.queue)
        for _, _, _, subject in mine:
            self.handlers[kind](subject)
        return len(mine)

    def waiting(self, kind: str) -> int:
        """Return how many timers of this kind are still to come."""
        return sum(1 for entry in self.queue if entry[2] == kind)

    def next_at(self) -> float | None:
        """Return the moment of the next timer, or None when nothing waits."""
        return self.queue[0][0] if self.queue else None

    def dump(self) -> list[list[object]]:
        """Return the waiting timers as plain lists."""
        return [[at, kind, subject] for at, _, kind, subject in sorted(self.queue)]

    def load(self, entries: list[list[object]]) -> None:
        """Replace the waiting timers by dumped ones."""
        self.queue = []
        for at, kind, subject in entries:
            self.add(float(str(at)), str(kind), str(subject))
