"""The sandbox's own time: the machine's, moved by an offset, so that tests need not wait."""

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds added to the machine's clock; the vendors of the sandbox live in the shifted time."""

    offset_seconds: int = 0
    """Moves everything: expiry, fees that come late, `created` of objects, age of prices."""

    signature_offset_seconds: int = 0
    """Moves only the `t` of webhook signatures, which otherwise follows the machine's clock."""

    def now(self) -> int:
        """Return Unix seconds in the sandbox's time."""
        return int(self.exact())

    def exact(self) -> float:
        """Return Unix seconds in the sandbox's time, with fractions."""
        return time.time() + self.offset_seconds

    def nanos(self) -> int:
        """Return Unix nanoseconds in the sandbox's time; a float has too few digits for them."""
        return time.time_ns() + self.offset_seconds * 1_000_000_000

    def signature_time(self) -> int:
        """Return the Unix seconds a webhook signature of this moment carries."""
        return int(time.time()) + self.signature_offset_seconds
