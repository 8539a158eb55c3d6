"""Read Xero's raw answers: documents into our values, refusals into one of our three errors.

Odd codes: 400 with ErrorNumber 10 the documents are refused, in Xero's words · 400 `Idempotency Key: … is used with a
different request.` · 401 `TokenExpired…` refresh · 401 `AuthorizationUnsuccessful` a scope is missing, refreshing never
helps · 403 the company is not connected any more · 403 as HTML the edge refuses us · 404 an id of another company, or
deleted · 429 a limit, named by `X-Rate-Limit-Problem`, with `Retry-After` for minute and day · 503 offline or down.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from provvypay.domain.currencies import digits_of
from provvypay.domain.xero import FoundDocument, FoundPayment
from provvypay.integrations.xero_errors import XeroMisunderstood, XeroRefused, XeroUnavailable

_LIMITS = {"minute": "MINUTE", "day": "DAY", "concurrent": "CONCURRENT"}
_IDS = {"Invoices": "InvoiceID", "CreditNotes": "CreditNoteID", "BankTransactions": "BankTransactionID"}
_NUMBERS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}
OFFLINE_SECONDS = 300
_FIRST_WAIT = {"MINUTE": 60, "DAY": 3600, "CONCURRENT": 5, "APP": 60}
"""where Xero does not say for how long"""


def document(raw: dict[str, Any], collection: str) -> FoundDocument:
    """Return the one document of an answer.

    :raises XeroMisunderstood: when there is none, or it cannot be read
    """
    found = documents(raw, collection, None)
    if len(found) != 1:
        raise XeroMisunderstood(f"{len(found)} {collection} where one was expected")
    return found[0]


def documents(raw: dict[str, Any], collection: str, kind: str | None) -> list[FoundDocument]:
    """Return the documents of an answer, of one type if asked."""
    try:
        return [
            _document(row, collection) for row in raw.get(collection) or [] if kind is None or row.get("Type") == kind
        ]
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise XeroMisunderstood(f"{collection}: {type(error).__name__} {error}") from error


def _document(row: dict[str, Any], collection: str) -> FoundDocument:
    currency = str(row["CurrencyCode"])
    due = row.get("AmountDue", row.get("RemainingCredit", 0))
    return FoundDocument(
        id=str(row[_IDS[collection]]),
        number=str(row.get(_NUMBERS.get(collection, ""), "")),
        reference=str(row.get("Reference") or ""),
        status=str(row["Status"]),
        total_minor=minor(row["Total"], currency),
        due_minor=minor(due, currency),
        currency=currency,
        contact_id=str((row.get("Contact") or {}).get("ContactID") or ""),
        payments=tuple(
            FoundPayment(str(one["PaymentID"]), str(one.get("Reference") or ""), minor(one["Amount"], currency))
            for one in row.get("Payments") or []
        ),
    )


def minor(value: Any, currency: str) -> int:
    """Return minor units of an amount Xero says.

    :raises ValueError: when it has a part smaller than the currency's minor unit
    """
    scaled = Decimal(str(value)).scaleb(digits_of(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} is not a whole number of {currency} minor units")
    return int(scaled)


def payment_id(raw: dict[str, Any]) -> str:
    """Return the id of the payment that was made."""
    try:
        return str(raw["Payments"][0]["PaymentID"])
    except (KeyError, IndexError, TypeError) as error:
        raise XeroMisunderstood("Payments: no id") from error


def contact(raw: dict[str, Any], name: str) -> tuple[str, str] | None:
    """Return id and e-mail of the active contact of exactly this name."""
    for row in raw.get("Contacts") or []:
        if str(row.get("Name", "")).casefold() == name.casefold() and row.get("ContactStatus") == "ACTIVE":
            return str(row["ContactID"]), str(row.get("EmailAddress") or "")
    return None


def chart(
    organisation: dict[str, Any], accounts: dict[str, Any], rates: dict[str, Any], currencies: dict[str, Any]
) -> dict[str, Any]:
    """Return what is kept of a company: no more than the mapping needs, as plain JSON."""
    try:
        company = organisation["Organisations"][0]
        return {
            "name": company["Name"],
            "organisation_id": company["OrganisationID"],
            "base_currency": company["BaseCurrency"],
            "country": company.get("CountryCode", ""),
            "pays_tax": bool(company.get("PaysTax", True)),
            "is_demo": bool(company.get("IsDemoCompany", False)),
            "time_zone": company.get("Timezone", ""),
            "short_code": company.get("ShortCode", ""),
            "period_lock": _day(company.get("PeriodLockDate")),
            "year_lock": _day(company.get("EndOfYearLockDate")),
            "accounts": [
                {
                    "id": row["AccountID"],
                    "code": row.get("Code", ""),
                    "name": row["Name"],
                    "type": row["Type"],
                    "class": row.get("Class", ""),
                    "active": row["Status"] == "ACTIVE",
                    "payments": bool(row.get("EnablePaymentsToAccount", False)),
                    "system": row.get("SystemAccount", ""),
                    "tax_type": row.get("TaxType", ""),
                    "currency": row.get("CurrencyCode", ""),
                }
                for row in accounts["Accounts"]
            ],
            "tax_rates": [
                {
                    "type": row["TaxType"],
                    "name": row["Name"],
                    "active": row.get("Status", "ACTIVE") == "ACTIVE",
                    "rate": str(row.get("EffectiveRate", 0)),
                    "sales": bool(row.get("CanApplyToRevenue", False)),
                    "expenses": bool(row.get("CanApplyToExpenses", False)),
                }
                for row in rates["TaxRates"]
            ],
            "currencies": [row["Code"] for row in currencies.get("Currencies") or []],
        }
    except (KeyError, IndexError, TypeError) as error:
        raise XeroMisunderstood(f"chart: {type(error).__name__} {error}") from error


def _day(value: Any) -> str:
    """Return a day of Xero's, `/Date(ms+0000)/` at midnight UTC, as 2026-06-30; empty when there is none."""
    import datetime as dt

    text = str(value or "")
    digits = text.removeprefix("/Date(").partition("+")[0].partition(")")[0]
    if not digits.lstrip("-").isdigit():
        return text[:10]
    return dt.datetime.fromtimestamp(int(digits) // 1000, dt.UTC).date().isoformat()


def headers_of(error: Any) -> Any:
    """Return the headers of a refusal, however the SDK wrapped it."""
    raw = getattr(error, "http_resp", None)
    raw = getattr(raw, "urllib3_response", raw)
    return getattr(raw, "headers", None) or {}


def _text_of(error: Any) -> str:
    raw = getattr(getattr(error, "http_resp", None), "data", b"") or b""
    return raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else str(raw)


def failure(method: str, error: Any) -> Exception:  # noqa: PLR0911 - a table, one line a status
    """Return what a refusal of Xero's means.

    :param error: the SDK's HTTPStatusException; its own text is not used, for it repeats the whole answer
    """
    status = int(error.status)
    headers, text = headers_of(error), _text_of(error)
    if status == 429:
        return _limited(method, headers)
    if status == 503 and "offline" in text.lower():
        return XeroUnavailable(f"{method}: {text[:80]}", pause="OFFLINE", retry_after=OFFLINE_SECONDS)
    if status >= 500 or status == 408:
        return XeroUnavailable(f"{method}: {status}", answered=True)
    body = _body(text)
    detail = str(body.get("Detail") or "").lower()
    if status == 401 and (detail.startswith("tokenexpired") or "authenticationunsuccessful" in detail):
        return XeroRefused("expired", (str(body.get("Detail"))[:120],))
    if status == 401 or (status == 403 and body):
        return XeroRefused("reconnect", (str(body.get("Detail") or status)[:120],))
    if status == 404:
        return XeroRefused("not_found", ("Xero does not know it",))
    if status == 400:
        return _refused(method, body)
    return XeroRefused("request", (f"{method}: {status}",))


def _limited(method: str, headers: Any) -> XeroUnavailable:
    kind = _LIMITS.get(str(headers.get("X-Rate-Limit-Problem") or "").lower(), "APP")
    asked = str(headers.get("Retry-After") or "")
    wait = int(asked) if asked.isdigit() and len(asked) <= 6 else _FIRST_WAIT[kind]
    return XeroUnavailable(f"{method}: 429 {kind}", pause=kind, retry_after=wait, may_be_done=False)


def _refused(method: str, body: dict[str, Any]) -> XeroRefused:
    said = str(body.get("Message") or "")
    if "Idempotency Key" in said or "Idempotency Key" in str(body):
        return XeroRefused("key_reused", (said[:200],))
    if body.get("ErrorNumber") != 10:
        return XeroRefused("request", (f"{method}: {said[:200]}",))
    messages = tuple(dict.fromkeys(_messages(body)))
    return XeroRefused("validation", messages or (said[:300] or "Xero gave no reason",))


def _messages(body: Any) -> list[str]:
    """Return every ValidationErrors message, however deep Xero put it."""
    found: list[str] = []
    if isinstance(body, dict):
        for name, value in body.items():
            if name == "ValidationErrors" and isinstance(value, list):
                found += [str(one.get("Message", ""))[:300] for one in value if isinstance(one, dict)]
            else:
                found += _messages(value)
    elif isinstance(body, list):
        for one in body:
            found += _messages(one)
    return [one for one in found if one]


def _body(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"Message": text[:300]} if text and not text.lstrip().startswith("<") else {}
    return found if isinstance(found, dict) else {}
