"""The pages of many payment links at once: the list, its CSV, and canceling several."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request, url_for

from provvypay.domain.roles import Permission
from provvypay.flows import create_link
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services import link_export, link_list
from provvypay.services.link_list import Filter
from provvypay.web import downloads
from provvypay.web.guards import current_org
from provvypay.web.htmx import render
from provvypay.web.link_pages import base_url
from provvypay.web.paths import own_path
from provvypay.web.request_context import actor


def list_page() -> Response:
    """Show links in the order and with the filter of the address; the whole page or its table."""
    chosen = Filter.read(request.args)
    with transaction(current_org.id) as session:
        page = link_list.page(session, current_org.id, chosen, cursor=chosen.cursor(request.args.get("cursor")))
        # They count all links: beside a search they would say something else than the list.
        counts = {} if chosen.query else link_list.counts(session, current_org.id)
    address: dict[str, Any] = chosen.address()
    return render(
        "links/index.html",
        fragments=("links_table",),
        rows=page.rows,
        status=chosen.status,
        sort=chosen.sort,
        q=chosen.query,
        address=address,
        counts=counts,
        may_manage=current_org.allows(Permission.LINKS_MANAGE),
        next_url=url_for("links.index", **address, cursor=page.older) if page.older else None,
        prev_url=url_for("links.index", **address, cursor=page.newer) if page.newer else None,
    )


def csv_file() -> Response:
    """Return the links of a list as CSV, all pages of it, while they are read."""
    chosen = Filter.read(request.args)
    organization_id, zone = current_org.id, current_org.time_zone
    rows = link_export.rows(
        lambda: transaction(organization_id), organization_id, chosen, zone=zone, public_base_url=base_url()
    )
    day = clock.now().astimezone(ZoneInfo(zone)).date().isoformat()
    return downloads.csv_file(f"links {current_org.name} {day}", link_export.COLUMNS, rows)


def cancellation() -> Response:
    """Ask whether to cancel the chosen links; once confirmed, do it and say what was not possible."""
    chosen = _chosen()
    back = own_path(request.form.get("back", "")) or url_for("links.index")
    too_many = len(chosen) > create_link.MOST_AT_ONCE
    if request.form.get("confirmed") == "1" and chosen and not too_many:
        result = create_link.cancel_many(current_org.id, chosen, actor=actor())
        return render("links/cancel_many.html", rows=[], result=result, too_many=False, back=back)
    chosen = chosen[: create_link.MOST_AT_ONCE]
    with transaction(current_org.id) as session:
        rows = link_list.some(session, current_org.id, chosen)
    return render(
        "links/cancel_many.html",
        http_status=422 if too_many or not rows else 200,
        rows=rows,
        result=None,
        too_many=too_many,
        back=back,
    )


def _chosen() -> list[uuid.UUID]:
    """Return the ids that were ticked, each once; what is no id names no link."""
    good: list[uuid.UUID] = []
    for typed in request.form.getlist("link_id"):
        with contextlib.suppress(ValueError):
            good.append(uuid.UUID(typed))
    return list(dict.fromkeys(good))
