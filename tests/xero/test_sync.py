"""Paid links in Xero: once each, to the cent, through every fault; settlement-cases 90 to 100 by number."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
import uuid
from typing import Any

import httpx
import pytest

from provvypay.domain import xero_mapping
from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import xero_connect, xero_reconcile, xero_sync
from provvypay.kit import failpoints
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services.fees import ChargeSettled, record
from provvypay.services.xero import requests
from tests.flows import test_cases_returns as returned
from tests.sandbox.xero import Xero
from tests.support.database import Observer, acting_as, together
from tests.xero.conftest import Books

DONE = {"INVOICE": "SUCCESS", "PAYMENT": "SUCCESS"}


def invoices(books: Books) -> list[dict[str, Any]]:
    return [one for one in books.in_xero["invoices"] if one["Type"] == "ACCREC"]


def paid(books: Books, amount_minor: int = 120_50, **more: Any) -> PaymentLink:
    return books.make.link(status=LinkStatus.PAID, amount_minor=amount_minor, **more)


def fault(books: Books, path: str, kind: str, **more: Any) -> None:
    books.sandbox.fault(
        vendor="xero", pattern=f"{books.tenant}/api.xro/2.0/{path}", kind=kind, **{"remaining": 1, **more}
    )


def puts(books: Books, path: str) -> list[dict[str, Any]]:
    found = books.sandbox.get("/xero/requests")["requests"]
    return [one for one in found if one["tenant"] == books.tenant and one["method"] == "PUT" and path in one["path"]]


def charged(link: PaymentLink, fee_minor: int = 3_79, currency: str = "AUD", amount_minor: int | None = None) -> None:
    """Let Stripe tell its fee."""
    with acting_as("worker"), transaction(link.organization_id) as session:
        from sqlalchemy import text

        reference = session.scalar(text("SELECT provider_reference FROM payments WHERE link_id = :id"), {"id": link.id})
        fact = ChargeSettled(
            f"txn_{uuid.uuid4().hex}", amount_minor or link.amount_minor, fee_minor, currency, None, now(), now()
        )
        assert record(session, "STRIPE", str(reference), fact)


def test_a_paid_link_becomes_an_invoice_its_payment_and_its_fee(mapped: Books):
    link = paid(mapped)
    mapped.sync()
    charged(link)
    with acting_as("worker"):
        xero_sync.plan_all()
    mapped.sync()

    assert mapped.rows() == {**DONE, "FEE": "SUCCESS"}
    (invoice,) = invoices(mapped)
    assert (invoice["InvoiceNumber"], invoice["Status"], invoice["Total"]) == (
        f"PV-{link.short_code}", "PAID", "120.50",
    )  # fmt: skip
    assert [payment["Amount"] for payment in mapped.in_xero["payments"]] == ["120.50"]
    (fee,) = mapped.in_xero["bank_transactions"]
    assert (fee["Type"], fee["Total"]) == ("SPEND", "3.79")
    assert [one["key"] is not None for one in puts(mapped, "")] == [True] * 3


@pytest.mark.parametrize("path", ["Invoices", "Payments"])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("drop_after_commit", {}),
        ("drop", {}),
        ("error_after_commit", {"status": 500}),
        ("error_after_commit", {"status": 502}),
        ("error", {"status": 500}),
    ],
)
def test_case_90_an_answer_that_is_lost_makes_no_second_document(
    mapped: Books, path: str, kind: str, more: dict[str, Any]
):
    link = paid(mapped)
    fault(mapped, path, kind, method="PUT", **more)

    mapped.sync()
    assert "RETRYING NO_ANSWER" in mapped.rows().values()
    for _ in range(2):
        mapped.due_now()
        mapped.sync()

    assert mapped.rows() == DONE
    assert [one["InvoiceNumber"] for one in invoices(mapped)] == [f"PV-{link.short_code}"]
    assert [one["Amount"] for one in mapped.in_xero["payments"]] == ["120.50"]


def test_case_90_a_worker_killed_after_the_write_makes_no_second_document(mapped: Books):
    paid(mapped)
    for _ in range(2):  # once for the invoice, once for the payment
        failpoints.arm("xero.written=raise*1")
        try:
            with pytest.raises(failpoints.FailpointReached):
                mapped.sync()
        finally:
            failpoints.arm("")
        mapped.sql("UPDATE xero_syncs SET lease_until = clock_timestamp() - interval '1 s'")
        mapped.due_now()
    mapped.sync()

    assert mapped.rows() == DONE
    assert (len(invoices(mapped)), len(mapped.in_xero["payments"])) == (1, 1)


def test_case_91_a_payment_before_its_invoice_waits_and_burns_no_try(mapped: Books):
    paid(mapped)
    mapped.sql("UPDATE xero_syncs SET next_attempt_at = clock_timestamp() + interval '1 hour' WHERE kind = 'INVOICE'")

    mapped.sync()

    assert mapped.rows()["PAYMENT"] == "PENDING WAITS_FOR_PARENT"
    assert mapped.sql("SELECT sum(attempts) FROM xero_syncs").scalar() == 0
    mapped.due_now()
    mapped.sync()
    assert mapped.rows() == DONE


def test_case_92_a_customer_is_one_contact_and_another_of_that_name_is_another(connected: Books):
    connected.map(contacts="EACH")
    for email in ("ada@shop.example", "ada@shop.example", "other@shop.example"):
        _contact(connected, paid(connected), email)
    connected.sync()

    assert set(connected.rows().values()) == {"SUCCESS"}
    names = sorted(one["Name"] for one in connected.in_xero["contacts"])
    assert names == ["Ada Lovelace", "Ada Lovelace (other@shop.example)"]


def _contact(books: Books, link: PaymentLink, email: str) -> None:
    from provvypay.services import link_contacts
    from provvypay.services.link_contacts import Contact

    with transaction(books.organization_id) as session:
        link_contacts.keep(session, books.organization_id, link.id, Contact("Ada Lovelace", email), now=now())


def test_case_93_a_locked_period_an_archived_account_and_a_missing_currency_wait_for_a_person(mapped: Books):
    today = dt.datetime.now(dt.UTC).date()
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}", period_lock_date=(today + dt.timedelta(days=9)).isoformat())
    paid(mapped)
    mapped.sync()
    assert mapped.rows()["INVOICE"] == "FAILED LOCKED"  # in Xero's words: our copy of its chart is older
    assert mapped.told("xero.sync_failed") == 1
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}", period_lock_date=None)

    mapped.map()  # saving again goes on with what failed by it

    mapped.sync()
    assert mapped.rows() == DONE
    account = next(one for one in mapped.connection.chart["accounts"] if one["code"] == "200")
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}/accounts/{account['id']}", Status="ARCHIVED")
    paid(mapped)
    mapped.make.link(status=LinkStatus.PAID, amount_minor=50_00, currency="GBP")
    mapped.sync()
    problems = {row.problem for row in mapped.sql("SELECT problem FROM xero_syncs WHERE state = 'FAILED'")}
    assert problems == {"ACCOUNT_GONE", "CURRENCY_OFF"}


def test_case_93_an_invoice_paid_by_hand_is_never_paid_again(mapped: Books):
    link = paid(mapped)
    fault(mapped, "Payments", "offline", method="PUT", message="The Organisation is offline")
    mapped.sync()
    assert mapped.rows()["PAYMENT"] == "PENDING PAUSED"
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}/invoices/PV-{link.short_code}/pay", account="090")
    mapped.sql("UPDATE xero_connections SET paused_until = NULL, pause_reason = NULL")

    mapped.due_now()
    mapped.sync()

    assert mapped.rows()["PAYMENT"] == "SKIPPED PAID_BY_HAND"
    assert len(mapped.in_xero["payments"]) == 1


def test_case_93_a_voided_invoice_is_made_again_only_by_a_person(mapped: Books):
    link = paid(mapped)
    fault(mapped, "Invoices", "drop_after_commit", method="PUT")
    mapped.sync()
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}/invoices/PV-{link.short_code}/void")
    mapped.due_now()
    mapped.sync()
    assert mapped.rows()["INVOICE"] == "FAILED GONE_IN_XERO"

    row_id = mapped.sql("SELECT id FROM xero_syncs WHERE kind = 'INVOICE'").scalar()
    with transaction(mapped.organization_id) as session:
        requests.replay(session, mapped.organization_id, [row_id], recreate=True, actor=mapped.merchant.actor)
    mapped.due_now()
    mapped.sync()

    assert mapped.rows() == DONE
    assert {one["InvoiceNumber"]: one["Status"] for one in invoices(mapped)} == {
        f"PV-{link.short_code}": "VOIDED", f"PV-{link.short_code}-2": "PAID",
    }  # fmt: skip


def test_a_number_that_is_somebody_elses_is_never_touched(mapped: Books):
    link = paid(mapped)
    own = Xero(httpx.Client(trust_env=False), mapped.sandbox.url, mapped.tenant).connect()
    own.sold(f"PV-{link.short_code}", "99.00")

    mapped.sync()

    assert mapped.rows()["INVOICE"] == "FAILED NUMBER_TAKEN"
    assert [(one["Total"], one["Status"]) for one in invoices(mapped)] == [("99.00", "AUTHORISED")]
    mapped.map(prefix="SHOP")
    mapped.sync()
    assert mapped.rows() == DONE


def test_case_94_a_surplus_becomes_an_overpayment(mapped: Books):
    link = mapped.make.link(amount_minor=100_00)
    arrived = dataclasses.replace(mapped.make.incoming_payment(link, amount_minor=107_50), tolerance_minor=10)
    mapped.make.settled(link, arrived)
    with acting_as("worker"):
        xero_sync.plan_all()

    mapped.sync()

    assert mapped.rows() == {**DONE, "OVERPAYMENT": "SUCCESS"}
    assert [(one["Type"], one["Total"]) for one in mapped.in_xero["bank_transactions"]] == [
        ("RECEIVE-OVERPAYMENT", "7.50")
    ]


def test_a_dollar_sale_that_stripe_pays_out_in_australian_dollars_waits_for_the_fee(mapped: Books):
    chosen = {key: one for key, one in xero_mapping.suggest(mapped.connection.chart).clearing.items() if "AUD" in key}
    mapped.map(clearing=chosen)
    link = paid(mapped, amount_minor=60_00, currency="USD")
    mapped.sync()
    assert mapped.rows() == {"INVOICE": "SUCCESS", "PAYMENT": "PENDING WAITS_FOR_FEE"}

    charged(link, amount_minor=100_00, fee_minor=3_20)
    with acting_as("worker"):
        xero_sync.plan_all()
    mapped.due_now()
    mapped.sync()
    mapped.due_now()
    mapped.sync()

    assert mapped.rows() == {**DONE, "FEE": "SUCCESS"}
    (payment,) = mapped.in_xero["payments"]
    assert (payment["Amount"], payment["BankAmount"]) == ("60.00", "100.00")


@pytest.mark.parametrize("reason", ["minute", "day", "concurrent", "appminute"])
def test_case_95_a_limit_pauses_the_company_and_burns_no_try(mapped: Books, reason: str):
    paid(mapped)
    fault(mapped, "Invoices", "rate_limit", reason=reason, retry_after=73451 if reason == "day" else 30)

    mapped.sync()

    assert mapped.rows()["INVOICE"] == "PENDING PAUSED"
    row = mapped.sql("SELECT sum(attempts) AS tries, count(*) FROM xero_syncs").one()
    connection = mapped.connection
    assert row.tries == 0
    assert connection.paused_until is not None
    assert connection.paused_until > now() + dt.timedelta(seconds=73000 if reason == "day" else 25)
    assert mapped.sync() == 0
    mapped.sql("UPDATE xero_connections SET paused_until = NULL, pause_reason = NULL")
    mapped.due_now()
    mapped.sync()
    assert mapped.rows() == DONE


def test_case_96_access_taken_away_inside_xero_pauses_and_fails_nothing(mapped: Books):
    paid(mapped)
    mapped.sandbox.post(f"/xero/tenants/{mapped.tenant}/disconnect")

    mapped.sync()

    assert mapped.connection.state == "NEEDS_RECONNECT"
    assert (mapped.rows()["INVOICE"], mapped.told("xero.needs_reconnect")) == ("PENDING PAUSED", 1)
    mapped.connect()
    mapped.due_now()
    mapped.sync()
    assert mapped.rows() == DONE


def test_case_97_another_company_uses_no_id_of_the_first_and_is_written_to_only_by_request(
    mapped: Books, new_company: Any
):
    paid(mapped)
    mapped.sync()
    paid(mapped)  # still waits for the first company
    second = new_company()
    consent = mapped.connect(second)
    xero_connect.choose(mapped.organization_id, consent.grant_id, uuid.UUID(second), actor=mapped.merchant.actor)
    mapped.map()
    mapped.sync()
    first_books, mapped.tenant = mapped.tenant, second
    assert mapped.in_xero["invoices"] == []
    assert mapped.sql("SELECT count(*) FROM xero_syncs WHERE problem = 'OTHER_COMPANY'").scalar() == 2

    with transaction(mapped.organization_id) as session:
        since = now() - dt.timedelta(days=1)
        assert requests.backfill(session, mapped.organization_id, since, actor=mapped.merchant.actor) == 4
    mapped.sync()

    assert [one["Status"] for one in invoices(mapped)] == ["PAID", "PAID"]
    assert len(mapped.sandbox.get(f"/xero/tenants/{first_books}/books")["tenants"][first_books]["invoices"]) == 1


def test_case_98_one_try_and_five_more_then_failed_with_one_alert_and_a_replay(mapped: Books):
    paid(mapped)
    fault(mapped, "Invoices*", "error", status=500, remaining=50)
    waits = []
    for _ in range(6):
        mapped.sync()
        left = mapped.sql(
            "SELECT extract(epoch FROM next_attempt_at - clock_timestamp()) FROM xero_syncs WHERE kind = 'INVOICE'"
        ).scalar()
        waits.append(float(left) if left is not None else None)
        mapped.sql("UPDATE xero_syncs SET next_attempt_at = clock_timestamp() WHERE kind = 'INVOICE'"
                   " AND next_attempt_at IS NOT NULL")  # fmt: skip

    for wait, wanted in zip(waits[:5], (60, 300, 900, 3600, 21600), strict=True):
        assert wait is not None
        assert 0.85 * wanted < wait < 1.15 * wanted
    assert waits[5] is None
    assert (mapped.rows()["INVOICE"], mapped.told("xero.sync_failed")) == ("FAILED NO_ANSWER", 1)
    mapped.sandbox.calm()
    with transaction(mapped.organization_id) as session:
        since = now() - dt.timedelta(days=1)
        assert requests.replay_failed(session, mapped.organization_id, since, actor=mapped.merchant.actor) == 1
    mapped.due_now()
    mapped.sync()
    assert mapped.rows() == DONE


def test_case_99_rows_that_are_missing_are_found_and_links_from_before_only_by_request(connected: Books):
    connected.map()
    old = connected.make.link(status=LinkStatus.PAID)
    # paid before the connection, as far as anybody can tell
    connected.sql("UPDATE xero_connections SET paused_until = NULL")
    with acting_as("worker"):
        assert xero_sync.plan_all() >= 0
    connected.sync()
    assert connected.rows() == DONE
    assert old.short_code in str(invoices(connected))


def test_case_100_a_shortfall_within_tolerance_is_a_line_and_never_an_unpayable_cent(mapped: Books):
    link = mapped.make.link(amount_minor=100_00)
    arrived = dataclasses.replace(mapped.make.incoming_payment(link, amount_minor=99_95), tolerance_minor=10)
    mapped.make.settled(link, arrived)

    mapped.sync()

    assert mapped.rows() == DONE
    (invoice,) = invoices(mapped)
    assert (invoice["Total"], invoice["Status"]) == ("99.95", "PAID")


def test_random_faults_leave_one_invoice_and_one_payment_for_each_link(mapped: Books):
    chance = random.Random(20261124)
    links = [paid(mapped, amount_minor=chance.randrange(50, 99_999)) for _ in range(12)]
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("drop_after_commit", {}), ("drop", {}), ("error", {"status": 503}), ("error_after_commit", {"status": 500}),
        ("token_expired", {}), ("rate_limit", {"reason": "minute", "retry_after": 1}),
    )  # fmt: skip
    for _ in range(40):
        kind, more = chance.choice(kinds)
        fault(mapped, chance.choice(("Invoices*", "Payments*")), kind, **more)
        if chance.random() < 0.3:
            mapped.sandbox.post("/xero/tokens/expire")
        together(2, lambda _: mapped.sync())
        mapped.sql("UPDATE xero_connections SET paused_until = NULL, pause_reason = NULL")
        mapped.sql("UPDATE xero_syncs SET lease_until = NULL, attempts = 0 WHERE state IN ('PENDING', 'RETRYING')")
        mapped.due_now()
        if set(mapped.sql("SELECT DISTINCT state FROM xero_syncs").scalars()) == {"SUCCESS"}:
            break
    mapped.sandbox.calm()
    mapped.due_now()
    mapped.sync()

    assert set(mapped.sql("SELECT DISTINCT state FROM xero_syncs").scalars()) == {"SUCCESS"}
    wanted = {f"PV-{link.short_code}": f"{link.amount_minor / 100:.2f}" for link in links}
    assert {one["InvoiceNumber"]: one["Total"] for one in invoices(mapped)} == wanted
    assert len(invoices(mapped)) == len(links) == len(mapped.in_xero["payments"])
    assert sorted(one["Amount"] for one in mapped.in_xero["payments"]) == sorted(wanted.values())
    calls = mapped.sandbox.get("/xero/calls")["tenants"][mapped.tenant]
    assert calls["most_at_once"] <= 4


def test_the_pages_map_show_and_write_again(connected: Books, signed_in: Any, observer: Observer):
    browser = signed_in(Role.OWNER)
    page = browser.get("xero_books.mapping")
    assert "These are suggestions" in page.text
    wrong = page.form("mapping_form").submit(sales_tax="INPUT")
    assert (wrong.status, "sales_tax" in wrong.errors()) == (422, True)
    assert page.form("mapping_form").submit().status == 303
    assert page.form("mapping_form").submit().status == 409
    link = paid(connected)
    shown = browser.get("xero_books.mapping", code=link.short_code)
    assert f"PV-{link.short_code}" in shown.text
    connected.sync()

    tab = browser.get("links.show", link_id=link.id, tab="xero")

    assert "Invoice" in tab.text
    assert any("organisationlogin/default.aspx" in str(one.get("href")) for one in tab.all("a"))
    assert "All documents" in browser.get("xero.show").text
    fault(connected, "Invoices", "validation", message="Something odd")
    paid(connected)
    connected.sync()
    failed = browser.get("xero_books.queue", show="failed")
    assert "Something odd" in failed.text
    row_id = connected.sql("SELECT id FROM xero_syncs WHERE state = 'FAILED'").scalar()
    assert signed_in(Role.ACCOUNTANT).get("xero_books.queue").form(f"again_{row_id}").submit().status == 303
    connected.sync()
    assert set(connected.sql("SELECT DISTINCT state FROM xero_syncs").scalars()) == {"SUCCESS"}


def test_cases_69_and_79_a_refund_becomes_a_credit_note_and_its_payment_after_the_sale(mapped: Books, run_jobs: Any):
    """A refund of a real card payment, asked for before anything was written: the order holds all the same."""
    link = mapped.make.link(amount_minor=120_50)
    with acting_as("worker"):
        returned.paid(link, mapped.sandbox, run_jobs)
        returned.ask(link, mapped.make, 50_00)
        returned.arrive(mapped.sandbox, run_jobs)
        xero_sync.plan_all()
    for _ in range(4):
        mapped.due_now()
        mapped.sync()

    assert mapped.rows() == {**DONE, "FEE": "SUCCESS", "CREDIT_NOTE": "SUCCESS", "REFUND_PAYMENT": "SUCCESS"}
    assert _against_the_contract(puts(mapped, "")) == []
    (note,) = mapped.in_xero["credit_notes"]
    assert (note["Total"], note["Status"]) == ("50.00", "PAID")
    assert sorted(one["Amount"] for one in mapped.in_xero["payments"]) == ["120.50", "50.00"]


def test_case_80_a_disputed_payment_leaves_the_account_with_its_fee(mapped: Books, run_jobs: Any):
    link = mapped.make.link(amount_minor=120_50)
    with acting_as("worker"):
        intent = returned.paid(link, mapped.sandbox, run_jobs)
        returned.dispute(mapped.sandbox, intent, reason="product_not_received")
        returned.arrive(mapped.sandbox, run_jobs)
        xero_sync.plan_all()
    for _ in range(4):
        mapped.due_now()
        mapped.sync()

    assert mapped.rows() == {**DONE, "FEE": "SUCCESS", "DISPUTE": "SUCCESS"}
    assert sorted(one["Total"] for one in mapped.in_xero["bank_transactions"]) == ["135.50", "3.79"]


def _against_the_contract(sent: list[dict[str, Any]]) -> list[str]:
    """Hold what the real SDK sent against Xero's own document, where it is; return what does not fit."""
    import yaml

    from tests.contract.conftest import SPECS
    from tests.contract.test_xero_sandbox import Contract, _Loader

    place = SPECS / "xero" / "xero_accounting.yaml"
    if not place.exists():
        return []
    document = yaml.load(place.read_text(encoding="utf-8"), Loader=_Loader)
    contract = Contract(json.loads(json.dumps(document)))
    assert {one["path"].rpartition("/")[2] for one in sent} == {
        "Invoices", "Payments", "BankTransactions", "CreditNotes",
    }  # fmt: skip
    return [
        problem
        for one in sent
        for problem in contract.of_request(json.loads(one["body"]), one["method"], one["path"].rpartition("/")[2])
    ]


def test_what_was_voided_or_taken_away_in_xero_is_seen_and_not_written_again(mapped: Books, signed_in: Any):
    first, second, third = (paid(mapped) for _ in range(3))
    mapped.sync()
    path = f"/xero/tenants/{mapped.tenant}"
    mapped.sandbox.post(f"{path}/invoices/PV-{first.short_code}/void")
    payment = next(one for one in mapped.in_xero["payments"] if one["Reference"] == f"PV-{second.short_code}")
    mapped.sandbox.post(f"{path}/payments/{payment['PaymentID']}/delete")
    before = len(puts(mapped, ""))

    with acting_as("worker"):
        assert xero_reconcile.reconcile_all() >= 2

    found = mapped.sql("SELECT link_id, problem FROM xero_syncs WHERE kind = 'INVOICE'").all()
    assert {row.link_id: row.problem for row in found} == {
        first.id: "GONE_IN_XERO", second.id: "UNPAID_IN_XERO", third.id: "",
    }  # fmt: skip
    mapped.sync()
    assert len(puts(mapped, "")) == before
    page = signed_in(Role.ACCOUNTANT).get("xero_books.queue")
    assert page.form("compare_form").submit().status == 303
    assert "Since then: It was voided" in page.text
