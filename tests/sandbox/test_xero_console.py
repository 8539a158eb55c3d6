"""The Xero pages of the console: books that can be read, and a merchant's hands in them."""

from __future__ import annotations

import html5lib
import pytest

from tests.sandbox.xero import AU, Xero

SPACE = "{http://www.w3.org/1999/xhtml}"
KINDS = ("invoices", "payments", "credit_notes", "bank_transactions", "overpayments")


@pytest.fixture
def xero(sandbox, http):
    return Xero(http, sandbox.url).connect()


@pytest.fixture
def page(http, sandbox):
    """Read a page; parsing fails on invalid HTML."""

    def read(path="", *, status=200):
        answer = http.get(f"{sandbox.url}{path}", follow_redirects=True)
        assert answer.status_code == status, answer.text
        tree = html5lib.HTMLParser(strict=True).parse(answer.text)
        return tree, " ".join(" ".join(tree.itertext()).split())

    return read


@pytest.fixture
def press(http, sandbox):
    def post(name, **form):
        return http.post(f"{sandbox.url}/console/xero/{AU}/{name}", data=form)

    return post


@pytest.fixture
def told(xero):
    """A sale with its payment, fee, surplus and refund, one of each kind; the ids."""
    invoice = xero.sold("PL-1", Url="https://pay.example.com/p/1")
    payment = xero.done("PUT", "Payments", xero.paid(invoice))
    note = {**xero.invoice(amount="40.00"), "Type": "ACCRECCREDIT", "CreditNoteNumber": "PLR-1", "InvoiceNumber": None}
    spend = {"Contact": {"Name": "Stripe"}, "BankAccount": {"Code": "091"}, "Date": "2026-11-22"}
    spend["LineItems"] = [{"Description": "<Fee>", "Quantity": 1, "UnitAmount": 3.65, "AccountCode": "404"}]
    fee = xero.done("PUT", "BankTransactions", {**spend, "Type": "SPEND", "Reference": "fee 1"})
    over = xero.done("PUT", "BankTransactions", {**spend, "Type": "RECEIVE-OVERPAYMENT"})
    credit = xero.done("PUT", "CreditNotes", note)
    ids = (invoice["InvoiceID"], payment["PaymentID"], credit["CreditNoteID"], fee["BankTransactionID"],
           over["OverpaymentID"])  # fmt: skip
    return dict(zip(KINDS, ids, strict=True))


def test_the_books_can_be_read_from_the_first_page_to_the_last_document(told, page):
    tree, text = page("/")
    assert "Harbour Street Joinery (AU)" in text
    assert "Payments: 1" in text
    assert "connected ada@example.com" in text
    links = {link.get("href") for link in tree.iter(SPACE + "a")}
    assert f"/console/xero/{AU}" in links
    tree, text = page(f"/console/xero/{AU}")
    for words in ("PL-1", "AUD 115.00", "PLR-1", "fee 1", "091 Online Payments Clearing", "ACCRECPAYMENT"):
        assert words in text
    links = {link.get("href") for link in tree.iter(SPACE + "a")}
    for kind, document_id in told.items():
        place = f"/console/xero/{AU}/{kind}/{document_id}"
        assert place in links
        assert page(place)[1]
    assert "Approved" in page(f"/console/xero/{AU}/invoices/{told['invoices']}")[1]
    assert "<Fee>" in page(f"/console/xero/{AU}/bank_transactions/{told['bank_transactions']}")[1]


def test_deep_links_of_the_product_lead_to_the_document(told, page, control, http, sandbox):
    short = control("xero/tenants")["tenants"][0]["short_code"]
    asked = {"shortcode": short, "redirecturl": f"/AccountsReceivable/View.aspx?InvoiceID={told['invoices']}"}
    answer = http.get(f"{sandbox.url}/xero/organisationlogin/default.aspx", params=asked)
    assert answer.headers["Location"].endswith(f"/invoices/{told['invoices']}")
    plain = f"/xero/AccountsReceivable/View.aspx?InvoiceID={told['invoices']}"
    assert "PL-1" in page(plain)[1]
    bank = f"/xero/Bank/ViewTransaction.aspx?bankTransactionID={told['bank_transactions']}"
    assert "fee 1" in page(bank)[1]
    assert http.get(f"{sandbox.url}/xero/AccountsReceivable/View.aspx?InvoiceID=no").status_code == 404
    assert http.get(f"{sandbox.url}/console/xero/nobody").status_code == 404


def test_a_merchant_voids_edits_pays_locks_archives_and_disconnects(told, xero, page, press, control):
    def invoice(number):
        found = control("xero/books")["tenants"][AU]["invoices"]
        return next(row for row in found if row["InvoiceNumber"] == number)

    here = {"table": "invoices", "document": told["invoices"]}
    assert press("reconcile", **here, payment=told["payments"]).status_code == 303
    refused = press("unpay", **here, payment=told["payments"])
    assert (refused.status_code, "has been reconciled" in refused.text) == (409, True)
    second = {"table": "invoices", "document": xero.sold("PL-2")["InvoiceID"]}
    assert press("edit", **second, reference="mine", amount="50").headers["Location"].endswith("?said=done")
    assert press("edit", **second, reference="", amount="cheap").status_code == 422
    press("pay", **second, account="090", amount="20")
    assert (invoice("PL-2")["AmountDue"], invoice("PL-2")["Reference"]) == ("30.00", "mine")
    press("void", **second)
    assert invoice("PL-2")["Status"] == "VOIDED"

    account = xero.call("GET", "Accounts", where='Code=="200"').json()["Accounts"][0]["AccountID"]
    press("account", account=account, change="archive")
    press("currency", code="gbp", change="enable")
    press("lock", day="2026-06-30")
    text = page(f"/console/xero/{AU}")[1]
    assert "200 Sales (archived)" in text
    assert "closed up to 2026-06-30" in text
    assert "GBP" in text
    press("lock", day="")
    assert "no period closed" in page(f"/console/xero/{AU}")[1]
    press("offline", offline="on")
    assert xero.call("GET", "Organisation").status_code == 503
    press("disconnect")
    assert xero.call("GET", "Organisation").status_code == 403
    press("reset")
    assert "None yet." in page(f"/console/xero/{AU}")[1]
    assert press("dance").status_code == 422
    assert press("account", account=account, change="dance").status_code == 422


def test_every_form_of_the_pages_leads_somewhere(told, page, http, sandbox):
    # the organisation's page comes last: one of its buttons empties the books
    for place in (f"/console/xero/{AU}/invoices/{told['invoices']}", f"/console/xero/{AU}"):
        tree, _ = page(place)
        labels = {label.get("for") for label in tree.iter(SPACE + "label")}
        for field in [*tree.iter(SPACE + "input"), *tree.iter(SPACE + "select")]:
            assert field.get("type") == "hidden" or field.get("id") in labels
        for form in tree.iter(SPACE + "form"):
            assert http.post(f"{sandbox.url}{form.get('action')}", data={"table": ""}).status_code in {303, 404, 422}
    made = http.post(f"{sandbox.url}/console/xero/add", data={"name": "New", "country": "NZ", "currencies": "usd"})
    assert made.status_code == 303
    assert "New" in page("/")[1]
    for button in ("expire", "revoke"):
        assert http.post(f"{sandbox.url}/console/xero/{button}").status_code == 303
