"""Which tokens this installation takes, and what the network says of their ids: for those who run the platform."""

from __future__ import annotations

from flask import Blueprint, Response

from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import hedera_assets
from provvypay.web.guards import platform_admins
from provvypay.web.htmx import render

bp = Blueprint("admin_tokens", __name__, url_prefix="/admin/tokens")


@bp.get("")
@platform_admins
def show() -> Response:
    """Show every token of the network in use, also those the settings name no more."""
    network = settings().hedera_network
    with transaction() as session:
        tokens = hedera_assets.views(session, network)
    return render("admin/tokens.html", network=network, tokens=tokens, crypto_on=settings().crypto_network is not None)
