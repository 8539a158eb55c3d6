"""Payments, refunds, fees and surplus in the Xero stand-in's books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.xero import AU, Xero, problems

SPEND = {
    "Type": "SPEND",
    "Contact": {"Name": "Stripe"},
    "BankAccount": {"Code": "091"},
    "Date": "2026-11-22",
    "Reference": "fee pay_1",
    "LineAmountTypes": "Inclusive",
    "LineItems": [{"Description": "Fee", "Quantity": 1, "UnitAmount": 3.65, "AccountCode": "404"}],
}


@pytest.fixture
def xero(sandbox, http):
    return Xero(http, sandbox.url).connect()


@pytest.fixture
def books(control):
    return lambda: control("xero/books")["tenants"][AU]


def pay(xero, payment, method="PUT"):
    return xero.call(method, "Payments", {"Payments": [payment]} if method == "PUT" else payment)


def state(xero, invoice):
    read = xero.done("GET", f"Invoices/{invoice['InvoiceID']}")
    return read["Status"], read["AmountDue"]


def test_an_invoice_is_paid_once_in_parts_or_whole(xero, books):
    invoice = xero.sold()
    part = xero.done("PUT", "Payments", {"Payments": [xero.paid(invoice, "15.00")]})
    assert (part["PaymentType"], part["BankAmount"], part["Status"]) == ("ACCRECPAYMENT", Decimal(15), "AUTHORISED")
    assert state(xero, invoice) == ("AUTHORISED", Decimal(100))
    too_much = "Payment amount exceeds the amount outstanding on this document"
    assert problems(pay(xero, xero.paid(invoice, "100.01"))) == [too_much]
    assert pay(xero, xero.paid(invoice, "100.00"), "POST").status_code == 200
    assert state(xero, invoice) == ("PAID", Decimal(0))
    not_approved = "Payments can only be made against Authorised documents"
    assert problems(pay(xero, xero.paid(invoice, "1.00"))) == [not_approved, too_much]
    read = xero.done("GET", f"Invoices/{invoice['InvoiceID']}")
    assert [payment["Reference"] for payment in read["Payments"]] == ["pay_1", "pay_1"]
    assert read["FullyPaidOnDate"] == "/Date(1795305600000+0000)/"
    assert books()["balances"]["091"]["amount"] == "115.00"
    refused = xero.call("POST", f"Invoices/{invoice['InvoiceID']}", {"Status": "VOIDED"})
    assert problems(refused) == ["Invoice not of valid status for modification"]


def test_accounts_that_take_no_payment(xero, control):
    invoice = xero.sold()
    assert problems(pay(xero, xero.paid(invoice, account="999"))) == ["Account could not be found"]
    assert problems(pay(xero, xero.paid(invoice, account="200")))[0].startswith("Account does not accept payments")
    control(f"xero/tenants/{AU}/accounts/612", {"EnablePaymentsToAccount": False})
    assert pay(xero, xero.paid(invoice, account="612")).status_code == 400
    control(f"xero/tenants/{AU}/accounts/091", {"Status": "ARCHIVED"})
    assert problems(pay(xero, xero.paid(invoice))) == ["Account could not be found"]
    control(f"xero/tenants/{AU}", {"period_lock_date": "2026-11-22"})
    assert "period lock date" in problems(pay(xero, xero.paid(invoice, account="855")))[0]
    draft = xero.sold("PL-2", Status="DRAFT", Date="2026-11-23")
    assert problems(pay(xero, xero.paid(draft, account="090"))) == [
        "Payments can only be made against Authorised documents"
    ]


def test_a_payment_is_deleted_and_nothing_else(xero, control, books):
    invoice = xero.sold()
    made = xero.done("PUT", "Payments", {"Payments": [xero.paid(invoice)]})
    place = f"Payments/{made['PaymentID']}"
    assert problems(xero.call("POST", place, {"Amount": 5}))[0].startswith("Payments can only be deleted")
    assert xero.done("POST", place, {"Status": "DELETED"})["Status"] == "DELETED"
    assert state(xero, invoice) == ("AUTHORISED", Decimal(115))
    assert xero.call("POST", place, {"Status": "DELETED"}).status_code == 400
    again = xero.done("PUT", "Payments", {"Payments": [xero.paid(invoice)]})
    control(f"xero/tenants/{AU}/payments/{again['PaymentID']}/reconcile", {})
    assert "reconciled" in problems(xero.call("POST", f"Payments/{again['PaymentID']}", {"Status": "DELETED"}))[0]
    assert [payment["Status"] for payment in books()["payments"]] == ["DELETED", "AUTHORISED"]


def test_foreign_invoices_and_their_rates(xero, books):
    usd = xero.sold("PL-1", "60.00", CurrencyCode="USD", CurrencyRate=0.65)
    same = xero.done("PUT", "Payments", xero.paid(usd, "20.00", "092"))
    assert (same["BankAmount"], same["CurrencyRate"]) == (Decimal(20), Decimal("0.65"))
    base = xero.done("PUT", "Payments", xero.paid(usd, "20.00", "091", BankAmount=32.00))
    assert (base["BankAmount"], base["CurrencyRate"]) == (Decimal(32), Decimal("0.625"))
    rated = xero.done("PUT", "Payments", xero.paid(usd, "20.00", "091", CurrencyRate=0.64))
    assert rated["BankAmount"] == Decimal("31.25"), "the base is the amount divided by the rate"
    eur = xero.sold("PL-2", "10.00", CurrencyCode="EUR")
    assert pay(xero, xero.paid(eur, "10.00", "092")).status_code == 400
    balances = {code: (row["currency"], row["amount"]) for code, row in books()["balances"].items()}
    assert balances == {"092": ("USD", "20.00"), "091": ("AUD", "63.25")}


def test_a_refund_is_a_credit_note_and_its_payment(xero, books):
    invoice = xero.sold()
    pay(xero, xero.paid(invoice))
    note = {**xero.invoice(), "Type": "ACCRECCREDIT", "CreditNoteNumber": "PLR-1", "InvoiceNumber": None}
    made = xero.done("PUT", "CreditNotes", {"CreditNotes": [note]})
    assert (made["RemainingCredit"], made["Status"]) == (Decimal(115), "AUTHORISED")
    assert "must be unique" in problems(xero.call("PUT", "CreditNotes", note))[0]

    refund = {"CreditNote": {"CreditNoteID": made["CreditNoteID"]}, "Account": {"Code": "091"}, "Amount": 115}
    paid = xero.done("PUT", "Payments", {"Payments": [refund]})
    assert paid["PaymentType"] == "ARCREDITPAYMENT"
    assert xero.done("GET", "CreditNotes/PLR-1")["Status"] == "PAID"
    assert books()["balances"]["091"]["amount"] == "0.00"
    assert xero.call("POST", f"CreditNotes/{made['CreditNoteID']}", {"Status": "VOIDED"}).status_code == 400
    xero.done("POST", f"Payments/{paid['PaymentID']}", {"Status": "DELETED"})
    voided = xero.done("POST", f"CreditNotes/{made['CreditNoteID']}", {"Status": "VOIDED"})
    assert (voided["Status"], voided["RemainingCredit"]) == ("VOIDED", Decimal(0))
    discount = [{**note["LineItems"][0], "DiscountRate": 5}]
    refused = xero.call("PUT", "CreditNotes", {**note, "CreditNoteNumber": "PLR-2", "LineItems": discount})
    assert problems(refused) == ["Discounts are not allowed on credit notes"]


def test_credit_is_set_against_an_unpaid_invoice(xero):
    invoice = xero.sold()
    note = {**xero.invoice(amount="40.00"), "Type": "ACCRECCREDIT", "InvoiceNumber": None}
    made = xero.done("PUT", "CreditNotes", note)
    place = f"CreditNotes/{made['CreditNoteID']}/Allocations"
    wanted = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": 30, "Date": "2026-11-25"}
    item = xero.call("PUT", place, {"Allocations": [wanted]}).json()["Allocations"][0]
    read = xero.done("GET", f"Invoices/{invoice['InvoiceID']}")
    assert (read["AmountCredited"], read["AmountDue"]) == (Decimal(30), Decimal(85))
    assert xero.done("GET", f"CreditNotes/{made['CreditNoteID']}")["RemainingCredit"] == Decimal(10)
    assert xero.call("PUT", place, {"Allocations": [{**wanted, "Amount": 11}]}).status_code == 400
    assert xero.call("DELETE", f"{place}/{item['AllocationID']}").json()["Allocations"][0]["IsDeleted"] is True
    assert state(xero, invoice) == ("AUTHORISED", Decimal(115))


def test_a_fee_is_spent_from_a_bank_account_alone(xero, books):
    made = xero.done("PUT", "BankTransactions", {"BankTransactions": [SPEND]})
    assert (made["Total"], made["CurrencyCode"], made["Status"]) == (Decimal("3.65"), "AUD", "AUTHORISED")
    xero.done("PUT", "BankTransactions", SPEND)
    where = 'Reference=="fee pay_1" AND Status=="AUTHORISED"'
    assert len(xero.call("GET", "BankTransactions", where=where).json()["BankTransactions"]) == 2, "nothing is unique"
    place = f"BankTransactions/{made['BankTransactionID']}"
    assert xero.done("POST", place, {"Status": "DELETED"})["Status"] == "DELETED"
    assert books()["balances"]["091"]["amount"] == "-3.65"
    free = {**SPEND["LineItems"][0], "UnitAmount": 0}
    for wrong in (
        {"BankAccount": {"Code": "612"}}, {"Contact": None}, {"LineItems": []}, {"LineItems": [free]},
        {"CurrencyCode": "USD"}, {"Type": "GIVE"},
    ):  # fmt: skip
        assert problems(xero.call("PUT", "BankTransactions", {**SPEND, **wrong}))
    dollars = xero.done("PUT", "BankTransactions", {**SPEND, "BankAccount": {"Code": "092"}})
    assert dollars["CurrencyCode"] == "USD"


def test_surplus_is_an_overpayment_that_is_applied_and_paid_back(xero, books):
    contact = {"ContactNumber": "PLC-1", "Name": "Ada Lovelace"}
    surplus = {**SPEND, "Type": "RECEIVE-OVERPAYMENT", "Contact": contact, "Reference": "over pay_1"}
    surplus["LineItems"] = [{"Description": "Surplus", "Quantity": 1, "UnitAmount": 20}]
    made = xero.done("PUT", "BankTransactions", {"BankTransactions": [surplus]})
    over = xero.done("GET", f"Overpayments/{made['OverpaymentID']}")
    assert (over["RemainingCredit"], over["Type"], over["LineAmountTypes"]) == (20, "RECEIVE-OVERPAYMENT", "NoTax")
    invoice = xero.sold(amount="15.00")
    wanted = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": 15, "Date": "2026-11-25"}
    assert xero.call("PUT", f"Overpayments/{over['OverpaymentID']}/Allocations", wanted).status_code == 200
    assert state(xero, invoice)[0] == "PAID"
    back = {"Overpayment": {"OverpaymentID": over["OverpaymentID"]}, "Account": {"Code": "091"}, "Amount": 5}
    assert xero.done("PUT", "Payments", back)["PaymentType"] == "AROVERPAYMENTPAYMENT"
    assert xero.done("GET", f"Overpayments/{over['OverpaymentID']}")["Status"] == "PAID"
    assert books()["balances"]["091"]["amount"] == "15.00"
    place = f"BankTransactions/{made['BankTransactionID']}"
    assert xero.call("POST", place, {"Status": "DELETED"}).status_code == 400


def test_a_manual_journal_balances_on_plain_accounts(xero, control):
    xero.connect(scope="accounting.manualjournals")
    lines = [{"LineAmount": 5, "AccountCode": "404"}, {"LineAmount": -5, "AccountCode": "855"}]
    journal = {"Narration": "Fee", "Date": "2026-11-22", "Status": "POSTED", "JournalLines": lines}
    assert xero.done("PUT", "ManualJournals", journal)["Status"] == "POSTED"
    assert problems(xero.call("PUT", "ManualJournals", {**journal, "JournalLines": lines[:1]}))
    bank = [{"LineAmount": 5, "AccountCode": "404"}, {"LineAmount": -5, "AccountCode": "090"}]
    assert problems(xero.call("PUT", "ManualJournals", {**journal, "JournalLines": bank}))


def test_the_merchant_acts_in_the_books(xero, control, books):
    first, second = xero.sold("PL-1"), xero.sold("PL-2")
    place = f"xero/tenants/{AU}/invoices"
    paid = control(f"{place}/PL-1/pay", {"account": "090"})
    assert (paid["Reference"], state(xero, first)[0]) == ("By hand", "PAID")
    control(f"xero/tenants/{AU}/payments/{paid['PaymentID']}/delete", {})
    control(f"{place}/{first['InvoiceID']}/pay", {"amount": 5})
    assert control(f"{place}/PL-1/void", {})["Status"] == "VOIDED"
    assert control(f"{place}/PL-2/edit", {"UnitAmount": 90, "Reference": "mine"})["Total"] == 90
    assert (state(xero, second)[1], control(f"{place}/PL-1/pay", {}, status=409)["error"]) == (
        Decimal(90), "Payments can only be made against Authorised documents",
    )  # fmt: skip
    control(f"{place}/PL-9/void", {}, status=404)
    assert books()["counts"] == {
        "invoices": 2, "credit_notes": 0, "payments": 2, "bank_transactions": 0, "overpayments": 0, "contacts": 1,
    }  # fmt: skip
    control(f"xero/tenants/{AU}/tax-rates/OUTPUT", {"Status": "ARCHIVED"})
    assert "TaxType code 'OUTPUT'" in problems(xero.call("PUT", "Invoices", xero.invoice("PL-3")))[0]
    control(f"xero/tenants/{AU}/reset", {})
    assert books()["counts"]["invoices"] == 0
    assert xero.call("GET", "Organisation").status_code == 403
