"""Sentences about Xero: notifications, and why something is not there yet."""

from __future__ import annotations

from flask import url_for

from provvypay.services.notifications import Told


def notice(told: Told) -> tuple[str, str, str]:
    """Return title, detail and address of a notification about Xero."""
    company = str(told.data.get("company", "Your company"))
    return (
        "Xero must be connected again",
        f"{company}: Xero does not let us in any more. Nothing is lost; what waits is written once you have connected.",
        url_for("xero.show"),
    )
