"""Count who asks what, so that a test or a benchmark can read how many requests were made, and limit them."""

import re
import time
from collections import Counter
from typing import Any

from provvypay.sandbox.mirror_node.state import MirrorState

_NAMED = re.compile(r"(/(?:transactions|accounts|tokens|contracts)/)[^/]+")
SHOWN_SECONDS = 120


def count(state: MirrorState, path: str) -> bool:
    """Count a request, and return whether it goes beyond the limit. Hold the lock.

    The seconds are the machine's: a budget of requests is kept by real time, whatever time the sandbox plays.
    """
    now = time.time()
    limit = state.settings.rate_limit_per_second
    recent = 0
    if limit is not None:
        for moment in reversed(state.request_times):
            if moment <= now - 1:
                break
            recent += 1
    state.requests[_NAMED.sub(r"\1{id}", path)] += 1
    state.request_times.append(now)
    return limit is not None and recent >= limit


def shown(state: MirrorState) -> dict[str, Any]:
    """Return the counts by path, by status and by second. Hold the lock."""
    seconds = Counter(int(moment) for moment in state.request_times)
    newest = sorted(seconds)[-SHOWN_SECONDS:]
    return {
        "total": sum(state.requests.values()),
        "by_path": dict(state.requests),
        "by_status": {str(status): times for status, times in sorted(state.statuses.items())},
        "peak_per_second": max(seconds.values(), default=0),
        "per_second": {str(second): seconds[second] for second in newest},
    }
