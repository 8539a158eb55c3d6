"""What the views of the pay page share: reading it, drawing it, and saying on it why something was not done."""

from __future__ import annotations

import re

from flask import Response, request

from provvypay.domain.assets import ASSETS
from provvypay.errors import Invalid, NotFound, ProvvypayError, Throttled, Unavailable
from provvypay.flows import hedera_presence
from provvypay.flows.card_guard import CardsPaused
from provvypay.flows.current_rates import current_rates
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import pay_view
from provvypay.services.fx.offers import span
from provvypay.services.pay_crypto import TokensNow
from provvypay.services.pay_page import Came, Face, PayPage
from provvypay.services.pay_tokens import Sending
from provvypay.web import limits, poll_door, qr, wallet
from provvypay.web.explorer import has_explorer
from provvypay.web.formatting import use_time_zone
from provvypay.web.forms import FormState
from provvypay.web.htmx import render, wants_fragment

AWAY_SECONDS = 30
"""after how long it is worth trying again when a partner of ours does not answer"""

SEEN_WITHIN, PATIENCE = 300, 1800
"""seconds: for how long the account is read often, after the end of a price and after somebody came to the page"""

_WHOLE = re.compile(r"[0-9]{1,11}")
_WAYS = frozenset(Came)
_BLANK = FormState()


def read(code: str, came: Came | None, asset: str = "") -> PayPage | None:
    """Return the page of a link; None for a code nobody has, and for a draft.

    :param asset: the token that was chosen, or an empty text
    """
    chosen = settings()
    network = chosen.crypto_network
    tokens = TokensNow(network, current_rates()) if network else None
    with transaction() as session:
        return pay_view.read(
            session,
            code,
            now=clock.now(),
            cards_on=chosen.card_payments_on,
            came=came,
            tokens=tokens,
            asset=asset,
        )


def how_they_came() -> Came | None:
    """Return how this visitor got here: what the hosted page's addresses say, or what a poll says again."""
    if request.args.get("returned") == "1":
        return Came.RETURNED
    said = request.args.get("card") or request.args.get("came")
    return Came(said) if said in _WAYS else None


def chosen_asset() -> str:
    """Return the token this address names, or an empty text."""
    said = request.values.get("pay", "")
    return said if said in ASSETS else ""


def draw(
    page: PayPage,
    came: Came | None,
    *,
    token: str,
    asset: str = "",
    http_status: int = 200,
    claim_form: FormState = _BLANK,
) -> Response:
    """Answer with the page, or with its live part to the poll inside it; 286 at the end.

    :param token: of the face that is drawn (flows/live.py); empty for an answer that shall not be asked about
    """
    use_time_zone(page.link.time_zone)
    now = int(clock.now().timestamp())
    typed = request.args.get("since", "")
    since = min(int(typed), now) if _WHOLE.fullmatch(typed) else now
    seconds = poll_door.pace(since, now)
    sending = page.crypto.sending
    # What was sent in time is seen a little later; a page that was left open for long is no customer who waits.
    if sending is not None and now < sending.valid_until.timestamp() + SEEN_WITHIN and now - since < PATIENCE:
        hedera_presence.customer_is_watching(sending.hedera_account_id)
    return render(
        "pay/show.html",
        fragments=("payment_status",),
        http_status=http_status,
        stop_polling=page.is_over,
        face=page.face,
        payee=page.payee,
        link=page.link,
        card=page.card,
        receipt=page.receipt,
        notice=page.notice,
        delayed=page.delayed,
        held=page.held,
        over=page.is_over,
        crypto=page.crypto,
        sending=sending,
        account_qr=qr.inline(sending.account_id) if sending and sending.is_live else "",
        wallet=wallet.offer(sending) if sending and sending.is_live else None,
        kept_for=span(page.crypto.window) if page.crypto.window else "",
        chosen_asset=asset,
        claim_form=claim_form,
        explorer=has_explorer(),
        until=_until(page, sending, now),
        poll_seconds=seconds,
        seen=poll_door.seen(token, seconds) if token else "",
        since=since,
        came=came,
    )


def unknown() -> Response:
    """Answer alike for a code nobody has, for one that cannot be, and for a draft.

    :raises NotFound: inside a page, where an alert says it
    :raises Throttled: to somebody who asked for many such codes
    """
    limits.missed()
    if wants_fragment():
        raise NotFound("short code")
    return render("pay/unknown.html", http_status=404)


def refused(code: str, error: ProvvypayError, came: Came | None, *, asset: str = "") -> Response:
    """Show the page with why nothing was done: as a notice, or at the field that is wrong."""
    page = read(code, came, asset)
    if page is None:
        return unknown()
    # A link we know, and yet it was not found: this way to pay is off.
    status = 409 if isinstance(error, NotFound) else error.status
    form = _BLANK
    if isinstance(error, Invalid):
        form = FormState({"transaction_id": request.form.get("transaction_id", "")[:100]}, error.fields)
    response = draw(page, came, token="", asset=asset, http_status=status, claim_form=form)
    if isinstance(error, Throttled | Unavailable):
        wait = error.retry_after if isinstance(error, Throttled) else AWAY_SECONDS
        response.headers["Retry-After"] = str(wait)
    return response


def what_came_of_the_card(error: ProvvypayError) -> Came:
    """Return why the hosted card page was not opened."""
    if isinstance(error, CardsPaused):
        return Came.PAUSED
    if isinstance(error, Throttled):
        return Came.BUSY
    if isinstance(error, Unavailable):
        return Came.AWAY
    return Came.ENDED if error.status < 500 else Came.REFUSED


def _until(page: PayPage, sending: Sending | None, now: int) -> int | None:
    """Return the Unix time at which this page changes by the clock alone: the end of a price, or of the link."""
    if page.face not in {Face.CHOOSE, Face.SEND, Face.UNAVAILABLE}:
        return None
    ends = [page.link.expires_at.timestamp()] if page.link.expires_at else []
    if sending is not None and sending.is_live:
        ends.append(sending.valid_until.timestamp())
    coming = [int(end) + 1 for end in ends if end > now]
    return min(coming, default=None)
