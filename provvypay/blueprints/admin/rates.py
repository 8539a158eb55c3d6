"""Where rates come from, how the sources answer, and what waits: for those who run the platform."""

from __future__ import annotations

from flask import Blueprint, Response

from provvypay.domain.assets import ASSETS
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services.fx import rates, sources
from provvypay.web.guards import platform_admins
from provvypay.web.htmx import render
from provvypay.web.rates import currency_rows, disagreement, held_rows, reference_rows, source_rows

bp = Blueprint("admin_rates", __name__, url_prefix="/admin/rates")


@bp.get("")
@platform_admins
def show() -> Response:
    """Show every source beside the others, straight from PostgreSQL: this page is asked when something is wrong."""
    now = clock.now()
    with transaction() as session:
        table = rates.load(session)
        asked = sources.views(session)
    return render(
        "admin/rates.html",
        sources=source_rows(asked, now=now),
        disagreement=disagreement(table, now),
        tokens=reference_rows(table, now=now),
        held=held_rows(table),
        assets=list(ASSETS),
        currencies=currency_rows(table, now=now),
    )
