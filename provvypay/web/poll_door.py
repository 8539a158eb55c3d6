"""A pay page's poll that has nothing new is answered here, before Flask begins: most requests of a day are such polls.

The page asks every two seconds whether it still shows what is true. It names the token of the face it shows
(flows/live.py); while Redis holds the same one, the answer is an empty 204. Everything else passes on to the view,
which answers the same question in full, so nothing depends on this door but speed (docs/explanation/delivery-
guarantees.md).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from provvypay.domain.short_codes import ALPHABET, LENGTH
from provvypay.flows import live
from provvypay.kit.ids import uuid7
from provvypay.web.security import bare_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FAST_SECONDS, SLOW_SECONDS = 2, 10
SLOWER_AFTER = 120
"""seconds: who has waited this long is asked less often"""

_PATH = re.compile(rf"/p/([{ALPHABET}]{{{LENGTH}}})")
_SEEN = re.compile(r"(?:^|&)seen=([A-Za-z0-9_.-]{4,40})(?:&|$)")
_SINCE = re.compile(r"(?:^|&)since=([0-9]{1,11})(?:&|$)")
_UNTIL = re.compile(r"(?:^|&)until=([0-9]{1,11})(?:&|$)")
"""when the page changes by the clock alone: the price on it ends, or the link does"""
_WANTS_THE_PAGE = ("HTTP_HX_BOOSTED", "HTTP_HX_HISTORY_RESTORE_REQUEST")
_HEADERS = (*bare_headers(referrer="no-referrer"), ("Vary", "HX-Request, HX-Target"))


def pace(since: int, now: int) -> int:
    """Return how many seconds lie between two polls of somebody who has been here for a while.

    :param since: Unix time
    """
    return FAST_SECONDS if now - since < SLOWER_AFTER else SLOW_SECONDS


def seen(token: str, seconds: int) -> str:
    """Return what a poll carries: the face it shows and its pace, so that a new pace is a new answer too."""
    return f"{token}.{seconds}"


class PollDoor:
    """A WSGI application in front of ours."""

    def __init__(self, application: WSGIApplication, hosts: Iterable[str]) -> None:
        """Stand before an application.

        :param hosts: the names we answer to; who calls us otherwise is refused further inside
        """
        self._application = application
        self._hosts = frozenset(hosts)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a poll that has nothing new; pass everything else on."""
        if environ.get("HTTP_HX_TARGET") == "payment_status" and self._nothing_new(environ):
            start_response("204 No Content", [*_HEADERS, ("X-Request-Id", uuid7().hex)])
            return ()
        return self._application(environ, start_response)

    def _nothing_new(self, environ: WSGIEnvironment) -> bool:
        path = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        query = environ.get("QUERY_STRING", "")
        shown, since = _SEEN.search(query), _SINCE.search(query)
        if path is None or shown is None or since is None or environ["REQUEST_METHOD"] != "GET":
            return False
        if environ.get("HTTP_HX_REQUEST") != "true" or any(environ.get(name) == "true" for name in _WANTS_THE_PAGE):
            return False
        if environ.get("HTTP_HOST", "").partition(":")[0] not in self._hosts:
            return False
        now, until = int(time.time()), _UNTIL.search(query)
        if until is not None and now >= int(until[1]):
            return False
        token = live.face_token(path[1])
        return token is not None and shown[1] == seen(token, pace(int(since[1]), now))
