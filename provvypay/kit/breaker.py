"""A breaker: after a failure, nobody asks again for a moment; then one asks, and its answer decides for all."""

from __future__ import annotations

import threading
import time


class Breaker:
    """Keeps many requests from waiting, one after the other, for something that does not answer."""

    def __init__(self, pause_seconds: float) -> None:
        """Begin closed: everybody may ask.

        :param pause_seconds: for how long nobody asks after a failure
        """
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._asks_again_at = 0.0

    def allows(self) -> bool:
        """Say whether to ask. After the pause one caller is told yes; the others wait for what it finds."""
        if self._asks_again_at == 0:
            return True
        with self._lock:
            if time.monotonic() < self._asks_again_at:
                return False
            if self._asks_again_at:
                self._asks_again_at = time.monotonic() + self._pause
            return True

    def worked(self) -> None:
        """Say that an answer came."""
        self._asks_again_at = 0.0

    def failed(self) -> None:
        """Say that none came, or none of use."""
        with self._lock:
            self._asks_again_at = time.monotonic() + self._pause


redis_breaker = Breaker(pause_seconds=1)
"""of all that asks Redis while somebody waits for a page"""
