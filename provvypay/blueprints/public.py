"""The pages for everybody: what the product is, and the legal texts."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from flask_login import current_user

from provvypay.web.htmx import redirect, render

bp = Blueprint("public", __name__)


@bp.get("/")
def landing() -> Response:
    """Say what this is; who is signed in goes straight to work."""
    if current_user.is_authenticated:
        return redirect(url_for("dashboard.show"))
    return render("public/landing.html")


@bp.get("/privacy")
def privacy() -> Response:
    return render("public/privacy.html")


@bp.get("/terms")
def terms() -> Response:
    return render("public/terms.html")
