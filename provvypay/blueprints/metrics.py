"""Figures for whoever watches this installation; for everybody else there is nothing here."""

from __future__ import annotations

from flask import Blueprint, Response

from provvypay.errors import NotFound
from provvypay.web import metrics

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def show() -> Response:
    """Answer a scraper with the figures of this moment."""
    if not metrics.may_scrape():
        raise NotFound("metrics, for nobody we know")
    response = Response(metrics.text(), content_type=metrics.CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response
