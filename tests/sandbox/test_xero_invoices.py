"""Invoices and contacts of the Xero stand-in: numbers, tax, currencies, locks, and what overwrites what."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.xero import AU, US, Xero, problems


@pytest.fixture
def xero(sandbox, http):
    return Xero(http, sandbox.url).connect()


def put(xero, *invoices, **query):
    return xero.call("PUT", "Invoices", {"Invoices": list(invoices)}, **query)


def lines(*amounts, **more):
    line = {"Description": "Lesson", "Quantity": 1, "AccountCode": "200", **more}
    return [{**line, "UnitAmount": amount} for amount in amounts]


def test_an_invoice_is_made_as_the_recipe_says(xero):
    made = xero.sold("PL-1000042", "115.00", SentToContact=True, CurrencyCode="AUD", HasErrors=False, Nonsense=1)

    assert (made["Status"], made["AmountDue"], made["Total"]) == ("AUTHORISED", Decimal(115), Decimal(115))
    assert (made["SubTotal"], made["TotalTax"]) == (Decimal("104.55"), Decimal("10.45"))
    assert (made["Date"], made["DateString"]) == ("/Date(1795305600000+0000)/", "2026-11-22T00:00:00")
    assert made["CurrencyRate"] == 1
    assert None not in made.values()
    assert xero.done("GET", "Invoices/PL-1000042")["InvoiceID"] == made["InvoiceID"]
    numbered = xero.done("PUT", "Invoices", xero.invoice(InvoiceNumber=None))
    assert numbered["InvoiceNumber"] == "INV-0001"


def test_tax_is_rounded_line_by_line(xero, sandbox, http, control):
    nz = control("xero/tenants", {"name": "Harbour Street (NZ)", "country": "NZ"})["tenant_id"]
    there = Xero(http, sandbox.url, nz).connect()

    def totals(kind, *amounts, where=there, **query):
        invoice = there.invoice(InvoiceNumber=None, LineAmountTypes=kind, LineItems=lines(*amounts))
        made = where.done("PUT", "Invoices", invoice, **query)
        return made["SubTotal"], made["TotalTax"], made["Total"]

    # Xero's own example: 15 % of 25.06, 25.61 and 25.63
    assert totals("Exclusive", 25.06, 25.61, 25.63) == (Decimal("76.30"), Decimal("11.44"), Decimal("87.74"))
    assert totals("Inclusive", 115.0) == (Decimal(100), Decimal(15), Decimal(115))
    assert totals("NoTax", 115.0) == (Decimal(115), Decimal(0), Decimal(115))
    assert totals(None, 100.0)[2] == Decimal(115), "exclusive is the default of invoices"
    assert totals("NoTax", 1.2345)[2] == Decimal("1.23")
    four = there.invoice(InvoiceNumber=None, LineAmountTypes="NoTax", LineItems=lines(1.2345))
    assert there.done("PUT", "Invoices", four, unitdp="4")["LineItems"][0]["UnitAmount"] == Decimal("1.2345")


def test_a_number_is_unique_and_post_overwrites(xero):
    xero.sold("PL-1")
    assert problems(put(xero, xero.invoice("PL-1"))) == ["Invoice # must be unique."]
    changed = xero.done("POST", "Invoices", xero.invoice("PL-1", "90.00"))
    assert changed["Total"] == Decimal(90)
    assert len(xero.call("GET", "Invoices").json()["Invoices"]) == 1
    bill = xero.invoice("B-1", Type="ACCPAY", LineItems=lines(5, AccountCode="404"))
    assert put(xero, bill).status_code == put(xero, bill).status_code == 200

    # a deleted draft gives its number free, a voided invoice does not
    draft = xero.sold("PL-2", Status="DRAFT")
    assert xero.done("POST", f"Invoices/{draft['InvoiceID']}", {"Status": "DELETED"})["Status"] == "DELETED"
    again = xero.sold("PL-2")
    voided = xero.done("POST", f"Invoices/{again['InvoiceID']}", {"InvoiceID": again["InvoiceID"], "Status": "VOIDED"})
    assert (voided["Status"], voided["AmountDue"]) == ("VOIDED", Decimal(0))
    assert problems(put(xero, xero.invoice("PL-2"))) == ["Invoice # must be unique."]
    for wanted in ("PAID", "AUTHORISED"):
        refused = xero.call("POST", f"Invoices/{again['InvoiceID']}", {"Status": wanted})
        assert problems(refused) == ["Invoice not of valid status for modification"]


def test_what_does_not_fit_is_refused_in_xeros_words(xero, control):
    def said(**more):
        return problems(put(xero, xero.invoice(**more)))

    assert said(LineItems=lines(5, AccountCode="999")) == ["Account code '999' is not a valid code for this document."]
    assert said(LineItems=lines(5, AccountCode="090")) == ["Account code '090' is not a valid code for this document."]
    assert said(LineItems=lines(5, AccountCode="610")) == ["Account code '610' is not a valid code for this document."]
    assert said(LineItems=lines(5, TaxType="INPUT")) == [
        "The TaxType code 'INPUT' cannot be used with account code '200'."
    ]
    assert said(CurrencyCode="GBP") == ["Organisation is not subscribed to currency GBP"]
    assert said(Date="someday") == ["Date is not a valid date"]
    assert said(Contact={"Name": "Ada", "EmailAddress": "nowhere"}) == ["Email address must be valid."]
    assert len(said(DueDate=None, LineItems=[], Contact={})) == 3
    assert put(xero, xero.invoice("PL-9", Status="DRAFT", DueDate=None, LineItems=[])).status_code == 200

    control(f"xero/tenants/{AU}/accounts/200", {"Status": "ARCHIVED"})
    assert said() == [
        "Account code '200' has been archived, or has been deleted. Each line item must reference a valid account."
    ]
    control(f"xero/tenants/{AU}/accounts/200", {"Status": "ACTIVE"})
    control(f"xero/tenants/{AU}", {"period_lock_date": "2026-11-22"})
    assert said() == ["The document date cannot be before the period lock date, currently set at 22 November 2026."]
    control(
        f"xero/tenants/{AU}", {"period_lock_date": None, "end_of_year_lock_date": "2026-11-21", "approvals_left": 0}
    )
    assert said() == ["You have reached the limit of invoices you can approve"]
    control(f"xero/tenants/{AU}", {"approvals_left": 1, "pays_tax": False, "multicurrency": False})
    assert said(CurrencyCode="USD") == ["Organisation is not subscribed to currency USD"]
    assert said(LineItems=lines(5, TaxType="OUTPUT"))[0].startswith("The TaxType code 'OUTPUT' cannot be used")
    assert {row["EffectiveRate"] for row in xero.call("GET", "TaxRates").json()["TaxRates"]} == {0}
    assert xero.sold()["TotalTax"] == 0
    actions = {row["Name"]: row["Status"] for row in xero.call("GET", "Organisation/Actions").json()["Actions"]}
    assert actions["CreateApprovedInvoice"] == "NOT-ALLOWED"
    assert xero.call("GET", "Organisation").json()["Organisations"][0]["EndOfYearLockDate"].startswith("/Date(")


def test_dates_are_understood_in_every_shape(xero):
    shapes = ("2026-11-22", "2026-11-22T13:45:00", "/Date(1795305600000)/", "/Date(1795305600000+0000)/")
    made = [xero.sold(f"PL-{number}", Date=shape) for number, shape in enumerate(shapes)]
    assert {invoice["DateString"] for invoice in made} == {"2026-11-22T00:00:00"}


def test_currencies_rates_and_a_rate_upside_down(xero, control):
    usd = xero.sold("PL-1", CurrencyCode="USD")
    assert Decimal("0.6") < usd["CurrencyRate"] < Decimal("0.7"), "foreign units for one of the base"
    odd = xero.sold("PL-2", CurrencyCode="USD", CurrencyRate=1.53)
    assert odd["Warnings"][0]["Message"].startswith("The currency rate differs")
    assert control(f"xero/tenants/{AU}/currencies/GBP", {})["currencies"] == ["AUD", "USD", "EUR", "NZD", "GBP"]
    assert xero.sold("PL-3", CurrencyCode="GBP")["CurrencyCode"] == "GBP"
    control(f"xero/tenants/{AU}/currencies/GBP", {"enabled": False})
    assert put(xero, xero.invoice("PL-4", CurrencyCode="GBP")).status_code == 400


def test_several_at_once_all_or_the_good_ones(xero):
    good, bad = xero.invoice("PL-1"), xero.invoice("PL-2", LineItems=lines(5, AccountCode="999"))
    refused = put(xero, good, bad)
    assert len(refused.json()["Elements"]) == len(problems(refused)) == 1
    assert xero.call("GET", "Invoices").json()["Invoices"] == []
    assert xero.call("GET", "Contacts").json()["Contacts"] == []

    answer = put(xero, good, bad, summarizeErrors="False")
    rows = answer.json()["Invoices"]
    assert answer.status_code == 200
    assert [row["StatusAttributeString"] for row in rows] == ["OK", "ERROR"]
    assert rows[1]["InvoiceID"] == "00000000-0000-0000-0000-000000000000"
    assert len(xero.call("GET", "Invoices").json()["Invoices"]) == 1


def test_contacts_are_matched_by_id_number_and_name(xero, control):
    first = xero.sold("PL-1", Contact={"ContactNumber": "C1", "Name": "John Smith"})["Contact"]["ContactID"]
    assert xero.sold("PL-2", Contact={"Name": "john smith"})["Contact"]["ContactID"] == first
    renamed = xero.sold("PL-3", Contact={"ContactNumber": "C1", "Name": "John B. Smith"})["Contact"]
    assert (renamed["ContactID"], renamed["Name"]) == (first, "John B. Smith")
    xero.sold("PL-4", Contact={"ContactNumber": "C2", "Name": "Someone Else"})
    taken = put(xero, xero.invoice("PL-5", Contact={"ContactNumber": "C3", "Name": "John B. Smith"}))
    assert problems(taken)[0].startswith("The contact name John B. Smith is already assigned to another contact.")
    assert problems(put(xero, xero.invoice("PL-5", Contact={"ContactID": "no"}))) == [
        "The contact id could not be found"
    ]
    second = xero.done("PUT", "Contacts", {"Name": "Third"})["ContactID"]
    assert problems(xero.call("PUT", "Contacts", {"Name": "Third"}))[0].endswith("across all active contacts.")
    assert xero.done("POST", f"Contacts/{second}", {"EmailAddress": "t@example.com"})["Name"] == "Third"

    control(f"xero/tenants/{AU}/contacts/{first}", {"MergedToContactID": second})
    read = xero.done("GET", "Invoices/PL-1")
    assert read["Contact"]["ContactID"] == second
    archived = put(xero, xero.invoice("PL-6", Contact={"ContactID": first}))
    assert "has been archived" in problems(archived)[0]
    assert xero.done("GET", f"Contacts/{first}")["MergedToContactID"] == second
    assert len(xero.call("GET", "Contacts").json()["Contacts"]) == 2
    assert len(xero.call("GET", "Contacts", includeArchived="true").json()["Contacts"]) == 3


def test_lists_are_filtered_ordered_and_paged(xero, control):
    for number in range(1, 5):
        xero.sold(f"PL-{number}", str(number * 10))
    xero.done("POST", "Invoices/PL-3", {"Status": "VOIDED"})

    def numbers(**query):
        answer = xero.call("GET", "Invoices", **query)
        assert answer.status_code == 200, answer.text
        return [row["InvoiceNumber"] for row in answer.json()["Invoices"]]

    assert numbers(InvoiceNumbers="PL-1,PL-4") == ["PL-1", "PL-4"]
    assert numbers(Statuses="VOIDED") == ["PL-3"]
    assert numbers(where='Reference=="ref PL-2"') == ["PL-2"]
    assert numbers(where='(Total>15 AND Status=="AUTHORISED") OR Reference.Contains("PL-1")') == [
        "PL-1",
        "PL-2",
        "PL-4",
    ]
    assert numbers(where='Contact.Name=="Ada Lovelace" && Date>=DateTime(2026, 11, 23)') == []
    assert numbers(order="InvoiceNumber DESC", page=1, pageSize=2) == ["PL-4", "PL-3"]
    paged = xero.call("GET", "Invoices", page=2, pageSize=5000).json()
    assert paged["pagination"] == {"page": 2, "pageSize": 1000, "pageCount": 1, "itemCount": 4}
    assert "LineItems" not in xero.call("GET", "Invoices").json()["Invoices"][0]
    assert "LineItems" in xero.call("GET", "Invoices", page=1).json()["Invoices"][0]
    assert xero.call("GET", "Invoices", where="Reference==").json()["Type"] == "QueryParseException"

    control("clock", {"advance_seconds": 60})
    xero.sold("PL-5")
    since = xero.call(
        "GET", "Invoices", headers={"If-Modified-Since": xero.done("GET", "Invoices/PL-5")["UpdatedDateUTCString"]}
    )
    assert [row["InvoiceNumber"] for row in since.json()["Invoices"]] == ["PL-5"]
    assert len(numbers()) == 5


def test_each_organisation_has_its_own_books_and_chart(xero, sandbox, http):
    made = xero.sold("PL-1")
    other = Xero(http, sandbox.url, US).connect()
    missing = other.call("GET", f"Invoices/{made['InvoiceID']}")
    assert (missing.status_code, missing.text) == (404, "The resource you're looking for cannot be found")
    assert [row["Code"] for row in other.call("GET", "Currencies").json()["Currencies"]] == ["USD"]
    assert problems(put(other, other.invoice(CurrencyCode="AUD"))) == ["Organisation is not subscribed to currency AUD"]
    found = other.call("GET", "Accounts", where='Status=="ACTIVE" AND Class=="REVENUE"').json()["Accounts"]
    assert [row["Code"] for row in found] == ["200", "205", "260", "270"]
    notes = xero.call("GET", f"Invoices/{made['InvoiceID']}/History").json()["HistoryRecords"]
    assert notes[0]["Changes"] == "Approved"
    note = {"HistoryRecords": [{"Details": "Paid by card"}]}
    assert xero.call("PUT", f"Invoices/{made['InvoiceID']}/History", note).status_code == 200
