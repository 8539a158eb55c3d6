"""Every component in every state, for those who build pages; never in production."""

from __future__ import annotations

from flask import Blueprint, Response

from provvypay.web.htmx import render

bp = Blueprint("styleguide", __name__)


@bp.get("/styleguide")
def index() -> Response:
    return render("styleguide/index.html")
