"""Write what waits to the merchants' Xero: claim, look where it may be done already, write, record.

No transaction is open while Xero is called. Whatever happens between the call and the record (a lost answer, a killed
worker), the next try asks Xero first, by our number or reference, and adopts what is ours. Three things make that
exact: numbers that follow from the link, documents that are only ever created, payments of no more than what is due.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import structlog

from provvypay.domain import xero_problems as why
from provvypay.domain.xero import BankDraft, CreditNoteDraft, InvoiceDraft, PaymentDraft
from provvypay.errors import ProvvypayError
from provvypay.flows import xero_tokens
from provvypay.flows.xero_write import PaidByHand, Refused, Written, write
from provvypay.integrations.xero import Client
from provvypay.integrations.xero_errors import XeroMisunderstood, XeroRefused, XeroUnavailable
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.failpoints import failpoint, register
from provvypay.kit.settings import settings
from provvypay.services.xero import connections, planning, syncs
from provvypay.services.xero.syncs import Order

log = structlog.get_logger(__name__)

register("xero.claimed", "xero.written", "xero.recorded")

SIDE_BY_SIDE = 6
"""organizations one worker serves at once"""
RUN_SECONDS = 20.0
"""a run takes on nothing new after this long; the clock rings again"""


def sync_all() -> int:
    """Write what is due, organizations side by side; return how many rows were looked at."""
    if not settings().xero_on:
        return 0
    with transaction() as session:
        waiting = syncs.due(session)
    if not waiting:
        return 0
    deadline = time.monotonic() + RUN_SECONDS
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="xero") as pool:
        runs = [pool.submit(copy_context().run, sync_organization, one, deadline=deadline) for one in waiting]
        return sum(run.result() for run in runs)


def sync_organization(organization_id: uuid.UUID, *, deadline: float | None = None) -> int:
    """Write what is due for one organization, one row after the other; return how many rows were looked at."""
    done = 0
    while deadline is None or time.monotonic() < deadline:
        with transaction(organization_id) as session:
            claimed = syncs.claim(session, organization_id, now=clock.now())
        if claimed is False:
            break
        done += 1
        if isinstance(claimed, Order):
            failpoint("xero.claimed")
            _send(claimed)
    return done


def _send(order: Order) -> None:
    """Write one row and record what became of it."""
    client = Client(
        order.tenant_id, lambda old: xero_tokens.access_token(order.organization_id, order.grant_id, refused=old)
    )
    try:
        written = write(client, order.draft, order.key, look=order.look)
    except PaidByHand:
        with transaction(order.organization_id) as session:
            syncs.skip_order(session, order, why.PAID_BY_HAND)
        return
    except Refused as error:
        _stop(order, error.problem, error.detail)
        return
    except XeroRefused as error:
        _refused(order, error)
        return
    except XeroUnavailable as error:
        _unavailable(order, error)
        return
    except XeroMisunderstood as error:
        log.exception("alert.xero_misunderstood", sync=str(order.id))
        _later(order, str(error), answered=True)
        return
    failpoint("xero.written")
    _record(order, written)


def _record(order: Order, written: Written) -> None:
    draft = order.draft
    told = {
        "contact_id": written.contact_id,
        "amount_minor": draft.amount_minor if isinstance(draft, PaymentDraft) else draft.total_minor,
        "currency": draft.currency,
        "type": _type_of(draft),
        "adopted": written.adopted,
    }
    with transaction(order.organization_id) as session:
        if not syncs.succeed(session, order, written.document_id, told):
            log.warning("xero.recorded_by_another", sync=str(order.id))
    failpoint("xero.recorded")
    log.info("xero.written", kind=order.kind, adopted=written.adopted)


def _type_of(draft: InvoiceDraft | CreditNoteDraft | PaymentDraft | BankDraft) -> str:
    if isinstance(draft, InvoiceDraft):
        return "INVOICE"
    if isinstance(draft, CreditNoteDraft):
        return "CREDIT_NOTE"
    return "PAYMENT" if isinstance(draft, PaymentDraft) else draft.kind


def _unavailable(order: Order, error: XeroUnavailable) -> None:
    if error.pause is None:
        _later(order, str(error), answered=error.answered)
        return
    wait = max(1, error.retry_after or 60)
    with transaction(order.organization_id) as session:
        connections.pause(session, order.organization_id, order.connection_id, error.pause, wait)
        syncs.give_back(session, order.claim, why.PAUSED, seconds=wait)


def _refused(order: Order, error: XeroRefused) -> None:
    if error.reason in {"reconnect", "expired"}:
        with transaction(order.organization_id) as session:
            connections.needs_reconnect(session, order.organization_id, order.grant_id, error.messages[0])
            syncs.give_back(session, order.claim, why.PAUSED, seconds=60)
    elif error.reason == "key_reused":
        _later(order, str(error), answered=True)
    elif error.reason == "validation":
        _stop(order, why.of_messages(error.messages), "; ".join(error.messages))
    else:
        log.error("alert.xero_refused", sync=str(order.id), why=str(error))
        _stop(order, why.GONE_IN_XERO if error.reason == "not_found" else why.OUR_MISTAKE, "; ".join(error.messages))


def _later(order: Order, error: str, *, answered: bool) -> None:
    with transaction(order.organization_id) as session:
        if syncs.later(session, order, error, answered=answered):
            log.warning("xero.given_up", sync=str(order.id))


def _stop(order: Order, problem: str, detail: str) -> None:
    with transaction(order.organization_id) as session:
        syncs.fail(session, order.claim, problem, detail)


def plan_all() -> int:
    """Add rows that are missing, for every organization that is connected; return how many."""
    added = 0
    if not settings().xero_on:
        return added
    with transaction() as session:
        waiting = planning.organizations(session)
    for organization_id in waiting:
        with transaction(organization_id) as session:
            added += planning.plan(session, organization_id)
    return added


def refresh_chart(organization_id: uuid.UUID, *, in_person: bool = True) -> None:
    """Read the company's accounts, tax rates, currencies and lock dates anew.

    :raises XeroUnavailable, XeroRefused: as calls do; a company that lets us in no more is marked as such
    """
    with transaction(organization_id) as session:
        connection = connections.live(session, organization_id)
    if connection is None or connection.grant_id is None or connection.state != "CONNECTED":
        return
    grant_id = connection.grant_id
    client = Client(
        str(connection.tenant_id),
        lambda old: xero_tokens.access_token(organization_id, grant_id, refused=old),
        in_person=in_person,
    )
    try:
        chart = client.chart()
    except XeroRefused as error:
        if error.reason in {"reconnect", "expired"}:
            with transaction(organization_id) as session:
                connections.needs_reconnect(session, organization_id, grant_id, error.messages[0])
        raise
    with transaction(organization_id) as session:
        connections.keep_chart(session, organization_id, connection.id, chart)


def check_charts() -> int:
    """Read every connected company's chart anew, once a day; return how many could be read."""
    done = 0
    if not settings().xero_on:
        return done
    with transaction() as session:
        waiting = planning.organizations(session)
    for organization_id in waiting:
        try:
            refresh_chart(organization_id, in_person=False)
            done += 1
        except ProvvypayError as error:
            log.warning("xero.chart_not_read", error=type(error).__name__)
    return done
