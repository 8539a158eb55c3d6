"""What the pages about Xero show: the state of the connection, in words."""

from __future__ import annotations

from flask import Response

from provvypay.domain.roles import Permission
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services.xero import connections
from provvypay.services.xero.connections import Connection
from provvypay.web.guards import current_org
from provvypay.web.htmx import render


def live_connection() -> Connection | None:
    """Return the connection that is not disconnected."""
    with transaction(current_org.id) as session:
        return connections.live(session, current_org.id)


def state_page() -> Response:
    """Show the connection, and what can be done about it."""
    with transaction(current_org.id) as session:
        connection = connections.last(session, current_org.id)
    return render(
        "xero/show.html",
        connection=connection,
        is_on=settings().xero_on,
        may_manage=current_org.allows(Permission.XERO_MANAGE),
    )
