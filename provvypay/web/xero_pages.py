"""What the pages about Xero show: the connection, the mapping with what a link would make, the queue."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from provvypay.domain import xero_mapping
from provvypay.domain.roles import Permission
from provvypay.kit import quota
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services.xero import connections, planning, preview, views
from provvypay.services.xero.connections import Connection
from provvypay.services.xero.views import SyncRow
from provvypay.web import xero_mapping_form, xero_words
from provvypay.web.forms import FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import render

SHOWN = {"": "All", "waiting": "Waiting", "failed": "Failed", "synced": "In Xero", "skipped": "Skipped"}


def live_connection() -> Connection | None:
    """Return the connection that is not disconnected."""
    with transaction(current_org.id) as session:
        return connections.live(session, current_org.id)


def state_page() -> Response:
    """Show the connection, and what can be done about it."""
    with transaction(current_org.id) as session:
        connection = connections.last(session, current_org.id)
        counts = views.counts(session, current_org.id)
        never_sent = planning.never_sent(session, current_org.id)
    chosen = xero_mapping.read(connection.mapping) if connection else None
    wrong = xero_mapping.problems(connection.chart, chosen) if connection and chosen else {}
    return render(
        "xero/show.html",
        connection=connection,
        is_on=settings().xero_on,
        may_manage=current_org.allows(Permission.XERO_MANAGE),
        may_replay=current_org.allows(Permission.XERO_REPLAY),
        counts=counts,
        never_sent=never_sent,
        wrong=list(wrong.values()),
        calls_left=quota.left_today("xero", str(connection.tenant_id)) if connection else None,
    )


def mapping_page(connection: Connection, form: FormState, *, code: str = "", http_status: int = 200) -> Response:
    """Show the form, what it means for tax, and what a link would make."""
    chart = connection.chart
    shown = None
    if code:
        with transaction(current_org.id) as session:
            shown = preview.of_code(session, current_org.id, connection, code.strip().upper())
    return render(
        "xero/mapping.html",
        http_status=http_status,
        connection=connection,
        form=form,
        options=xero_mapping_form.options(chart),
        clearing=xero_mapping_form.clearing_fields(chart),
        tax_example=xero_mapping.tax_in(chart, form.values.get("sales_tax", ""), 115_00),
        base=chart.get("base_currency", ""),
        code=code,
        preview=shown,
    )


def queue_page(chosen: str) -> Response:
    """Show the newest rows."""
    chosen = chosen if chosen in SHOWN else ""
    with transaction(current_org.id) as session:
        connection = connections.live(session, current_org.id)
        rows = views.queue(session, current_org.id, chosen)
        counts = views.counts(session, current_org.id)
    return render(
        "xero/queue.html",
        connection=connection,
        rows=[row_of(one) for one in rows],
        counts=counts,
        chosen=chosen,
        shown=list(SHOWN.items()),
        may_replay=current_org.allows(Permission.XERO_REPLAY),
    )


def rows_of_link(link_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return a link's documents in Xero, and why something is not there yet."""
    with transaction(current_org.id) as session:
        return [row_of(one) for one in views.of_link(session, current_org.id, link_id)]


def row_of(one: SyncRow) -> dict[str, Any]:
    """Return a row as templates draw it."""
    return {
        "id": one.id,
        "what": xero_words.KINDS[one.kind],
        "state": one.state,
        "why": xero_words.sentence(one),
        "number": one.document_number,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "url": xero_words.deep_link(one),
        "at": one.synced_at or one.created_at,
        "company": one.company,
        "link_id": one.link_id,
        "description": one.description,
        "can_replay": one.state in {"FAILED", "RETRYING"} and one.connection_state != "DISCONNECTED",
        "was_voided": one.state == "FAILED" and one.problem == "GONE_IN_XERO" and one.kind == "INVOICE",
    }
