"""Whatever is asked of the Xero stand-in's books, in whatever order: the amounts of every document add up."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provvypay.sandbox.core import Core
from provvypay.sandbox.xero import (
    bank_transactions,
    books,
    credit_notes,
    invoices,
    lines,
    overpayments,
    payments,
    where,
    wire,
)
from provvypay.sandbox.xero.call import Call
from provvypay.sandbox.xero.errors import Invalid, XeroError
from provvypay.sandbox.xero.state import XeroState
from tests.sandbox.xero import AU

CENTS = st.integers(1, 50_000).map(lambda minor: Decimal(minor).scaleb(-2))
STEPS = st.sampled_from(("sell", "pay", "unpay", "void", "credit", "refund", "allocate", "over", "apply", "back"))


class Books:
    """One organisation, asked directly; refusals are as good as answers."""

    def __init__(self) -> None:
        self.state = XeroState(Core())
        self.tenant = self.state.tenants[AU]
        self.number = 0

    def ask(self, endpoint, body, *ids, method="PUT"):
        raw = json.dumps(body, default=float).encode()
        try:
            with self.state.core.lock:
                return endpoint(Call(self.state, self.tenant, method, {}, raw), *ids)
        except (Invalid, XeroError):
            return None

    def last(self, table, back):
        ids = list(self.tenant.table(table))
        return ids[-1 - back % len(ids)] if ids else "none"

    def document(self, amount, **more):
        self.number += 1
        line = {"Description": "x", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200"}
        return {
            "Contact": {"Name": "Ada"}, "Status": "AUTHORISED", "DueDate": "2026-11-22", "LineItems": [line],
            "LineAmountTypes": "Inclusive", "CurrencyCode": "AUD", **more,
        }  # fmt: skip

    def step(self, kind, amount, back):
        account, part = {"Code": "091"}, {"Amount": amount}
        invoice = {"Invoice": {"InvoiceID": self.last("invoices", back)}}
        credit, over = self.last("credit_notes", back), self.last("overpayments", back)
        acts = {
            "sell": (invoices.write, self.document(amount, Type="ACCREC")),
            "pay": (payments.write, {**invoice, **part, "Account": account}),
            "unpay": (payments.delete, {"Status": "DELETED"}, self.last("payments", back)),
            "void": (invoices.write, {"Status": "VOIDED"}, self.last("invoices", back)),
            "credit": (credit_notes.write, self.document(amount, Type="ACCRECCREDIT")),
            "refund": (payments.write, {"CreditNote": {"CreditNoteID": credit}, **part, "Account": account}),
            "allocate": (credit_notes.allocate, {**invoice, **part}, credit),
            "over": (
                bank_transactions.write, self.document(amount, Type="RECEIVE-OVERPAYMENT", BankAccount=account)
            ),
            "apply": (overpayments.allocate, {**invoice, **part}, over),
            "back": (payments.write, {"Overpayment": {"OverpaymentID": over}, **part, "Account": account}),
        }  # fmt: skip
        self.ask(*acts[kind], method="POST" if kind in {"unpay", "void"} else "PUT")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, CENTS, st.integers(0, 3)), min_size=8, max_size=40))
def test_what_is_due_paid_and_credited_adds_up(steps):
    of = Books()
    for kind, amount, back in steps:
        of.step(kind, amount, back)

    made = books.of_tenant(of.state, of.tenant)
    paid: dict[str, Decimal] = {}
    for row in made["payments"]:
        if row["Status"] == "AUTHORISED":
            target = row.get("InvoiceID") or row.get("CreditNoteID") or row["OverpaymentID"]
            paid[target] = paid.get(target, Decimal(0)) + Decimal(row["Amount"])
    applied: dict[str, Decimal] = {}
    for credit, name in [(row, "CreditNoteID") for row in made["credit_notes"]] + [
        (row, "OverpaymentID") for row in made["overpayments"]
    ]:
        used = sum((Decimal(item["Amount"]) for item in credit["Allocations"]), Decimal(0))
        left = Decimal(credit["Total"]) - used - paid.get(credit[name], Decimal(0))
        assert left == Decimal(credit["RemainingCredit"]) >= 0
        assert (credit["Status"] == "PAID") == (left == 0)
        for item in credit["Allocations"]:
            applied[item["InvoiceID"]] = applied.get(item["InvoiceID"], Decimal(0)) + Decimal(item["Amount"])
    for row in made["invoices"]:
        here = paid.get(row["InvoiceID"], Decimal(0)) + applied.get(row["InvoiceID"], Decimal(0))
        if row["Status"] == "VOIDED":
            assert here == Decimal(row["AmountDue"]) == 0
            continue
        assert Decimal(row["Total"]) - here == Decimal(row["AmountDue"]) >= 0
        assert (row["Status"] == "PAID") == (Decimal(row["AmountDue"]) == 0)


@given(st.lists(st.tuples(CENTS, st.integers(1, 20)), min_size=1, max_size=5), st.sampled_from(lines.KINDS))
def test_lines_add_up_to_their_document(amounts, kind):
    of = Books()
    rows = [{"Description": "x", "Quantity": n, "UnitAmount": unit, "AccountCode": "200"} for unit, n in amounts]
    read = lines.read(
        Call(of.state, of.tenant, "PUT", {}, b""), {"LineItems": rows, "LineAmountTypes": kind},
        default_kind="Exclusive", complete=True,
    )  # fmt: skip
    gross = sum((unit * n for unit, n in amounts), Decimal(0))
    assert (read.total if kind != "Exclusive" else read.sub_total) == gross
    assert read.sub_total + read.total_tax == read.total
    assert all(wire.cents(value) == value for value in (read.sub_total, read.total_tax, read.total))


JUNK: tuple[object, ...] = (None, True, 0, -1, 1.5, "", "x", [], {}, [1], ["x"], [None], {"a": 1}, 1e30, "9" * 400)


def places(document, path=()):
    """Yield the path of every value in a document."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in pairs:
        yield (*path, name)
        if isinstance(value, dict | list):
            yield from places(value, (*path, name))


def test_junk_is_refused_and_breaks_nothing():
    of = Books()
    of.step("sell", Decimal(5), 0)
    tracked = {"Tracking": [{"Name": "Region", "Option": "North"}], "TaxType": "OUTPUT", "LineAmount": 5}
    sale = of.document(5, Type="ACCREC", Date="2026-11-22", Url="https://a.example", CurrencyRate=1)
    sale["LineItems"][0] |= tracked
    invoice = {"Invoice": {"InvoiceID": of.last("invoices", 0)}}
    documents = (
        (invoices.write, sale),
        (credit_notes.write, {**sale, "Type": "ACCRECCREDIT"}),
        (bank_transactions.write, {**sale, "Type": "SPEND", "BankAccount": {"Code": "091"}}),
        (payments.write, {**invoice, "Account": {"Code": "091"}, "Amount": 1, "CurrencyRate": 1, "BankAmount": 1}),
    )
    tried = 0
    for endpoint, document in documents:
        for *way, last in places(document):
            for junk in JUNK:
                spoiled = copy.deepcopy(document)
                inner = spoiled
                for name in way:
                    inner = inner[name]
                inner[last] = junk
                of.ask(endpoint, spoiled)
                tried += 1
    assert tried > 900
    for text in (
        "(",
        "Total==",
        'Total=="x" AND',
        "Total~1",
        "DateTime(2026)",
        "Total==maybe",
        "Reference.Contains(1",
        ")",
    ):
        with pytest.raises(XeroError):
            where.parse(text)
