"""Xero's Accounting API: our drafts go out as the SDK's models, its raw answers come back as our values.

Reference: developer.xero.com, Accounting API 16.1, read November 2026; SDK xero-python 15.2. Limits for one company: 60
calls a minute, 5 at once, 5,000 a day; every call here takes a slot first (kit/quota.py). PUT creates and POST
overwrites, so documents are only ever PUT. What an answer means stands in xero_answers.py.

The SDK is kept on a short lead: its configuration is a singleton that shares one token between all clients, so each
client gets an own token object; its transport repeats PUTs that may have been done, and sleeps through limits for
hours, so retries are off; it has no time-out; and its models refuse answers with words they do not know, so answers
are read here from the raw text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import structlog

from provvypay.domain.xero import (
    BankDraft,
    CreditNoteDraft,
    FoundDocument,
    InvoiceDraft,
    PaymentDraft,
)
from provvypay.integrations import xero_answers as answers
from provvypay.integrations import xero_bodies as bodies
from provvypay.integrations.xero_errors import XeroMisunderstood, XeroRefused, XeroUnavailable
from provvypay.kit import db, quota
from provvypay.kit.quota import OverQuota, Quota
from provvypay.kit.settings import settings

log = structlog.get_logger(__name__)

VENDOR = "xero"
AT_ONCE = 4
"""one less than Xero allows: a member may look at the mapping meanwhile"""
ALL_PER_MINUTE = 9000
RESERVE = 20
"""calls of a day that the queue leaves to people"""
_TIMEOUT = (5, 30)

TokenSource = Callable[[str | None], str]
"""returns an access token; called with the one that Xero has just called too old"""


@dataclass
class Client:
    """Calls to one company's books, for one job: tenant and token come from the same row.

    :ivar in_person: somebody waits for a page; such calls may use what is reserved of the day
    """

    tenant_id: str
    token: TokenSource
    in_person: bool = False
    _sdk: Any = None
    _holder: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------ what is written

    def create_invoice(self, draft: InvoiceDraft, key: str) -> FoundDocument:
        """Create an invoice or a bill; the answer says what Xero made of it.

        :raises XeroRefused, XeroUnavailable, XeroMisunderstood: see xero_errors.py
        """
        body = bodies.invoice(draft)
        options = {"summarize_errors": "true", "unitdp": 4, "idempotency_key": key}
        return answers.document(self._call("create_invoices", body, **options), "Invoices")

    def create_credit_note(self, draft: CreditNoteDraft, key: str) -> FoundDocument:
        """Create a credit note."""
        body = bodies.credit_note(draft)
        options = {"summarize_errors": "true", "unitdp": 4, "idempotency_key": key}
        return answers.document(self._call("create_credit_notes", body, **options), "CreditNotes")

    def create_payment(self, draft: PaymentDraft, key: str) -> str:
        """Create a payment of an invoice, a bill or a credit note; return its id."""
        body = bodies.payment(draft)
        options = {"summarize_errors": "true", "idempotency_key": key}
        return answers.payment_id(self._call("create_payments", body, **options))

    def create_bank_transaction(self, draft: BankDraft, key: str) -> FoundDocument:
        """Book money spent or received on a bank account. Nothing makes it unique: look for its reference before."""
        body = bodies.bank_transaction(draft)
        options = {"summarize_errors": "true", "unitdp": 4, "idempotency_key": key}
        return answers.document(self._call("create_bank_transactions", body, **options), "BankTransactions")

    # ------------------------------------------------------------ what is looked up

    def invoice_by_number(self, number: str) -> FoundDocument | None:
        """Return the sales invoice of a number, whatever became of it."""
        return self._newest(self._call("get_invoices", invoice_numbers=[number], page=1), "Invoices", "ACCREC")

    def bill_by_number(self, number: str) -> FoundDocument | None:
        """Return the bill of a number that is not voided; bills may share numbers, so ours are made to differ."""
        found = answers.documents(self._call("get_invoices", invoice_numbers=[number], page=1), "Invoices", "ACCPAY")
        return next((one for one in found if not one.is_gone), None)

    def invoice(self, invoice_id: str) -> FoundDocument | None:
        """Return an invoice with its payments; None when Xero does not know it."""
        return self._one("get_invoice", invoice_id, "Invoices")

    def credit_note_by_number(self, number: str) -> FoundDocument | None:
        """Return the credit note of a number, with its payments."""
        # The number is ours: letters, digits and dashes only, so nothing in the filter can end its quotes.
        listed = self._call("get_credit_notes", where=f'CreditNoteNumber=="{bodies.plain(number)}"', page=1)
        found = self._newest(listed, "CreditNotes", "ACCRECCREDIT")
        return self.credit_note(found.id) if found else None

    def credit_note(self, credit_note_id: str) -> FoundDocument | None:
        """Return a credit note with its payments."""
        return self._one("get_credit_note", credit_note_id, "CreditNotes")

    def bank_transaction_by_reference(self, reference: str) -> FoundDocument | None:
        """Return the bank transaction of a reference that is not deleted."""
        where = f'Reference=="{bodies.plain(reference)}" AND Status=="AUTHORISED"'
        found = answers.documents(self._call("get_bank_transactions", where=where, page=1), "BankTransactions", None)
        return found[0] if found else None

    def contact_by_name(self, name: str) -> tuple[str, str] | None:
        """Return id and e-mail of the active contact of a name."""
        return answers.contact(self._call("get_contacts", search_term=name, page=1), name)

    def changed_invoices(self, numbers: list[str]) -> list[FoundDocument]:
        """Return the sales invoices of these numbers, for a comparison."""
        listed = self._call("get_invoices", invoice_numbers=numbers, page=1, page_size=max(1, len(numbers) * 2))
        return answers.documents(listed, "Invoices", "ACCREC")

    def chart(self) -> dict[str, Any]:
        """Return what the mapping needs to know of the company; four calls."""
        organisation = self._call("get_organisations")
        accounts = self._call("get_accounts")
        rates = self._call("get_tax_rates")
        currencies = self._call("get_currencies")
        return answers.chart(organisation, accounts, rates, currencies)

    # ------------------------------------------------------------ how

    def _newest(self, raw: Any, collection: str, kind: str) -> FoundDocument | None:
        found = answers.documents(raw, collection, kind)
        return next((one for one in found if not one.is_gone), found[0] if found else None)

    def _one(self, method: str, document_id: str, collection: str) -> FoundDocument | None:
        try:
            return answers.document(self._call(method, document_id), collection)
        except XeroRefused as error:
            if error.reason == "not_found":
                return None
            raise

    def _call(self, method: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Call the SDK; a token that Xero calls too old is refreshed once, and the call repeated once."""
        db.assert_outside_transaction()
        token = self.token(None)
        try:
            return self._once(method, token, arguments, options)
        except XeroRefused as error:
            if error.reason != "expired":
                raise
        return self._once(method, self.token(token), arguments, options)

    def _once(self, method: str, token: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        import urllib3
        from xero_python.exceptions import HTTPStatusException

        api = self._api(token)
        try:
            with quota.slot(VENDOR, self.tenant_id, limits(), in_person=self.in_person):
                raw = getattr(api, method)(
                    self.tenant_id, *arguments, **options, _preload_content=False, _request_timeout=_TIMEOUT
                )
        except OverQuota as error:
            raise XeroUnavailable(
                f"{method}: {error}", pause=error.reason, retry_after=error.retry_after, may_be_done=False
            ) from error
        except HTTPStatusException as error:
            self._note(answers.headers_of(error))
            raise answers.failure(method, error) from None  # the SDK's text repeats what customers typed
        except urllib3.exceptions.HTTPError as error:
            log.warning("vendor.unreachable", vendor=VENDOR, method=method, error=type(error).__name__)
            raise XeroUnavailable(f"{method}: {type(error).__name__}") from None
        except (ValueError, TypeError) as error:
            raise XeroMisunderstood(f"{method}: {type(error).__name__}") from error
        self._note(raw.headers)
        try:
            found: dict[str, Any] = json.loads(raw.data, parse_float=Decimal)
        except ValueError as error:
            raise XeroMisunderstood(f"{method}: an answer that is no JSON") from error
        return found

    def _note(self, headers: Any) -> None:
        left = str(headers.get("X-DayLimit-Remaining") or "")
        if left.isdigit():
            quota.tell_left(VENDOR, self.tenant_id, int(left))

    def _api(self, token: str) -> Any:
        """Return the SDK's client, made once for this job, with an own token object and without hidden retries."""
        self._holder["access_token"] = token
        if self._sdk is None:
            import urllib3
            from xero_python.accounting import AccountingApi
            from xero_python.api_client import ApiClient, Configuration
            from xero_python.api_client.oauth2 import OAuth2Token

            config = Configuration()
            config.oauth2_token = OAuth2Token()
            client = ApiClient(config, pool_threads=1)
            client.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
                0, redirect=0, respect_retry_after_header=False, raise_on_status=False
            )
            client.oauth2_token_getter(
                lambda: {**self._holder, "token_type": "Bearer", "scope": None, "expires_in": None}
            )
            client.oauth2_token_saver(lambda _: None)
            self._sdk = AccountingApi(client, base_url=f"{settings().xero_api_base}/api.xro/2.0")
        return self._sdk


def limits() -> Quota:
    """Return the limits of one company, as this installation's app has them."""
    chosen = settings()
    return Quota(chosen.xero_calls_per_minute, chosen.xero_calls_per_day, AT_ONCE, ALL_PER_MINUTE, RESERVE)
