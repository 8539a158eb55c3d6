"""How often a stranger may do what: one table, and the few questions views ask of it. docs/reference/limits.md.

Counted is by network address: as the trusted proxies name it, an IPv6 network of 64 bits as one. What costs money or
opens accounts is refused when the limiter itself fails; what is only read goes on.
"""

from __future__ import annotations

import ipaddress

import structlog
from flask import Flask, Response, g, request

from provvypay.errors import Throttled, Unavailable
from provvypay.flows import live
from provvypay.flows.card_guard import CARD_DECLINES, CardsPaused
from provvypay.kit import limiter
from provvypay.kit.limiter import Answer, Ask, Limit

log = structlog.get_logger(__name__)

PAY_READ = Limit("pay.read", 600, 60)
"""pages, receipts, QR codes, and polls that have something new; an office of thirty people waits behind one address"""
PAY_MISS = Limit("pay.miss", 60, 60, first_wait=30, longest_wait=900)
"""codes nobody has; somebody who mistypes makes two or three"""
PAY_MISSES = Limit("pay.misses", 600, 60, first_wait=60, longest_wait=60)
"""the same, of everybody together: above it somebody guesses from many addresses"""
PAY_GUESS = Limit("pay.guess", 20, 60)
"""look-ups of an address that guessed, or of any while many guess: enough for a person with a link in hand"""
CHECKOUT_VISITOR = Limit("checkout.visitor", 5, 60)
"""one address on one link: a click, back, another click"""
CHECKOUT_ADDRESS = Limit("checkout.address", 20, 60)
"""one address on all links"""
CHECKOUT_LINK = Limit("checkout.link", 30, 60)
"""one link from all addresses; wide, because it must not be a way to keep a customer from paying"""
QUOTE_VISITOR = Limit("quote.visitor", 12, 60)
"""one address on one link: a token, another one, back, and a price that ended; a price that holds is given again"""
QUOTE_ADDRESS = Limit("quote.address", 60, 60)
"""one address on all links"""
QUOTE_LINK = Limit("quote.link", 60, 60)
"""one link from all addresses; each price is a row that stays"""
CLAIM_VISITOR = Limit("claim.visitor", 6, 60, first_wait=30, longest_wait=900)
"""one address on one link: an id, and an id that was mistyped; each is a question to the mirror node"""
CLAIM_ADDRESS = Limit("claim.address", 30, 60)
"""one address on all links"""
CLAIM_LINK = Limit("claim.link", 20, 60)
"""one link from all addresses"""
PUBLIC_READ = Limit("public.read", 300, 60)
"""the other pages for everybody"""
PUBLIC_FORM = Limit("public.form", 60, 60)
"""sign-in and sign-up; beside the counters in PostgreSQL, which look at single tries"""

LIMITS = (
    PAY_READ, PAY_MISS, PAY_MISSES, PAY_GUESS, CHECKOUT_VISITOR, CHECKOUT_ADDRESS, CHECKOUT_LINK, CARD_DECLINES,
    QUOTE_VISITOR, QUOTE_ADDRESS, QUOTE_LINK, CLAIM_VISITOR, CLAIM_ADDRESS, CLAIM_LINK, PUBLIC_READ, PUBLIC_FORM,
)  # fmt: skip
CLOSED = frozenset(
    {
        CHECKOUT_VISITOR, CHECKOUT_ADDRESS, CHECKOUT_LINK, CARD_DECLINES, QUOTE_VISITOR, QUOTE_ADDRESS, QUOTE_LINK,
        CLAIM_VISITOR, CLAIM_ADDRESS, CLAIM_LINK, PUBLIC_FORM,
    }
)  # fmt: skip
"""what is refused when the limiter itself fails"""

BY_ENDPOINT = {
    "public.landing": PUBLIC_READ,
    "public.privacy": PUBLIC_READ,
    "public.terms": PUBLIC_READ,
    "auth.login": PUBLIC_READ,
    "auth.signup": PUBLIC_READ,
    "auth.log_in": PUBLIC_FORM,
    "auth.register": PUBLIC_FORM,
}
"""what is counted before its view runs; the pay page's views ask for themselves"""
NOT_COUNTED = {
    "static": "built files, cached for good",
    "webhooks.stripe": "a signature is cheaper to check than to count, and a genuine event must never wait",
    "health.live": "asked by the platform",
    "health.ready": "asked by the platform",
    "metrics.show": "asked by a scraper, which shows its token",
    "styleguide.index": "not in production",
    "auth.logout": "changes nothing for a stranger",
}

_EVERYBODY = "everybody"
_SENTENCES = {
    PAY_READ: "Many pages were asked for from your network.",
    PAY_MISS: "Many codes that do not exist were asked for from your network.",
    PAY_MISSES: "Many codes that do not exist are being asked for.",
    PAY_GUESS: "Many codes that do not exist were asked for from your network.",
    CHECKOUT_VISITOR: "The card page was opened several times in a row. Nothing was charged.",
    CHECKOUT_ADDRESS: "The card page was opened many times from your network. Nothing was charged.",
    CHECKOUT_LINK: "The card page of this link was opened many times. Nothing was charged.",
    CARD_DECLINES: "Many cards were declined from your network. Nothing was charged.",
    QUOTE_VISITOR: "The price was asked for several times in a row. Nothing was charged.",
    QUOTE_ADDRESS: "Prices were asked for many times from your network. Nothing was charged.",
    QUOTE_LINK: "The price of this link was asked for many times. Nothing was charged.",
    CLAIM_VISITOR: "Several transactions were reported in a row.",
    CLAIM_ADDRESS: "Many transactions were reported from your network.",
    CLAIM_LINK: "Many transactions were reported for this link.",
    PUBLIC_READ: "Many pages were asked for from your network.",
    PUBLIC_FORM: "Many forms were sent from your network.",
}


