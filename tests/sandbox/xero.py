"""A connected customer of the Xero stand-in, for tests: consent, tokens, raw calls of the Accounting API."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

CLIENT = ("5A4DB0C5A4DB0C5A4DB0C5A4DB0C0001", "sandbox-app-secret")
REDIRECT = "http://localhost:8000/xero/callback"
AU = "57e23f64-5cda-5447-8b51-81c1deb4836b"
US = "769a3518-4465-514a-9817-dc7caf344c31"


@dataclass
class Xero:
    """One connection: a person's consent for one organisation, and what is asked with it."""

    http: httpx.Client
    url: str
    tenant: str = AU
    tokens: dict[str, Any] = field(default_factory=dict)

    def connect(self, **consent: Any) -> Xero:
        wanted = {"tenant_id": self.tenant, "redirect_uri": REDIRECT, **consent}
        made = self.http.post(f"{self.url}/_control/xero/consent", json=wanted)
        answer = self.token(grant_type="authorization_code", code=made.json()["code"], redirect_uri=REDIRECT)
        self.tokens = answer.json()
        return self

    def token(self, **form: str) -> httpx.Response:
        return self.http.post(f"{self.url}/xero/connect/token", data=form, auth=CLIENT)

    def refresh(self, token: str = "") -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token or self.tokens["refresh_token"])

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **more: Any) -> httpx.Response:
        """Call the Accounting API and return the answer, whatever it is."""
        headers = {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            "xero-tenant-id": self.tenant,
            "Accept": "application/json",
            **({"Idempotency-Key": key} if key else {}),
            **more.pop("headers", {}),
        }
        address = f"{self.url}/xero/api.xro/2.0/{path}"
        return self.http.request(method, address, json=body, headers=headers, params=more or None)

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call, expect success, and return the one document of the answer."""
        answer = self.call(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        found = answer.json(parse_float=Decimal)
        return found[path.partition("/")[0]][0]

    def invoice(self, number: str = "PL-1", amount: str = "115.00", **more: Any) -> dict[str, Any]:
        """Return an invoice of one line, as the product sends it."""
        line = {"Description": "Oak bench", "Quantity": 1, "UnitAmount": float(amount), "AccountCode": "200"}
        return {
            "Type": "ACCREC", "Status": "AUTHORISED", "InvoiceNumber": number, "Reference": f"ref {number}",
            "Contact": {"ContactNumber": "PLC-1", "Name": "Ada Lovelace"}, "Date": "2026-11-22",
            "DueDate": "2026-11-22", "LineAmountTypes": "Inclusive", "LineItems": [line], **more,
        }  # fmt: skip

    def sold(self, number: str = "PL-1", amount: str = "115.00", **more: Any) -> Any:
        return self.done("PUT", "Invoices", {"Invoices": [self.invoice(number, amount, **more)]})

    def paid(self, invoice: Any, amount: str = "115.00", account: str = "091", **more: Any) -> dict[str, Any]:
        """Return a payment of an invoice."""
        return {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": account}, "Date": "2026-11-22",
            "Amount": float(amount), "Reference": "pay_1", **more,
        }  # fmt: skip


def problems(answer: httpx.Response) -> list[str]:
    """Return the validation errors of a refusal, each once."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert (body["ErrorNumber"], body["Type"]) == (10, "ValidationException"), body
    return [error["Message"] for element in body["Elements"] for error in element["ValidationErrors"]]
