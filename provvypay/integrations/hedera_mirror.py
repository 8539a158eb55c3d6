"""The Hedera mirror node's REST API: accounts, tokens, transactions and contract logs (its rate: hedera_rate.py).

Reference: docs.hedera.com, REST API; github.com/hiero-ledger/hiero-mirror-node, rest/api/v1/openapi.yml 0.160, read
November 2026. Limit: 50 requests a second and address on the public nodes, so all processes share one budget; 429, 502
and 504 come from the load balancer and may be HTML. Odd ways of theirs that decide how we ask:

- a list covers 60 days at most, so both bounds are given, and **an empty page may be followed by others**;
- `links.next` is a path: it is followed as such, never to another host;
- `limit` beyond 100 is silently 100; an account's EVM alias is not resolved by `account.id`: an empty list;
- `result=success` lets two more codes pass than SUCCESS: each record's own result decides;
- 404 for a transaction means "not yet" for a while; 404 for an association's list means that there is no account.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from provvypay.domain import hedera_ids as ids
from provvypay.domain import hedera_records as records
from provvypay.integrations import mirror_reading as reading
from provvypay.integrations.mirror_transport import (
    MirrorNodeMisunderstood,
    MirrorNodeRefused,
    MirrorNodeUnavailable,
    Query,
    Transport,
)
from provvypay.kit.budget import Budget
from provvypay.kit.http import HttpClient
from provvypay.kit.settings import Settings, settings

__all__ = ["Client", "MirrorNodeMisunderstood", "MirrorNodeRefused", "MirrorNodeUnavailable", "client"]

PER_PAGE = "100"
WINDOW_SECONDS = 60 * 24 * 3600
LOG_WINDOW_SECONDS = 7 * 24 * 3600
_SYMBOL, _DECIMALS = "0x95d89b41", "0x313ce567"
"""the first four bytes of the hashes of `symbol()` and `decimals()`"""
_MOST_PAGES = 10_000
"""of one list: a million records, more than an account gets in sixty days; beyond it something goes in circles"""


@dataclass(frozen=True)
class Client:
    """Calls to one mirror node; each may raise the three errors of mirror_transport."""

    transport: Transport

    # ------------------------------------------------------------------------------------------ accounts and tokens

    def account(self, account: str) -> records.AccountState | None:
        """Return an account by its id or EVM address of either form; None when there is none."""
        body = self.transport.ask(f"/api/v1/accounts/{account}", {"transactions": "false"})
        return None if body is None else reading.account(body)

    def account_token(self, account: str, token: str) -> records.AccountToken | None:
        """Return an account's association with a token; None when it has none."""
        found = self._associations(account, {"token.id": token})
        return found[0] if found else None

    def account_tokens(self, account: str) -> tuple[records.AccountToken, ...]:
        """Return all associations of an account: how many were made by themselves says how many slots are left."""
        return tuple(self._associations(account, {}))

    def token(self, token: str) -> records.TokenState | None:
        """Return a token of the token service; None when there is none: a contract is none."""
        body = self.transport.ask(f"/api/v1/tokens/{token}")
        return None if body is None else reading.token(body)

    def contract(self, contract: str) -> records.ContractState | None:
        """Return a contract by its id or EVM address, with what it says of itself as a token; None for none."""
        body = self.transport.ask(f"/api/v1/contracts/{contract}")
        if body is None:
            return None
        address = reading.contract(body).evm_address
        return reading.contract(
            body, self.transport.call_contract(address, _SYMBOL), self.transport.call_contract(address, _DECIMALS)
        )

    def _associations(self, account: str, query: Query) -> list[records.AccountToken]:
        path = f"/api/v1/accounts/{account}/tokens"
        bodies = self._bodies(path, {**query, "limit": PER_PAGE}, missing_is_empty=True)
        return [reading.account_token(one) for body in bodies for one in _items(body, "tokens")]

    # ------------------------------------------------------------------------------------------------- transactions

    def transactions(self, account: str, since: str, until: str, *, credit_only: bool = True) -> Iterator[records.Page]:
        """Yield an account's successful records between two consensus times, both included, oldest first.

        In windows of sixty days, one page after the other; empty pages are yielded too, so that the reader can say how
        far it got. Whoever stops in between asks again from there.

        :param account: `0.0.x`, never an alias
        :param credit_only: only records in which it got HBAR or tokens. The mirror node once missed some: a sweep asks
            without
        """
        query = {"account.id": account, "result": "success", "order": "asc", "limit": PER_PAGE}
        if credit_only:
            query["type"] = "credit"
        path = "/api/v1/transactions"
        for low, high in _windows(since, until, WINDOW_SECONDS):
            for body in self._bodies(path, {**query, "timestamp": [f"gte:{low}", f"lte:{high}"]}):
                found = tuple(reading.record(one) for one in _items(body, "transactions"))
                yield records.Page(found, low, high, is_last=_next(body) is None)

    def transaction(self, transaction_id: str) -> tuple[records.TransactionRecord, ...]:
        """Return all records of a transaction id, oldest first; none means "not yet" for a while.

        :param transaction_id: the mirror node's form
        """
        body = self.transport.ask(f"/api/v1/transactions/{transaction_id}")
        return () if body is None else tuple(reading.record(one) for one in _items(body, "transactions"))

    def record_at(self, consensus_timestamp: str) -> records.TransactionRecord | None:
        """Return the one record of a consensus time, whatever its result; None when there is none yet."""
        body = self._ask("/api/v1/transactions", {"timestamp": consensus_timestamp, "limit": "1"})
        found = [reading.record(one) for one in _items(body, "transactions")]
        return found[0] if found else None

    def logs(
        self, contract: str, *, since: str, until: str, topic0: str, topic2: Sequence[str] = ()
    ) -> Iterator[records.LogEntry]:
        """Yield a contract's logs between two consensus times, both included, oldest first, in windows of seven days.

        :param topic0: the event's signature, 0x and 64 hex digits
        :param topic2: its second indexed value, any of these; of an ERC-20 transfer, the receiver
        """
        path = f"/api/v1/contracts/{contract}/results/logs"
        query: dict[str, str | Sequence[str]] = {"topic0": topic0, "order": "asc", "limit": PER_PAGE}
        if topic2:
            query["topic2"] = list(topic2)
        for low, high in _windows(since, until, LOG_WINDOW_SECONDS):
            for body in self._bodies(path, {**query, "timestamp": [f"gte:{low}", f"lte:{high}"]}):
                yield from (reading.log_entry(one) for one in _items(body, "logs"))

    def head(self) -> records.Head:
        """Return how far the mirror node has got.

        :raises MirrorNodeUnavailable: also when it has nothing at all
        """
        body = self._ask("/api/v1/transactions", {"limit": "1", "order": "desc"})
        newest = [reading.record(one) for one in _items(body, "transactions")]
        if not newest:
            raise MirrorNodeUnavailable("the mirror node has no transactions")
        return records.Head(newest[0].consensus_timestamp)

    # --------------------------------------------------------------------------------------------------------- pages

    def _ask(self, path: str, query: Query) -> dict[str, Any]:
        body = self.transport.ask(path, query)
        if body is None:
            raise MirrorNodeMisunderstood(f"{path}: 404")
        return body

    def _bodies(self, path: str, query: Query, *, missing_is_empty: bool = False) -> Iterator[dict[str, Any]]:
        """Yield one page's JSON after the other, until a page names none that follows it."""
        body = self.transport.ask(path, query)
        if body is None:
            if missing_is_empty:
                return
            raise MirrorNodeMisunderstood(f"{path}: 404")
        followed = set[str]()
        while True:
            yield body
            link = _next(body)
            if link is None:
                return
            if link in followed or len(followed) >= _MOST_PAGES:
                raise MirrorNodeMisunderstood(f"{path}: pages in circles")
            followed.add(link)
            body = self.transport.follow(link, path)