def install(app: Flask) -> None:
    """Count what is counted before a view, and tell the limits of an answer in its headers."""
    app.before_request(_count_public)
    app.after_request(_tell)


def address() -> str:
    """Return the network whoever asks belongs to: an IPv4 address, or the 64 bits an IPv6 household holds."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def visitor() -> str:
    """Return what stands for this network where it is remembered; no one reads an address from it."""
    return limiter.subject_of(address())


def may_look(code: str = "", *, shows: str = "") -> str | None:
    """Let a visitor look a code up, or not; return the token of the link's present face, read on the same way.

    Who asked for many codes that do not exist may still look a few up, so that a customer behind the same address gets
    to their page; who shows that they hold the page already is no guesser.

    :param shows: what the visitor's page holds: the token of the face it shows and its pace
    :raises Throttled: with the seconds to wait
    """
    own = visitor()
    (read, miss, misses), token = _ask_and_get(
        live.key(code) if code else "",
        Ask(PAY_READ, own),
        Ask(PAY_MISS, own, cost=0),
        Ask(PAY_MISSES, _EVERYBODY, cost=0),
    )
    _refuse(read)
    holds_the_page = token is not None and shows.startswith(f"{token}.")
    if not holds_the_page and not (miss.allowed and misses.allowed):
        _refuse(*_ask(Ask(PAY_GUESS, own)))
    return token


def missed() -> None:
    """Count a code nobody has.

    :raises Throttled: instead of the answer that there is nothing, once there were too many
    """
    (misses,) = _ask(Ask(PAY_MISSES, _EVERYBODY))
    if not misses.allowed and misses.wait_seconds == PAY_MISSES.first_wait:
        log.error("alert.many_unknown_codes", within_seconds=PAY_MISSES.seconds, more_than=PAY_MISSES.most)
    _refuse(*_ask(Ask(PAY_MISS, visitor())))


def may_start_checkout(code: str) -> None:
    """Let a visitor open the card page of a link, or not.

    :raises Throttled: with the seconds to wait
    """
    own = visitor()
    _refuse(
        *_ask(
            Ask(CARD_DECLINES, own, cost=0),
            Ask(CHECKOUT_VISITOR, limiter.subject_of(address(), code)),
            Ask(CHECKOUT_ADDRESS, own),
            Ask(CHECKOUT_LINK, limiter.subject_of(code)),
        )
    )


def may_ask_a_price(code: str) -> None:
    """Let a visitor have a quote for a link, or not.

    :raises Throttled: with the seconds to wait
    """
    _ask_on_a_link(code, QUOTE_VISITOR, QUOTE_ADDRESS, QUOTE_LINK)


def may_report(code: str) -> None:
    """Let a visitor report a transaction for a link, or not.

    :raises Throttled: with the seconds to wait
    """
    _ask_on_a_link(code, CLAIM_VISITOR, CLAIM_ADDRESS, CLAIM_LINK)


def _ask_on_a_link(code: str, by_visitor: Limit, by_address: Limit, by_link: Limit) -> None:
    own = visitor()
    _refuse(
        *_ask(
            Ask(by_visitor, limiter.subject_of(address(), code)),
            Ask(by_address, own),
            Ask(by_link, limiter.subject_of(code)),
        )
    )


def _count_public() -> None:
    limit = BY_ENDPOINT.get(request.endpoint or "")
    if limit is not None:
        _refuse(*_ask(Ask(limit, visitor())))


def _ask(*questions: Ask) -> list[Answer]:
    return _ask_and_get("", *questions)[0]


def _ask_and_get(key: str, *questions: Ask) -> tuple[list[Answer], str | None]:
    """Ask the limiter, and read a key along.

    :raises Unavailable: when it fails and one of the limits guards money or accounts
    """
    try:
        answers, text = limiter.ask_and_get(key, *questions)
    except Exception as error:
        log.exception("alert.limiter_failed", limits=[one.limit.name for one in questions])
        if any(one.limit in CLOSED for one in questions):
            raise Unavailable("the limiter failed") from error
        return [Answer(one.limit, 0, one.limit.most) for one in questions], None
    g.limits = [answer for answer, asked in zip(answers, questions, strict=True) if asked.cost or not answer.allowed]
    return answers, text


def _refuse(*answers: Answer) -> None:
    longest = max(answers, key=lambda one: one.wait_ms)
    if not longest.allowed:
        log.info("limits.refused", limit=longest.limit.name, seconds=longest.wait_seconds)
        again = f"Try again in {words(longest.wait_seconds)}."
        error = CardsPaused if longest.limit is CARD_DECLINES else Throttled
        raise error(longest.wait_seconds, public_message=f"{_SENTENCES[longest.limit]} {again}")


def words(seconds: int) -> str:
    """Return how long somebody waits, as people say it."""
    if seconds < 90:
        return "a second" if seconds <= 1 else f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"


def _tell(response: Response) -> Response:
    """Name the tightest limit of a form's answer, and of every refusal (draft-ietf-httpapi-ratelimit-headers)."""
    answers: list[Answer] = g.get("limits", [])
    if answers and (request.method == "POST" or response.status_code == 429):
        tightest = min(answers, key=lambda one: (one.allowed, one.left, -one.wait_ms))
        limit = tightest.limit
        response.headers["RateLimit-Policy"] = f'"{limit.name}";q={limit.most};w={limit.seconds}'
        response.headers["RateLimit"] = f'"{limit.name}";r={tightest.left};t={tightest.wait_seconds or limit.seconds}'
    return response
