"""How an organization is paid: which ways are on, the account crypto goes to, and what it takes."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.errors import Invalid, Unavailable
from provvypay.flows import hedera_setup, sign_in
from provvypay.flows.hedera_setup import Checked
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import crypto_settings, hedera_accounts, hedera_assets, organizations
from provvypay.services.xero import connections as xero_connections
from provvypay.web import crypto_form
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org, needs, signed_in
from provvypay.web.htmx import redirect, render
from provvypay.web.payment_methods import payment_methods
from provvypay.web.request_context import actor

bp = Blueprint("payment_settings", __name__, url_prefix="/settings/payments")


@bp.get("")
@signed_in
def show() -> Response:
    """Say which ways to pay are on and why the others are not, and whose account crypto goes to."""
    return _page()


@bp.post("/crypto")
@needs(Permission.SETTINGS_MANAGE)
def change_crypto() -> Response:
    """Save what the organization takes and how strictly, unless somebody else saved it since this form was loaded."""
    fields = Fields(request.form)
    chosen = crypto_form.read(fields)
    if fields.valid:
        try:
            with transaction(current_org.id) as session:
                crypto_settings.change(session, current_org.id, chosen, version=fields.version(), actor=actor())
        except Invalid as error:
            fields.take_in(error)
    if not fields.valid:
        return _page(choices=fields.state(*crypto_form.KEPT), http_status=422)
    flash("Saved.", "good")
    return redirect(url_for("payment_settings.show"))


@bp.post("/hedera-account")
@needs(Permission.PAYOUTS_MANAGE)
def choose_account() -> Response:
    """Look an account up and say what stands in the way; with the password, be paid on it from now on."""
    fields = Fields(request.form)
    typed = fields.text("account", "Enter your account id, like 0.0.12345.", most=120)
    found: Checked | None = None
    saves = request.form.get("action") == "save"
    try:
        if fields.valid:
            found = hedera_setup.look_up(current_org.id, typed)
        if found is not None and saves:
            sign_in.confirm(current_user.email, fields.raw("password"), actor=actor())
            hedera_setup.choose(current_org.id, found, actor=actor())
    except Invalid as error:
        fields.take_in(error)
    except Unavailable as error:
        fields.refuse("account", error.public_message)
    if not fields.valid:
        return _page(account=fields.state("account"), found=found, http_status=422)
    if not saves:
        return _page(account=fields.state("account"), found=found)
    flash("You are paid on this account from now on.", "good")
    return redirect(url_for("payment_settings.show"))


@bp.post("/hedera-account/checks")
@needs(Permission.SETTINGS_MANAGE)
def check_account() -> Response:
    """Check the account again, as after a token was associated."""
    try:
        hedera_setup.check_again(current_org.id)
    except Invalid as error:
        flash(next(iter(error.fields.values())), "warn")
    else:
        flash("Checked.", "good")
    return redirect(url_for("payment_settings.show"))


def _page(
    *,
    choices: FormState | None = None,
    account: FormState | None = None,
    found: Checked | None = None,
    http_status: int = 200,
) -> Response:
    """Show the page; a form that comes back is shown as it was sent.

    :param found: what was looked up just now, not chosen yet
    """
    network = settings().hedera_network
    with transaction(current_org.id) as session:
        profile = organizations.settings_of(session, current_org.id)
        saved, version = crypto_settings.read(session, current_org.id)
        active = hedera_accounts.active(session, current_org.id, network)
        retired = hedera_accounts.retired(session, current_org.id, network)
        tokens = hedera_assets.views(session, network)
        xero = xero_connections.live(session, current_org.id)
    form = choices or crypto_form.of_choices(saved, version)
    return render(
        "settings/payments.html",
        fragments=("crypto_form", "hedera_account"),
        http_status=http_status,
        methods=payment_methods(
            card_chosen=profile.card_enabled,
            crypto_chosen=saved.enabled,
            account=active.with_checksum if active else None,
            xero_state=xero.state if xero else None,
        ),
        network=network,
        crypto_on=settings().crypto_network is not None,
        form=form,
        accepted=crypto_form.ACCEPTED,
        tokens={one.asset: one for one in reversed(tokens) if one.is_configured},
        windows=crypto_form.with_own(crypto_form.WINDOWS, form.values["quote_window"]),
        graces=crypto_form.with_own(crypto_form.GRACES, form.values["late_grace"]),
        account_form=account or FormState(),
        account=active,
        retired=retired,
        found=found,
        may_choose=current_org.allows(Permission.PAYOUTS_MANAGE),
        may_change=current_org.allows(Permission.SETTINGS_MANAGE),
    )