def _windows(since: str, until: str, seconds: int) -> Iterator[tuple[str, str]]:
    """Part a span into windows that do not overlap; none when it ends before it begins."""
    low, last = ids.nanos_of(since), ids.nanos_of(until)
    while low <= last:
        high = min(last, low + seconds * ids.NANOS)
        yield ids.timestamp_of(low), ids.timestamp_of(high)
        low = high + 1


def _items(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise MirrorNodeMisunderstood(f"no list of {name}")
    return found


def _next(body: dict[str, Any]) -> str | None:
    links = body.get("links")
    found = links.get("next") if isinstance(links, dict) else ""
    if found is not None and (not isinstance(found, str) or not found):
        raise MirrorNodeMisunderstood("a page without links.next")
    return found


@lru_cache(maxsize=4)
def _client(chosen: Settings) -> Client:
    base = chosen.hedera_mirror_node_url
    # One try: the budget's pause, which all processes keep, is the retry.
    http = HttpClient(base, headers=dict(chosen.hedera_mirror_node_headers or ()), retries=0, answer_seconds=8)
    return Client(Transport(http, Budget(urlsplit(base).netloc, chosen.hedera_mirror_requests_per_second)))


def client() -> Client:
    """Return the client of the configured mirror node."""
    return _client(settings())
