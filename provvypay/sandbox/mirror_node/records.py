"""The transactions that reached consensus, as the mirror node renders them, indexed by account and moment."""

import bisect
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Record:
    """One record: the body the mirror node shows, and what it is found by."""

    at: int
    """Consensus time in nanoseconds, unique."""
    body: dict[str, Any]
    """As in lists; nothing in it changes any more."""
    accounts: list[int]
    """Whoever pays for it or has a line in it."""
    credited: list[int]
    debited: list[int]
    assessed: list[dict[str, Any]] = field(default_factory=list)
    """assessed_custom_fees, which only /transactions/{id} shows."""
    visible_from: int = 0
    """Nanoseconds of the sandbox's time before which the mirror node does not have it, whatever its head."""
    found_by: list[str] = field(default_factory=list)
    """Ids that lead to it: its own, and the batch it was part of."""
    hash: str = ""
    """Hex of 48 bytes."""
    logs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether the mirror node counts it under result=success."""
        return self.body["result"] in SUCCESSES


SUCCESSES = ("SUCCESS", "FEE_SCHEDULE_FILE_PART_UPLOADED", "SUCCESS_BUT_MISSING_EXPECTED_OPERATION")


class Records:
    """All records and their indexes. A record that comes late is put where its consensus time belongs."""

    def __init__(self) -> None:
        self.by_time: dict[int, Record] = {}
        self.times: list[int] = []
        self.of_account: dict[int, list[int]] = {}
        self.of_id: dict[str, list[int]] = {}
        self.of_hash: dict[str, list[int]] = {}
        self.of_contract: dict[int, list[int]] = {}
        """Consensus times of the records with logs of a contract."""

    def __len__(self) -> int:
        """Return how many there are, shown or not."""
        return len(self.times)

    def free_moment(self, at: int) -> int:
        """Return the first moment from this one on that no record has."""
        while at in self.by_time:
            at += 1
        return at

    def add(self, record: Record, contracts: set[int]) -> None:
        """Put a record in.

        :param contracts: whose logs it has
        """
        self.by_time[record.at] = record
        _insert(self.times, record.at)
        for num in record.accounts:
            _insert(self.of_account.setdefault(num, []), record.at)
        for name in record.found_by:
            _insert(self.of_id.setdefault(name, []), record.at)
        # an ethereum hash has 32 bytes; contract logs show so many of any other
        for digits in {record.hash, record.hash[:64]}:
            _insert(self.of_hash.setdefault(digits, []), record.at)
        for num in contracts:
            _insert(self.of_contract.setdefault(num, []), record.at)

    def between(
        self, low: int, high: int, *, descending: bool, accounts: set[int] | None = None, contract: int | None = None
    ) -> Iterator[Record]:
        """Go through the records from low to high, both included, in one order.

        :param accounts: only records of any of these
        :param contract: only records with logs of this one
        """
        lists = [self.times]
        if accounts is not None:
            lists = [self.of_account.get(num, []) for num in accounts]
        elif contract is not None:
            lists = [self.of_contract.get(contract, [])]
        walks = [_walk(times, low, high, descending=descending) for times in lists]
        before = None
        for at in heapq.merge(*walks, reverse=descending):
            if at != before:
                before = at
                yield self.by_time[at]

    def where(self, index: dict[str, list[int]], key: str, fits: Callable[[Record], bool]) -> list[Record]:
        """Return the fitting records of one key of an index, oldest first."""
        return [record for at in index.get(key, []) if fits(record := self.by_time[at])]


def _insert(times: list[int], at: int) -> None:
    if not times or times[-1] < at:
        times.append(at)
    else:
        bisect.insort(times, at)


def _walk(times: list[int], low: int, high: int, *, descending: bool) -> Iterator[int]:
    first, last = bisect.bisect_left(times, low), bisect.bisect_right(times, high)
    places = range(last - 1, first - 1, -1) if descending else range(first, last)
    return (times[place] for place in places)
