"""The public payment page, /p/<short_code>: one view for the page and for its poll, and the way to the card page.

Whoever waits here asks every two seconds, so a poll that has nothing new ends at Redis (flows/live.py). A visit proves
nothing: PAID comes from the books alone. No session, no organization and no person is looked up here.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, request, url_for

from provvypay.domain.short_codes import normalize
from provvypay.errors import NotFound, ProvvypayError, Throttled, Unavailable
from provvypay.flows import live, stripe_payment
from provvypay.flows.card_guard import CardsPaused
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import pay_view
from provvypay.services.link_views import pay_url
from provvypay.services.pay_page import Came, PayPage
from provvypay.web import limits, poll_door, qr
from provvypay.web.formatting import use_time_zone
from provvypay.web.htmx import redirect, render, wants_fragment

log = structlog.get_logger(__name__)

bp = Blueprint("pay", __name__, url_prefix="/p")

_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{8,120}")
_WHOLE = re.compile(r"[0-9]{1,11}")
_WAYS = frozenset(Came)

AWAY_SECONDS = 30
"""after how long it is worth trying again when the card partner does not answer"""


@bp.get("/<short_code>")
def show(short_code: str) -> Response:
    """Show the page to a visitor, and its live part to the poll inside it; 286 at the end.

    While nothing is new a poll does not come here: web/poll_door.py answers it.
    """
    code = normalize(short_code)
    if code is None:
        return _unknown()
    if code != short_code and not wants_fragment():
        query = f"?{urlencode(request.args)}" if request.args else ""
        return redirect(url_for("pay.show", short_code=code) + query)
    # Before the row is read: what changes after that makes another token, and the next poll sees it.
    token = limits.may_look(code, shows=request.args.get("seen", "")) or live.new_face_token(code)
    came = _came()
    page = _read(code, came)
    return _unknown() if page is None else _page(page, came, token=token)


@bp.post("/<short_code>/card")
def card(short_code: str) -> Response:
    """Send the customer to the hosted card page; what stands in the way is said on the page, in its state."""
    code = normalize(short_code)
    if code is None:
        return _unknown()
    try:
        limits.may_start_checkout(code)
        return redirect(stripe_payment.start_checkout(code, visitor=limits.visitor()))
    except ProvvypayError as error:
        log.info("checkout.not_started", code=error.code, detail=str(error))
        return _not_started(code, error)


@bp.get("/<short_code>/card/return")
def card_return(short_code: str) -> Response:
    """Learn from Stripe how the session ended, then show the page. The visit itself proves nothing.

    A session of another link changes nothing, and Stripe is not even asked about it.
    """
    code = normalize(short_code)
    session_id = request.args.get("session_id", "")
    if code is None:
        return _unknown()
    if not _SESSION_ID.fullmatch(session_id):
        return redirect(url_for("pay.show", short_code=code))
    limits.may_look()
    with transaction() as session:
        own = pay_view.has_session(session, code, session_id)
    if not own:
        return redirect(url_for("pay.show", short_code=code))
    try:
        stripe_payment.confirm(session_id)
    except ProvvypayError as error:
        # Stripe is away or answers oddly: the page waits, and the janitor asks again.
        log.warning("return.not_confirmed", code=error.code, detail=str(error))
    return redirect(url_for("pay.show", short_code=code, returned=1))


@bp.get("/<short_code>/receipt")
def receipt(short_code: str) -> Response:
    """Show the receipt alone, to keep or to print; before there is one, lead to the page."""
    limits.may_look()
    code = normalize(short_code)
    page = _read(code, None) if code else None
    if page is None:
        return _unknown()
    if page.receipt is None or code != short_code:
        return redirect(url_for("pay.show" if page.receipt is None else "pay.receipt", short_code=code))
    use_time_zone(page.link.time_zone)
    return render("pay/receipt.html", payee=page.payee, link=page.link, receipt=page.receipt)


@bp.get("/<short_code>/qr.svg")
def qr_svg(short_code: str) -> Response:
    """Return this page's address as a QR code.

    :raises NotFound: for a code nobody has, and for a draft
    """
    limits.may_look()
    code = normalize(short_code)
    if code is None or _read(code, None) is None:
        limits.missed()
        raise NotFound(f"short code {short_code!r}")
    return qr.svg_file(pay_url(settings().public_base_url, code), code)


# ---------------------------------------------------------------- what the views share


def _read(code: str, came: Came | None) -> PayPage | None:
    with transaction() as session:
        return pay_view.read(session, code, now=clock.now(), cards_on=settings().card_payments_on, came=came)


def _came() -> Came | None:
    """Return how this visitor got here: what the hosted page's addresses say, or what a poll says again."""
    if request.args.get("returned") == "1":
        return Came.RETURNED
    said = request.args.get("card") or request.args.get("came")
    return Came(said) if said in _WAYS else None


def _page(page: PayPage, came: Came | None, *, token: str, http_status: int = 200) -> Response:
    use_time_zone(page.link.time_zone)
    now = int(clock.now().timestamp())
    typed = request.args.get("since", "")
    since = min(int(typed), now) if _WHOLE.fullmatch(typed) else now
    seconds = poll_door.pace(since, now)
    return render(
        "pay/show.html",
        fragments=("payment_status",),
        http_status=http_status,
        stop_polling=page.face.is_final,
        face=page.face,
        payee=page.payee,
        link=page.link,
        card=page.card,
        receipt=page.receipt,
        notice=page.notice,
        delayed=page.delayed,
        held=page.held,
        poll_seconds=seconds,
        seen=poll_door.seen(token, seconds) if token else "",
        since=since,
        came=came,
    )


def _unknown() -> Response:
    """Answer alike for a code nobody has, for one that cannot be, and for a draft.

    :raises NotFound: inside a page, where an alert says it
    :raises Throttled: to somebody who asked for many such codes
    """
    limits.missed()
    if wants_fragment():
        raise NotFound("short code")
    return render("pay/unknown.html", http_status=404)


def _not_started(code: str, error: ProvvypayError) -> Response:
    """Show the page with why no card page was opened."""
    page = _read(code, came := _what_came_of(error))
    if page is None:
        return _unknown()
    # A link we know, and yet it was not found: cards are off.
    status = 409 if isinstance(error, NotFound) else error.status
    response = _page(page, came, token="", http_status=status)
    if isinstance(error, Throttled | Unavailable):
        wait = error.retry_after if isinstance(error, Throttled) else AWAY_SECONDS
        response.headers["Retry-After"] = str(wait)
    return response


def _what_came_of(error: ProvvypayError) -> Came:
    if isinstance(error, CardsPaused):
        return Came.PAUSED
    if isinstance(error, Throttled):
        return Came.BUSY
    if isinstance(error, Unavailable):
        return Came.AWAY
    return Came.ENDED if error.status < 500 else Came.REFUSED
