"""The page of a correction somebody asked for: what it would post now, and whether this member may say yes."""

from __future__ import annotations

import uuid

from flask import Response, url_for
from flask_login import current_user

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import RequestState
from provvypay.errors import Conflict
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services.corrections import asked as asked_corrections
from provvypay.services.corrections import held, requests, waiting
from provvypay.services.ledger import previews
from provvypay.web.decision_words import METHODS, REQUESTED
from provvypay.web.guards import current_org
from provvypay.web.htmx import render


def page(request_id: uuid.UUID, http_status: int = 200, problem: str | None = None) -> Response:
    """Show a correction that was asked for.

    :param problem: why what was tried is not possible
    """
    org = current_org.id
    journals, version = [], 0
    with transaction(org) as session:
        found = waiting.one(session, org, request_id)
        if found.state == RequestState.WAITING:
            row = requests.get(session, org, request_id)
            version = held.read(session, org, row.exception_id).version if row.exception_id else 0
            try:
                journals = previews.of_drafts(
                    session, org, asked_corrections.drafts(session, row, version=version, now=clock.now())
                )
            except Conflict as error:
                problem = problem or error.public_message
    may = current_org.allows(Permission.CORRECTIONS_MAKE) and found.state == RequestState.WAITING
    own = found.requested_by == current_user.id
    about = (
        url_for("exceptions.show", exception_id=found.exception_id)
        if found.exception_id
        else url_for("links.show", link_id=found.link_id)
    )
    return render(
        "corrections/show.html",
        http_status=http_status,
        asked=found,
        title=REQUESTED[found.action],
        method=METHODS.get(str(found.details.get("method")), ""),
        journals=journals,
        version=version,
        problem=problem,
        may_answer=may and not own,
        may_withdraw=may and own,
        about_url=about,
    )
