"""Routes of the Accounting API below /xero/api.xro/2.0, matched without regard to case, as Xero's are."""

import re
from functools import partial

from flask import Blueprint, Response, request

from provvypay.sandbox.xero import (
    bank_transactions,
    contacts,
    credit_notes,
    fixtures,
    gate,
    history,
    invoices,
    journals,
    overpayments,
    payments,
)
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import XeroError, not_found
from provvypay.sandbox.xero.gate import Endpoint
from provvypay.sandbox.xero.state import XeroState

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "Organisation", fixtures.organisation),
    ("GET", "Organisation/Actions", fixtures.actions),
    ("GET", "Accounts", fixtures.accounts),
    ("GET", "Accounts/{id}", fixtures.account),
    ("GET", "TaxRates", fixtures.tax_rates),
    ("GET", "TaxRates/{id}", fixtures.tax_rates),
    ("GET", "Currencies", fixtures.currencies),
    ("GET", "TrackingCategories", fixtures.tracking),
    ("GET", "BrandingThemes", fixtures.branding_themes),
    ("GET", "Contacts", contacts.listed),
    ("GET", "Contacts/{id}", contacts.read),
    ("PUT", "Contacts", contacts.write),
    ("POST", "Contacts", contacts.write),
    ("POST", "Contacts/{id}", contacts.write),
    ("GET", "Invoices", invoices.listed),
    ("GET", "Invoices/{id}", invoices.read),
    ("PUT", "Invoices", invoices.write),
    ("POST", "Invoices", invoices.write),
    ("POST", "Invoices/{id}", invoices.write),
    ("GET", "Payments", payments.listed),
    ("GET", "Payments/{id}", payments.read),
    ("PUT", "Payments", payments.write),
    ("POST", "Payments", payments.write),
    ("POST", "Payments/{id}", payments.delete),
    ("GET", "CreditNotes", credit_notes.listed),
    ("GET", "CreditNotes/{id}", credit_notes.read),
    ("PUT", "CreditNotes", credit_notes.write),
    ("POST", "CreditNotes", credit_notes.write),
    ("POST", "CreditNotes/{id}", credit_notes.write),
    ("PUT", "CreditNotes/{id}/Allocations", credit_notes.allocate),
    ("DELETE", "CreditNotes/{id}/Allocations/{id}", credit_notes.release),
    ("GET", "BankTransactions", bank_transactions.listed),
    ("GET", "BankTransactions/{id}", bank_transactions.read),
    ("PUT", "BankTransactions", bank_transactions.write),
    ("POST", "BankTransactions", bank_transactions.write),
    ("POST", "BankTransactions/{id}", bank_transactions.write),
    ("GET", "Overpayments", overpayments.listed),
    ("GET", "Overpayments/{id}", overpayments.read),
    ("PUT", "Overpayments/{id}/Allocations", overpayments.allocate),
    ("DELETE", "Overpayments/{id}/Allocations/{id}", overpayments.release),
    ("GET", "ManualJournals", journals.listed),
    ("GET", "ManualJournals/{id}", journals.read),
    ("PUT", "ManualJournals", journals.write),
    ("POST", "ManualJournals", journals.write),
)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def _pattern(rule: str) -> re.Pattern[str]:
    return re.compile(re.escape(rule).replace(r"\{id\}", "([^/]+)"), re.IGNORECASE)


_TABLE = [(method, _pattern(rule), endpoint) for method, rule, endpoint in ROUTES]
_HISTORY = re.compile(r"([A-Za-z]+)/([^/]+)/History", re.IGNORECASE)


def blueprint(state: XeroState) -> Blueprint:
    """Return the API's one route, bound to a state."""
    bp = Blueprint("xero_api", __name__, url_prefix="/xero/api.xro/2.0")

    @bp.route("/<path:rest>", methods=METHODS)
    def view(rest: str) -> Response:
        endpoint, ids = _found(request.method, rest.strip("/"))
        scoped = endpoint not in {_unknown, _not_offered}
        return gate.serve(state, rest.partition("/")[0].lower() if scoped else "", endpoint, ids)

    return bp


def _found(method: str, path: str) -> tuple[Endpoint, list[str]]:
    """Return what answers a path, and the ids in it."""
    if match := _HISTORY.fullmatch(path):
        resource, document_id = match.groups()
        ask = {"GET": history.listed, "PUT": history.add}.get(method)
        return (partial(_history, ask, resource.lower()), [document_id]) if ask else (_not_offered, [])
    known = False
    for verb, pattern, endpoint in _TABLE:
        if match := pattern.fullmatch(path):
            if verb == method:
                return endpoint, list(match.groups())
            known = True
    return (_not_offered if known else _unknown), []


def _history(ask: Endpoint, resource: str, call: Call, document_id: str) -> dict[str, object]:
    return ask(call, resource, document_id)


def _not_offered(_: Call) -> dict[str, object]:
    raise XeroError(501, "The method is not implemented")


def _unknown(_: Call) -> dict[str, object]:
    raise not_found()
