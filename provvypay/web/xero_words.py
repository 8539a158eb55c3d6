"""Sentences about Xero: notifications, and why something is not there yet."""

from __future__ import annotations

from flask import url_for

from provvypay.domain import xero_problems as why
from provvypay.kit.settings import settings
from provvypay.services.notifications import Told
from provvypay.services.xero.views import SyncRow
from provvypay.web.formatting import when

KINDS = {
    "INVOICE": "Invoice",
    "PAYMENT": "Payment",
    "FEE": "Fee",
    "OVERPAYMENT": "Surplus",
    "CREDIT_NOTE": "Credit note",
    "REFUND_PAYMENT": "Refund",
    "DISPUTE": "Dispute",
}
_PAUSES = {
    "MINUTE": "Xero allows so many calls a minute; it goes on at {at}.",
    "DAY": "Xero’s calls of the day are used up; it goes on at {at}.",
    "CONCURRENT": "Xero is busy with other calls; it goes on at {at}.",
    "APP": "Xero is busy; it goes on at {at}.",
    "OFFLINE": "The company is offline in Xero; it goes on at {at}.",
}
_PROBLEMS = {
    why.WAITS_FOR_FEE: "Waiting for Stripe to say how much of it is paid out, and in which currency.",
    why.WAITS_FOR_MAPPING: "Waiting for you to choose accounts under Settings, Xero.",
    why.NO_ACCOUNT: "There is no account for this money. Choose one under Settings, Xero.",
    why.CURRENCY_OFF: "The company does not have this currency. Add it in Xero (its plan must allow several).",
    why.LOCKED: "Its day lies in a period that is locked in Xero. Open it there, or have it booked on the first open "
    "day.",
    why.ACCOUNT_GONE: "An account that was chosen is archived or gone. Choose another under Settings, Xero.",
    why.TAX_WRONG: "The tax rate does not fit the account. Choose another under Settings, Xero.",
    why.NUMBER_TAKEN: "Another document in Xero has this number. Choose another prefix under Settings, Xero.",
    why.TOTAL_DIFFERS: "The amount in Xero is another one. Put it right there, then write it again.",
    why.GONE_IN_XERO: "It was voided or deleted in Xero. Nothing is made again unless you say so.",
    why.UNPAID_IN_XERO: "Its payment was taken away in Xero.",
    why.PAID_BY_HAND: "Somebody booked the payment in Xero by hand, so there was nothing left to pay.",
    why.CONTACT_ARCHIVED: "The contact is archived in Xero. Restore it there, then write it again.",
    why.PLAN_LIMIT: "The company’s Xero plan allows no more invoices this month.",
    why.VALIDATION: "Xero did not accept it.",
    why.OUR_MISTAKE: "Xero did not understand us. We have been told.",
    why.OTHER_COMPANY: "It was meant for a company that is no longer connected.",
    why.VOIDED_HERE: "The payment was taken back here, so there is nothing to write.",
    why.NO_ANSWER: "Xero gave no good answer.",
}
_MISSING_PARENT = {"REFUND_PAYMENT": "credit note", "PAYMENT": "invoice", "OVERPAYMENT": "invoice"}


def sentence(row: SyncRow) -> str:
    """Return why a row is where it is, in one sentence; empty for one that is in Xero."""
    if row.state == "SUCCESS":
        return f"Since then: {_PROBLEMS[row.problem]}" if row.problem in _PROBLEMS else ""
    if row.state in {"PENDING", "RETRYING"}:
        return _waiting(row)
    said = _PROBLEMS.get(row.problem, "")
    words = row.last_error if row.state == "FAILED" and row.problem != why.NO_ANSWER else ""
    return (
        f"{said} Xero says: {words}"
        if row.problem in {why.VALIDATION, why.TAX_WRONG, why.ACCOUNT_GONE}
        else (
            f"{said} {words}.".strip()
            if row.problem in {why.LOCKED, why.NO_ACCOUNT, why.TOTAL_DIFFERS} and words
            else said
        )
    )


def _waiting(row: SyncRow) -> str:
    if row.connection_state == "NEEDS_RECONNECT":
        return "Waiting until Xero is connected again."
    if row.connection_state == "DISCONNECTED":
        return "Xero is disconnected."
    if row.paused_until is not None and row.pause_reason and row.problem == why.PAUSED:
        return _PAUSES[row.pause_reason].format(at=when(row.paused_until))
    if row.problem == why.WAITS_FOR_PARENT:
        before = _MISSING_PARENT.get(row.kind, "payment")
        return f"Waiting for the {before}{', which failed' if row.parent.startswith('FAILED') else ''}."
    if row.state == "RETRYING" and row.next_attempt_at:
        return f"Xero gave no good answer. Tried {row.attempts} of 6 times; again at {when(row.next_attempt_at)}."
    return _PROBLEMS.get(row.problem, "On its way.")


def deep_link(row: SyncRow) -> str:
    """Return where a merchant looks at a document in Xero; empty while it is not there."""
    if row.xero_document_id is None:
        return ""
    path = {
        "INVOICE": "/AccountsReceivable/View.aspx?InvoiceID=",
        "CREDIT_NOTE": "/AccountsReceivable/View.aspx?CreditNoteID=",
        "PAYMENT": "/AccountsReceivable/View.aspx?PaymentID=",
    }.get(row.type, "/Bank/ViewTransaction.aspx?bankTransactionID=")
    inside = f"{path}{row.xero_document_id}"
    if not row.company_code:
        return f"{settings().xero_app_base}{inside}"
    return (
        f"{settings().xero_app_base}/organisationlogin/default.aspx?shortcode={row.company_code}&redirecturl={inside}"
    )


def notice(told: Told) -> tuple[str, str, str]:
    """Return title, detail and address of a notification about Xero."""
    if told.kind == "xero.sync_failed":
        what = KINDS.get(str(told.data.get("what")), "Document")
        about = _PROBLEMS.get(str(told.data.get("problem")), "It could not be written.")
        return (
            f"{what} is not in Xero",
            f"{told.data['description']}: {about}",
            url_for("links.show", link_id=told.link_id, tab="xero"),
        )
    company = str(told.data.get("company", "Your company"))
    return (
        "Xero must be connected again",
        f"{company}: Xero does not let us in any more. Nothing is lost; what waits is written once you have connected.",
        url_for("xero.show"),
    )
