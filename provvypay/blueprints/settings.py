"""Settings: who the organization is, and the rates in use (how it is paid: payment_settings.py)."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.money import AmountRefused, format_plain, parse_amount
from provvypay.domain.roles import Permission
from provvypay.errors import Invalid
from provvypay.flows.current_rates import current_rates
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.zones import TIME_ZONES
from provvypay.services import organizations
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org, needs, signed_in
from provvypay.web.htmx import redirect, render
from provvypay.web.rates import currency_rows, disagreement, rate_rows
from provvypay.web.request_context import actor

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("/organization")
@signed_in
def organization() -> Response:
    """Show the organization's profile."""
    with transaction(current_org.id) as session:
        row = organizations.get(session, current_org.id)
        chosen = organizations.settings_of(session, current_org.id)
    values = {
        "name": row.name,
        "time_zone": row.time_zone,
        "legal_name": chosen.legal_name,
        "legal_id": chosen.legal_id,
        "support_email": chosen.support_email,
        "approval_limit": _limit_text(chosen.approval_limit_minor),
        "version": str(row.version),
    }
    return _organization_page(FormState(values))


@bp.post("/organization")
@needs(Permission.SETTINGS_MANAGE)
def change_organization() -> Response:
    """Save the profile, unless somebody else saved it since this form was loaded."""
    fields = Fields(request.form)
    name = fields.text("name", "Enter the name your customers know.", most=120)
    legal_name = fields.text("legal_name", most=200)
    legal_id = fields.text("legal_id", most=60)
    support_email = fields.email("support_email")
    limit = _limit(fields)
    time_zone = fields.choice("time_zone", TIME_ZONES, "Choose one of the time zones in the list.")
    kept = ("name", "legal_name", "legal_id", "support_email", "approval_limit", "time_zone", "version")
    if not fields.valid:
        return _organization_page(fields.state(*kept), 422)
    try:
        with transaction(current_org.id) as session:
            organizations.update_profile(
                session, current_org.id, version=fields.version(), name=name, time_zone=time_zone,
                legal_name=legal_name, legal_id=legal_id, support_email=support_email, approval_limit_minor=limit,
                actor=actor(),
            )  # fmt: skip
    except Invalid as error:
        fields.take_in(error)
        return _organization_page(fields.state(*kept), 422)
    flash("Saved.", "good")
    return redirect(url_for("settings.organization"))


@bp.get("/rates")
@signed_in
def rates() -> Response:
    """Show what each token is worth, first in the organization's currency, where that is from and how old it is."""
    table, now = current_rates(), clock.now()
    return render(
        "settings/rates.html",
        tokens=rate_rows(table, list(ASSETS), current_org.currency, now=now) if len(table) else [],
        assets=list(ASSETS),
        currencies=currency_rows(table, now=now),
        disagreement=disagreement(table, now),
        sources_url=url_for("admin_rates.show") if current_user.is_platform_admin else None,
    )


def _limit_text(limit_minor: int | None) -> str:
    return "" if limit_minor is None else format_plain(limit_minor, current_org.currency)


def _limit(fields: Fields) -> int | None:
    """Return above which amount a correction needs a second person; None for an empty field."""
    typed = fields.raw("approval_limit").strip()
    if not typed:
        return None
    try:
        return parse_amount(typed, replace(CURRENCIES[current_org.currency], least_minor=0))
    except AmountRefused as error:
        fields.refuse("approval_limit", str(error))
        return None


def _organization_page(form: FormState, http_status: int = 200) -> Response:
    return render(
        "settings/organization.html",
        fragments=("organization_form",),
        http_status=http_status,
        form=form,
        time_zones=TIME_ZONES,
    )
