"""Compare what we wrote to Xero with what stands there now: voided, changed or missing is seen, never written again."""

from __future__ import annotations

import uuid

import structlog

from provvypay.domain import xero_problems as why
from provvypay.errors import ProvvypayError
from provvypay.flows import xero_tokens
from provvypay.integrations.xero import Client
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services.xero import connections, planning, reconciliation

log = structlog.get_logger(__name__)


def reconcile_all() -> int:
    """Compare every connected company, once a night; return how many differences there are."""
    found = 0
    if not settings().xero_on:
        return found
    with transaction() as session:
        waiting = planning.organizations(session)
    for organization_id in waiting:
        try:
            found += reconcile(organization_id)
        except ProvvypayError as error:
            log.warning("xero.not_compared", error=type(error).__name__)
    return found


def reconcile(organization_id: uuid.UUID, *, in_person: bool = False) -> int:
    """Compare the invoices of the last weeks with Xero, fifty a call; return how many differ.

    :raises XeroUnavailable, XeroRefused: as calls do; what was compared by then is kept
    """
    with transaction(organization_id) as session:
        connection = connections.live(session, organization_id)
        written = reconciliation.written(session, organization_id) if connection else []
    if connection is None or connection.grant_id is None or connection.state != "CONNECTED":
        return 0
    grant_id = connection.grant_id
    client = Client(
        str(connection.tenant_id),
        lambda old: xero_tokens.access_token(organization_id, grant_id, refused=old),
        in_person=in_person,
    )
    differing = 0
    for start in range(0, len(written), reconciliation.AT_ONCE):
        batch = written[start : start + reconciliation.AT_ONCE]
        there = {one.id: one for one in client.changed_invoices([row.number for row in batch])}
        verdicts = {}
        for row in batch:
            invoice = there.get(str(row.document_id))
            if invoice is None or invoice.is_gone:
                verdicts[row.id] = why.GONE_IN_XERO
            elif (invoice.total_minor, invoice.currency) != (row.amount_minor, row.currency):
                verdicts[row.id] = why.TOTAL_DIFFERS
            else:
                verdicts[row.id] = why.UNPAID_IN_XERO if row.is_paid and invoice.due_minor else ""
        with transaction(organization_id) as session:
            differing += reconciliation.keep(session, organization_id, verdicts)
    if not in_person:
        with transaction(organization_id) as session:
            reconciliation.done(session, organization_id, connection.id)
    return differing
