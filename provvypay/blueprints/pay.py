"""The public payment page, /p/<short_code>: one view for the page and for its poll, and the ways to pay from there.

Whoever waits here asks every two seconds, so a poll that has nothing new ends at Redis (flows/live.py). A visit proves
nothing: PAID comes from the books alone. No session, no organization and no person is looked up here.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, request, url_for

from provvypay.domain.assets import ASSETS
from provvypay.domain.short_codes import normalize
from provvypay.errors import Conflict, Gone, Invalid, NotFound, ProvvypayError, Throttled
from provvypay.flows import live, quote, stripe_payment, transfer_claims
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import pay_view
from provvypay.services.link_views import pay_url
from provvypay.services.pay_page import Came
from provvypay.web import limits, pay_pages, qr, wallet
from provvypay.web.explorer import has_explorer
from provvypay.web.formatting import use_time_zone
from provvypay.web.htmx import redirect, render, wants_fragment

log = structlog.get_logger(__name__)

bp = Blueprint("pay", __name__, url_prefix="/p")

_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{8,120}")


@bp.get("/<short_code>")
def show(short_code: str) -> Response:
    """Show the page to a visitor, and its live part to the poll inside it; 286 at the end.

    While nothing is new a poll does not come here: web/poll_door.py answers it.
    """
    code = normalize(short_code)
    if code is None:
        return pay_pages.unknown()
    if code != short_code and not wants_fragment():
        query = f"?{urlencode(request.args)}" if request.args else ""
        return redirect(url_for("pay.show", short_code=code) + query)
    # Before the row is read: what changes after that makes another token, and the next poll sees it.
    token = limits.may_look(code, shows=request.args.get("seen", "")) or live.new_face_token(code)
    came, asset = pay_pages.how_they_came(), pay_pages.chosen_asset()
    page = pay_pages.read(code, came, asset)
    return pay_pages.unknown() if page is None else pay_pages.draw(page, came, token=token, asset=asset)


@bp.post("/<short_code>/card")
def card(short_code: str) -> Response:
    """Send the customer to the hosted card page; what stands in the way is said on the page, in its state."""
    code = normalize(short_code)
    if code is None:
        return pay_pages.unknown()
    try:
        limits.may_start_checkout(code)
        return redirect(stripe_payment.start_checkout(code, visitor=limits.visitor()))
    except ProvvypayError as error:
        log.info("checkout.not_started", code=error.code, detail=str(error))
        return pay_pages.refused(code, error, pay_pages.what_came_of_the_card(error))


@bp.post("/<short_code>/attempts")
def attempts(short_code: str) -> Response:
    """Give a quote in the chosen token, or the one that still holds, and show what to send where."""
    code, asset = normalize(short_code), request.form.get("method", "")
    if code is None:
        return pay_pages.unknown()
    try:
        if asset not in ASSETS:
            raise Conflict(f"method {asset[:20]!r}")
        limits.may_ask_a_price(code)
        quote.choose(code, asset)
    except ProvvypayError as error:
        log.info("quote.not_given", code=error.code, detail=str(error))
        came = Came.OFTEN if isinstance(error, Throttled) else None if isinstance(error, Gone) else Came.NOT_OFFERED
        return pay_pages.refused(code, error, came)
    return redirect(url_for("pay.show", short_code=code, pay=asset))


@bp.post("/<short_code>/transfer-claims")
def claim_transfer(short_code: str) -> Response:
    """Take what a customer says they have paid, to be looked up; it proves nothing by itself."""
    code, asset = normalize(short_code), pay_pages.chosen_asset()
    if code is None:
        return pay_pages.unknown()
    try:
        limits.may_report(code)
        source = "WALLET" if request.form.get("source") == "WALLET" else "CUSTOMER"
        transfer_claims.submit(code, request.form.get("transaction_id", ""), source=source)
    except ProvvypayError as error:
        log.info("claim.not_taken", code=error.code, detail=str(error))
        came = Came.OFTEN if isinstance(error, Throttled) else Came.NOT_TAKEN
        return pay_pages.refused(code, error, None if isinstance(error, Invalid) else came, asset=asset)
    return redirect(url_for("pay.show", short_code=code, pay=asset or None))


@bp.get("/<short_code>/wallet")
def wallet_dialog(short_code: str) -> Response:
    """Return the dialog in which a wallet is asked for the chosen token; the page fetches it on the click.

    :raises NotFound: when there is nothing to ask a wallet for
    """
    limits.may_look()
    code = normalize(short_code)
    page = pay_pages.read(code, None, pay_pages.chosen_asset()) if code else None
    sending = page.crypto.sending if page else None
    offered = wallet.offer(sending) if sending and sending.is_live else None
    if page is None or offered is None or offered.reason:
        raise NotFound(f"no wallet for {short_code!r}")
    return render("pay/_wallet_dialog.html", wallet=offered, sending=sending, payee=page.payee)


@bp.get("/<short_code>/card/return")
def card_return(short_code: str) -> Response:
    """Learn from Stripe how the session ended, then show the page. The visit itself proves nothing.

    A session of another link changes nothing, and Stripe is not even asked about it.
    """
    code = normalize(short_code)
    session_id = request.args.get("session_id", "")
    if code is None:
        return pay_pages.unknown()
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
    page = pay_pages.read(code, None) if code else None
    if page is None:
        return pay_pages.unknown()
    if page.receipt is None or code != short_code:
        return redirect(url_for("pay.show" if page.receipt is None else "pay.receipt", short_code=code))
    use_time_zone(page.link.time_zone)
    return render(
        "pay/receipt.html",
        payee=page.payee,
        link=page.link,
        receipt=page.receipt,
        crypto=page.crypto,
        explorer=has_explorer(),
    )


@bp.get("/<short_code>/qr.svg")
def qr_svg(short_code: str) -> Response:
    """Return this page's address as a QR code.

    :raises NotFound: for a code nobody has, and for a draft
    """
    limits.may_look()
    code = normalize(short_code)
    if code is None or pay_pages.read(code, None) is None:
        limits.missed()
        raise NotFound(f"short code {short_code!r}")
    return qr.svg_file(pay_url(settings().public_base_url, code), code)
