"""The Xero stand-in and the real SDK: every answer, and every body the SDK sends, held against Xero's OpenAPI."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import pytest
import urllib3
import yaml
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from provvypay.sandbox.xero.api import ROUTES
from tests.contract.conftest import SPECS
from tests.sandbox.xero import AU, Xero

DAY = dt.date(2026, 11, 22)
IGNORED = re.compile(r"\.Has(Attachments|Errors|ValidationErrors): Tried to write read-only property with False")
"""The SDK sends these with every document, and Xero ignores them."""


class _Loader(yaml.CSafeLoader):
    """Reads timestamps as the strings they are on the wire."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for letter, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Contract:
    """Xero's document, asked by method and path."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = Resource(contents=document, specification=DRAFT4)
        self.registry = Registry().with_resource("urn:xero", resource)

    def problems(self, value: Any, pointer: str, *, written: bool = False) -> list[str]:
        kind = OAS30WriteValidator if written else OAS30ReadValidator
        validator = kind({"$ref": f"urn:xero#{pointer}"}, registry=self.registry)
        found = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
        return [problem for problem in found if not (written and IGNORED.search(problem))]

    def path_of(self, path: str) -> str:
        """Return the template a path fits, the one with the fewest names in braces."""
        fits = [
            template
            for template in self.document["paths"]
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), f"/{path}")
        ]
        return min(fits, key=lambda template: template.count("{"))

    def of_answer(self, value: Any, method: str, path: str) -> list[str]:
        if path.endswith("/History"):  # described by a reference
            return self.problems(value, "/components/schemas/HistoryRecords")
        return self.problems(value, self._at(path, f"{method.lower()}/responses/200"))

    def of_request(self, value: Any, method: str, path: str) -> list[str]:
        return self.problems(value, self._at(path, f"{method.lower()}/requestBody"), written=True)

    def _at(self, path: str, place: str) -> str:
        where = self.path_of(path).replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        return f"/paths/{where}/{place}/content/application~1json/schema"


@pytest.fixture(scope="module")
def contract():
    place = SPECS / "xero" / "xero_accounting.yaml"
    if not place.exists():
        pytest.skip(f"The vendors' contracts are not here: {place} (set PROVVYPAY_SPECS to their folder)")
    document = yaml.load(place.read_text(encoding="utf-8"), Loader=_Loader)  # a safe loader
    # JSON has no integer keys: statuses become the strings a pointer names
    return Contract(json.loads(json.dumps(document)))


@pytest.fixture(scope="module")
def xero(sandbox, http):
    http.post(f"{sandbox.url}/_control/xero/settings", json={"minute_limit": 1000}).raise_for_status()
    return Xero(http, sandbox.url).connect(
        scope="offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read "
        "accounting.banktransactions accounting.manualjournals"
    )


@pytest.fixture(scope="module")
def sdk(xero):
    """The SDK as the product must set it up: own token, no hidden retries."""
    from xero_python.accounting import AccountingApi
    from xero_python.api_client import ApiClient, Configuration
    from xero_python.api_client.oauth2 import OAuth2Token
    from xero_python.identity import IdentityApi

    config = Configuration()
    config.oauth2_token = OAuth2Token()
    client = ApiClient(config, pool_threads=1)
    client.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
        0, redirect=0, respect_retry_after_header=False, raise_on_status=False
    )
    access = {"access_token": xero.tokens["access_token"], "token_type": "Bearer", "scope": None, "expires_in": None}
    client.oauth2_token_getter(lambda: access)
    client.oauth2_token_saver(lambda _: None)
    identity = IdentityApi(client, base_url=f"{xero.url}/xero")
    return AccountingApi(client, base_url=f"{xero.url}/xero/api.xro/2.0"), identity


@pytest.fixture(scope="module")
def story(sdk, xero):
    """A sale, its fee, its surplus and its refund, written by the SDK; the ids of what was made."""
    from xero_python import accounting as a

    api, _ = sdk
    kind, known = a.LineAmountTypes("Inclusive"), {"summarize_errors": "true"}
    contact = a.Contact(contact_number="PLC-88231", name="Ada Lovelace", email_address="ada@example.com")

    def line(amount: str, code: str | None = "200", tax: str | None = "OUTPUT") -> Any:
        return a.LineItem(
            description="Payment link 1000042", quantity=1, unit_amount=Decimal(amount), account_code=code, tax_type=tax
        )

    def made(answer: Any, collection: str) -> dict[str, Any]:
        assert answer.status == 200
        return dict(json.loads(answer.data, parse_float=Decimal)[collection][0])

    raw: dict[str, Any] = {"_preload_content": False, "_request_timeout": (5, 30)}
    dollars = {"currency_code": a.CurrencyCode("USD"), "currency_rate": Decimal("0.65")}
    sale = {"type": "ACCREC", "status": "AUTHORISED", "contact": contact, "date": DAY, "due_date": DAY,
            "line_amount_types": kind}  # fmt: skip

    def sold(number: str, amount: str, **more: Any) -> dict[str, Any]:
        invoice = a.Invoice(invoice_number=number, reference="pay_7Qf2", line_items=[line(amount)], **sale, **more)
        body = a.Invoices(invoices=[invoice])
        return made(api.create_invoices(AU, body, unitdp=4, idempotency_key=f"i:{number}", **known, **raw), "Invoices")

    def paid(amount: str, **target: Any) -> dict[str, Any]:
        payment = a.Payment(
            account=a.Account(code="091"), date=DAY, amount=Decimal(amount), reference="pay_7Qf2", **target
        )
        body = a.Payments(payments=[payment])
        return made(
            api.create_payments(AU, body, idempotency_key=f"p:{amount}:{target}"[:128], **known, **raw), "Payments"
        )

    invoice = sold("PL-1000042", "115.00", currency_code=a.CurrencyCode("AUD"), sent_to_contact=True)
    payment = paid("115.00", invoice=a.Invoice(invoice_id=invoice["InvoiceID"]))
    foreign = sold("PL-1000043", "60.00", **dollars)
    paid("60.00", invoice=a.Invoice(invoice_id=foreign["InvoiceID"]), bank_amount=Decimal("93.10"))
    sold("PL-1000044", "10.00")
    fee = a.BankTransaction(
        type="SPEND", contact=a.Contact(name="Stripe"), bank_account=a.Account(code="091"), date=DAY,
        reference="fee pay_7Qf2", line_amount_types=kind, line_items=[line("3.65", "404", "EXEMPTEXPENSES")],
    )  # fmt: skip
    over = a.BankTransaction(
        type="RECEIVE-OVERPAYMENT", contact=a.Contact(contact_number="PLC-88231", name="Ada Lovelace"), date=DAY,
        bank_account=a.Account(code="091"), reference="over pay_7Qf2", line_items=[line("20.00", None, None)],
    )  # fmt: skip
    spent, surplus = (
        made(
            api.create_bank_transactions(
                AU, a.BankTransactions(bank_transactions=[item]), idempotency_key=item.reference, **known, **raw
            ),
            "BankTransactions",
        )
        for item in (fee, over)
    )
    note = a.CreditNote(
        type="ACCRECCREDIT", status="AUTHORISED", credit_note_number="PLR-1000042-1", reference="re_19x",
        contact=a.Contact(contact_id=invoice["Contact"]["ContactID"]), date=DAY, line_amount_types=kind,
        line_items=[line("40.00")],
    )  # fmt: skip
    credit = made(
        api.create_credit_notes(AU, a.CreditNotes(credit_notes=[note]), idempotency_key="cn", **known, **raw),
        "CreditNotes",
    )
    refund = paid("30.00", credit_note=a.CreditNote(credit_note_id=credit["CreditNoteID"]))
    part = a.Allocation(invoice=a.Invoice(invoice_number="PL-1000044"), amount=Decimal("10.00"), date=DAY)
    place = api.create_credit_note_allocation
    place(AU, credit["CreditNoteID"], a.Allocations(allocations=[part]), idempotency_key="al", **raw)
    return {
        "invoice": invoice, "payment": payment, "fee": spent, "surplus": surplus, "credit": credit, "refund": refund,
    }  # fmt: skip


def test_the_sdk_wrote_what_was_meant(story, control, xero):
    books = xero.http.get(f"{xero.url}/_control/xero/books").json()["tenants"][AU]
    numbers = {row["InvoiceNumber"]: (row["Status"], row["Total"]) for row in books["invoices"]}
    assert numbers == {
        "PL-1000042": ("PAID", "115.00"), "PL-1000043": ("PAID", "60.00"), "PL-1000044": ("PAID", "10.00"),
    }  # fmt: skip
    assert books["balances"]["091"]["amount"] == str(Decimal("115.00") + Decimal("93.10") - Decimal("3.65") + 20 - 30)
    assert {row["DateUTC"][:4] for row in books["invoices"] if "DateUTC" in row} == set()
    assert [row["Date"] for row in books["payments"]] == ["2026-11-22"] * 3


def test_every_body_the_sdk_sends_fits(story, contract, xero):
    requests = xero.http.get(f"{xero.url}/_control/xero/requests").json()["requests"]
    written = [row for row in requests if row["method"] != "GET" and row["body"] and row["status"] == 200]
    assert len(written) >= 10
    for row in written:
        path = row["path"].removeprefix("/api.xro/2.0/")
        assert contract.of_request(json.loads(row["body"]), row["method"], path) == [], path


def test_every_answer_fits(story, contract, xero):
    ids = {
        "Invoices": story["invoice"]["InvoiceID"],
        "Payments": story["payment"]["PaymentID"],
        "CreditNotes": story["credit"]["CreditNoteID"],
        "BankTransactions": story["surplus"]["BankTransactionID"],
        "Overpayments": story["surplus"]["OverpaymentID"],
        "Contacts": story["invoice"]["Contact"]["ContactID"],
        "Accounts": xero.call("GET", "Accounts").json()["Accounts"][0]["AccountID"],
        "TaxRates": "OUTPUT",
    }
    journal = {"Narration": "x", "Status": "POSTED", "Date": "2026-11-22"}
    journal["JournalLines"] = [{"LineAmount": 5, "AccountCode": "404"}, {"LineAmount": -5, "AccountCode": "855"}]
    ids["ManualJournals"] = xero.done("PUT", "ManualJournals", journal)["ManualJournalID"]
    reads = [rule for method, rule, _ in ROUTES if method == "GET"] + ["Invoices/{id}/History"]
    assert len(reads) >= 20
    for rule in reads:
        path = rule.replace("{id}", ids.get(rule.split("/", maxsplit=1)[0], ""))
        for query in ({}, {"page": "1"}):
            answer = xero.call("GET", path, **query)
            assert answer.status_code == 200, path
            body = answer.json()
            assert contract.of_answer(body, "GET", path) == [], path
            assert "null" not in re.findall(r":\s*(null)", answer.text), path
    refused = xero.call("PUT", "Invoices", {"Invoices": [xero.invoice("PL-1000042")]})
    assert contract.problems(refused.json(), "/components/schemas/Error") == []


def test_the_sdk_reads_every_answer_into_its_own_models(story, sdk):
    api, identity = sdk
    assert [row.tenant_type for row in identity.get_connections()] == ["ORGANISATION"]
    assert api.get_organisations(AU).organisations[0].is_demo_company is True
    accounts = api.get_accounts(AU, where='Status=="ACTIVE"').accounts
    assert {row.code for row in accounts if row.system_account == "ROUNDING"} == {"860"}
    assert api.get_tax_rates(AU).tax_rates[0].effective_rate == 0
    assert len(api.get_currencies(AU).currencies) == 4
    assert api.get_organisation_actions(AU).actions
    assert api.get_branding_themes(AU).branding_themes
    assert api.get_tracking_categories(AU).tracking_categories[0].options
    read = api.get_invoice(AU, story["invoice"]["InvoiceID"]).invoices[0]
    assert (read.total, read.date, read.payments[0].reference) == (Decimal(115), DAY, "pay_7Qf2")
    found = api.get_invoices(AU, invoice_numbers=["PL-1000043"], page=1, page_size=10).invoices
    assert [row.currency_rate for row in found] == [Decimal("0.65")]
    assert api.get_payments(AU).payments[0].payment_type == "ACCRECPAYMENT"
    where = 'Reference=="fee pay_7Qf2" AND Status=="AUTHORISED"'
    assert [row.total for row in api.get_bank_transactions(AU, where=where).bank_transactions] == [Decimal("3.65")]
    assert api.get_overpayments(AU).overpayments[0].remaining_credit == 20
    assert api.get_credit_note(AU, story["credit"]["CreditNoteID"]).credit_notes[0].remaining_credit == 0
    assert api.get_contacts(AU).contacts
    assert api.get_invoice_history(AU, story["invoice"]["InvoiceID"]).history_records


def test_the_sdk_raises_what_xero_refuses(story, sdk):
    from xero_python import accounting as a
    from xero_python.exceptions import AccountingBadRequestException, HTTPStatusException

    api, _ = sdk
    payment = a.Payment(
        invoice=a.Invoice(invoice_id=story["invoice"]["InvoiceID"]), account=a.Account(code="091"), date=DAY,
        amount=Decimal("1.00"),
    )  # fmt: skip
    with pytest.raises(AccountingBadRequestException) as refused:
        api.create_payments(AU, a.Payments(payments=[payment]), summarize_errors="true")
    assert refused.value.reason == "Payments can only be made against Authorised documents"
    with pytest.raises(HTTPStatusException) as missing:
        api.get_invoice("00000000-0000-0000-0000-000000000000", story["invoice"]["InvoiceID"])
    assert missing.value.status == 403
    api.delete_payment(AU, story["refund"]["PaymentID"], a.PaymentDelete(status="DELETED"))
    assert api.get_payment(AU, story["refund"]["PaymentID"]).payments[0].status == "DELETED"


def test_connections_fit_the_contract_of_identity(xero):
    place = SPECS / "xero" / "xero-identity.yaml"
    if not place.exists():
        pytest.skip(f"The vendors' contracts are not here: {place} (set PROVVYPAY_SPECS to their folder)")
    identity = Contract(json.loads(json.dumps(yaml.load(place.read_text(encoding="utf-8"), Loader=_Loader))))
    bearer = {"Authorization": f"Bearer {xero.tokens['access_token']}"}
    rows = xero.http.get(f"{xero.url}/xero/connections", headers=bearer).json()
    assert rows
    assert [identity.problems(row, "/components/schemas/Connection") for row in rows] == [[]] * len(rows)
    assert set(rows[0]) == set(identity.document["components"]["schemas"]["Connection"]["properties"])


def test_the_contract_notices_what_does_not_fit(story, contract, xero):
    body = xero.call("GET", f"Invoices/{story['invoice']['InvoiceID']}").json()
    body["Invoices"][0]["Total"] = "115.00"
    body["Invoices"][0]["Status"] = "GONE"
    assert len(contract.of_answer(body, "GET", f"Invoices/{story['invoice']['InvoiceID']}")) == 2
    assert contract.of_request({"Payments": [{"Amount": "abc"}]}, "PUT", "Payments")
