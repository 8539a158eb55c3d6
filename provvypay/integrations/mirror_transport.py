"""One way to ask a mirror node: within the budget that all processes share, with its errors told apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.kit.budget import Budget, OverBudget
from provvypay.kit.http import HttpAnswer, HttpClient, HttpFailed, seconds_to_wait

ROOT = "/api/v1/"

Query = Mapping[str, str | Sequence[str]]


class MirrorNodeUnavailable(Unavailable):
    """No answer, a rate limit, or no rate that is in force; a later call may succeed."""

    code = "mirror_node_unavailable"


class MirrorNodeRefused(ProvvypayError):
    """The question is wrong; a person must look."""

    status = 502
    code = "mirror_node_refused"


class MirrorNodeMisunderstood(ProvvypayError):
    """The answer does not fit our reading."""

    status = 502
    code = "mirror_node_misunderstood"


@dataclass(frozen=True)
class Transport:
    """Questions to one mirror node.

    :ivar budget: None: the caller asks so seldom that nothing is counted
    """

    http: HttpClient
    budget: Budget | None = None

    def ask(self, path: str, query: Query | None = None) -> dict[str, Any] | None:
        """Return the answer's JSON object; None for 404.

        :param path: below the base address, from `/api/v1/` on
        :raises MirrorNodeUnavailable: with `retry_after`: no answer, a limit (theirs or ours), a failure of theirs
        :raises MirrorNodeRefused: the question is wrong, never to be asked again as it is
        :raises MirrorNodeMisunderstood: no JSON object
        """
        answer = self._answer(path, lambda: self.http.get(path, query or {}))
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise MirrorNodeRefused(f"{path}: {answer.status}: {answer.text[:200]}")
        return read(answer.text)

    def follow(self, link: str, path: str) -> dict[str, Any]:
        """Return the page behind `links.next`, asked of the same mirror node, whatever host the link may name.

        :param path: of the first page; the next one has the same
        :raises MirrorNodeMisunderstood: when it leads anywhere else
        """
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or parts.fragment or parts.path != path or not parts.query:
            raise MirrorNodeMisunderstood(f"links.next is not a page of {path}: {link[:200]}")
        if not link.isascii() or not link.isprintable() or "\\" in link:
            raise MirrorNodeMisunderstood(f"links.next of {path} is no address")
        body = self.ask(link)
        if body is None:
            raise MirrorNodeMisunderstood(f"links.next of {path} leads nowhere")
        return body

    def call_contract(self, to: str, data: str) -> str | None:
        """Return what a contract answers to a call that changes nothing; None when it answers none.

        Also when the mirror node serves no such calls: not every provider does.

        :param to: its EVM address
        :param data: the call, 0x and hex digits
        """
        path = f"{ROOT}contracts/call"
        answer = self._answer(path, lambda: self.http.post_json(path, {"to": to, "data": data, "estimate": False}))
        found = read(answer.text).get("result") if answer.status == 200 else None
        return found if isinstance(found, str) else None

    def _answer(self, path: str, ask: Callable[[], HttpAnswer]) -> HttpAnswer:
        if self.budget is not None:
            try:
                self.budget.take()
            except OverBudget as error:
                raise unavailable(f"{path}: not asked, the mirror node is left alone", error.retry_after) from error
        try:
            answer = ask()
        except HttpFailed as error:
            raise unavailable(str(error), self._failed(error.retry_after or None)) from error
        if answer.status == 429:
            raise unavailable("rate limit", self._failed(seconds_to_wait(answer)))
        if self.budget is not None:
            self.budget.worked()
        return answer

    def _failed(self, retry_after: int | None) -> int | None:
        return retry_after if self.budget is None else self.budget.failed(retry_after=retry_after or 0)


def unavailable(why: str, retry_after: int | None) -> MirrorNodeUnavailable:
    """Return the error that says when to ask again."""
    error = MirrorNodeUnavailable(why)
    error.retry_after = retry_after
    return error


def read(text: str) -> dict[str, Any]:
    """Return a JSON object with exact numbers.

    :raises MirrorNodeMisunderstood: for anything else
    """
    try:
        body = json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise MirrorNodeMisunderstood("200: not JSON") from error
    if not isinstance(body, dict):
        raise MirrorNodeMisunderstood(f"200: {type(body).__name__}")
    return body
