"""More pages of the books: balances of every currency and token, journals by filter, the chart, closing, and files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from provvypay.domain.rates import RateTable
from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus, ResolutionAction
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.corrections import decide, held
from provvypay.services.corrections.decide import Decision
from provvypay.services.ledger import causes, exports, journal_views, statements
from tests.support.crypto import arrives, quoted, rated, receiving
from tests.support.factories import NOISE
from tests.support.hostile import MARKUP, planted

DAY = dt.timedelta(days=1)


def paid(make, *, days_ago=0, **details):
    """Make a link and let money arrive for it by card."""
    link = make.link(**details)
    make.settled(link, make.incoming_payment(link, occurred_at=now() - days_ago * DAY))
    return link


def paid_in_hbar(make, **details):
    """Make a link over 310.00 and let 1,240 HBAR arrive for it."""
    link, account = make.link(amount_minor=310_00, **details), receiving(make.merchant)
    assert arrives(account, link, quoted(account, link, "HBAR", rate="0.25"), "HBAR").held_as is None
    return link


def day(days_ago, zone="Australia/Sydney"):
    return (now() - days_ago * DAY).astimezone(ZoneInfo(zone)).date().isoformat()


def table(page):
    assert page.headers["Content-Type"].startswith("text/csv")
    text = page.response.get_data().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def hrefs(page, start):
    return [href for one in page.all("a") if (href := str(one.get("href"))).startswith(start)]


# ---------------------------------------------------------------- what accounts hold


def test_the_ledger_shows_every_currency_and_token_and_each_figure_leads_on(make, signed_in):
    paid_in_hbar(make)
    paid(make, amount_minor=55_00, currency="USD")
    client = signed_in(Role.ACCOUNTANT)

    page = client.get("ledger.index")

    assert "1,240.00000000 HBAR" in page.text
    assert "AUD 310.00 Dr" in page.text
    assert "USD 55.00 Cr" in page.text
    assert "7000" not in page.text
    assert NOISE not in page.source
    found = hrefs(page, "/ledger/accounts/")
    assert "/ledger/accounts/4000?currency=USD" in found
    assert all(client.open("GET", href).status == 200 for href in set(found))


def test_a_statement_of_some_days_opens_with_what_was_before(make, signed_in):
    for days_ago, amount in ((9, 10_00), (5, 20_00), (1, 40_00)):
        paid(make, days_ago=days_ago, amount_minor=amount, reference=f"INV-{amount}")
    client = signed_in()

    page = client.get("ledger.account", code="1050", **{"from": day(6), "to": day(4)})
    nothing = client.get("ledger.account", code="1050", **{"from": day(4), "to": day(3)})

    assert "INV-2000" in page.text
    assert "INV-1000" not in page.text
    assert "INV-4000" not in page.text
    for words in ("Balance before AUD 10.00 Dr", "Debited AUD 20.00", "Balance AUD 30.00 Dr"):
        assert words in " ".join(page.text.split())
    assert "No entries in these days" in nothing.text


def test_an_account_without_the_organizations_currency_shows_what_it_has(make, signed_in):
    paid(make, currency="USD", amount_minor=55_00)

    page = signed_in().get("ledger.account", code="4000")

    assert "USD 55.00 Cr" in page.text
    assert "/ledger/journals?currency=USD" in hrefs(signed_in().get("ledger.trial_balance"), "/ledger/journals")


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_of_some_days_join_without_a_gap(make, size):
    for number in range(5):
        paid(make, days_ago=number + 1, amount_minor=(number + 1) * 10_00)
    organization_id = make.merchant.organization_id
    within = statements.Range(now() - 4.5 * DAY, now() - 1.5 * DAY)
    whole, cursor = [], None

    with transaction(organization_id) as session:
        everything = statements.page(session, organization_id, "4000", "AUD").rows
        while True:
            page = statements.page(session, organization_id, "4000", "AUD", within=within, cursor=cursor, size=size)
            whole += page.rows
            cursor = statements.keyset.decode(page.older)
            if cursor is None:
                break

    assert whole == everything[1:4]


# ---------------------------------------------------------------- journals


def test_journals_are_found_by_kind_account_day_and_number(make, signed_in):
    old, new = paid(make, days_ago=9, reference="INV-OLD"), paid(make, reference="INV-NEW")
    double = make.exception()
    client = signed_in()
    with transaction(old.organization_id) as session:
        sale = journal_views.of_link(session, old.organization_id, old.id)[0]

    def shown(**chosen):
        page = client.get("ledger.journals", **chosen)
        return [len(hrefs(page, "/ledger/journals/")) // 2, page.text]

    assert shown()[0] == 7
    assert shown(kind="CREDIT")[0] == 1
    assert shown(account="2100")[0] == 1
    assert shown(account="1200")[0] == 6
    assert shown(to=day(5))[0] == 2
    assert "INV-NEW" not in shown(to=day(5))[1]
    assert shown(number=sale.number) == shown(number=sale.number.removeprefix("J-").lower())
    assert shown(number=sale.number)[0] == 1
    assert "No journal fits" in shown(kind="NEVER_HEARD_OF")[1]
    assert "Never heard of" in shown(kind="NEVER_HEARD_OF")[1]
    assert new.id != double.id
    assert NOISE not in client.get("ledger.journals").source


@pytest.mark.parametrize("chosen", [{"kind": "' OR 1=1"}, {"account": "x"}, {"number": "J-"}, {"from": "x", "to": "9"}])
def test_a_filter_that_cannot_be_filters_nothing(make, signed_in, chosen):
    paid(make)

    page = signed_in().get("ledger.journals", **chosen)

    assert page.status == 200
    assert "Sale" in page.text


def test_what_no_page_knows_yet_is_shown_by_its_name(make):
    journal = SimpleNamespace(
        kind="NEW", source_type="BANK_FEED_LINE", source_id=uuid.uuid4(), link_id=None, reverses_id=None
    )

    with transaction(make.merchant.organization_id) as session:
        cause = causes.of_journal(session, make.merchant.organization_id, journal)

    assert causes.title_of("FUNDS_WITHDRAWN") == "Funds withdrawn"
    assert (cause.title, cause.detail) == ("Bank feed line", None)


def test_every_decision_about_held_money_leads_to_its_exception(make, signed_in, observer):
    account, link = receiving(make.merchant), make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    organization_id = make.merchant.organization_id
    for units, action, more in (
        (10_000_000, ResolutionAction.OWN_TRANSFER, {}),
        (quoted(account, link) // 2, ResolutionAction.MATCHED, {"link_id": link.id}),
    ):
        arrives(account, None, units)
        with transaction(organization_id) as session:
            newest = session.connection().exec_driver_sql("SELECT id FROM payment_exceptions ORDER BY id DESC LIMIT 1")
            credit = held.read(session, organization_id, newest.scalar_one())
            decision = Decision(credit.id, credit.version, action, make.merchant.actor, reason="by phone", **more)
            decide.decide(session, organization_id, decision, RateTable(), now=now())
    client = signed_in()

    journals = observer.sql("SELECT id, kind FROM journals WHERE organization_id = :id", id=organization_id)
    led = {row.kind: client.get("ledger.journal", journal_id=row.id) for row in journals}

    assert {"SUSPENSE", "OWN_TRANSFER", "REVERSAL", "CREDIT"} <= set(led)
    assert {page.status for page in led.values()} == {200}
    for kind in ("SUSPENSE", "OWN_TRANSFER", "CREDIT"):
        (cause,) = hrefs(led[kind], "/exceptions/")
        assert client.open("GET", cause).status == 200
    assert "Own transfer" in client.get("ledger.journals").text
    reversal = led["REVERSAL"]
    assert len(hrefs(reversal, "/ledger/journals/")) >= 1


# ---------------------------------------------------------------- the chart


def test_an_account_is_added_renamed_archived_and_restored_by_hand(signed_in):
    client = signed_in(Role.ACCOUNTANT)
    form = client.get("ledger.new_account").form("account_form")

    refused = form.submit(hx=True, code="4000", name=" ")
    added = form.submit(code="6150", name="Postage", kind="EXPENSE")
    renamed = client.get("ledger.edit_account", code="6150").form("account_form").submit(name="Freight")
    archived = client.get("ledger.edit_account", code="6150").form("/ledger/chart/6150/archiving").submit()

    assert (refused.status, refused.root.get("id"), set(refused.errors())) == (422, "account_form", {"name"})
    assert {one.status for one in (added, renamed, archived)} == {303}
    chart = client.get("ledger.chart")
    assert chart.text.index("Archived: nothing") < chart.text.index("6150 Freight")
    client.get("ledger.edit_account", code="6150").form("/ledger/chart/6150/unarchiving").submit()
    assert "Archived: nothing" not in client.get("ledger.chart").text


def test_two_who_rename_at_once_do_not_overwrite_each_other(signed_in):
    client = signed_in()
    slow = client.get("ledger.edit_account", code="4000").form("account_form")
    client.get("ledger.edit_account", code="4000").form("account_form").submit(name="Lessons")

    late = slow.submit(name="Sales")

    assert late.status == 409
    assert "4000 Lessons" in client.get("ledger.chart").text


@pytest.mark.parametrize("typed", MARKUP[:4])
def test_hostile_names_stay_texts(make, signed_in, typed):
    client = signed_in()
    client.get("ledger.edit_account", code="4000").form("account_form").submit(name=typed)
    client.get("ledger.closing", through=day(3)).form("closing_form").submit(reason=typed)
    link = paid(make)

    pages = [client.get(f"ledger.{name}") for name in ("index", "chart", "closing", "trial_balance")]
    pages.append(client.get("links.show", link_id=link.id, tab="books"))

    for page in pages:
        assert planted(page.root) == []
        assert typed in page.text


# ---------------------------------------------------------------- closing


def test_a_period_is_looked_at_closed_and_opened_again_with_a_reason(make, signed_in, observer):
    link = make.link(status=LinkStatus.CANCELED)
    make.settled(link, make.incoming_payment(link, occurred_at=now() - 9 * DAY))
    client = signed_in(Role.ACCOUNTANT)
    through = day(3)

    look = client.get("ledger.closing", through=through)
    closed = look.form("closing_form").submit(reason="BAS")
    trial = client.get("ledger.trial_balance", at=through)
    opening = client.get("ledger.closing", through="nothing")
    unreasoned = opening.form("closing_form").submit(reason=" ")
    opened = opening.form("closing_form").submit(reason="A bill was forgotten")

    assert "Balanced" in look.text
    assert "1 of that time still wait for you" in look.text
    assert closed.status == opened.status == 303
    assert "Closed: these figures stay" in trial.text
    assert "Closed: these figures stay" not in client.get("ledger.trial_balance", at=day(1)).text
    assert (unreasoned.status, set(unreasoned.errors())) == (422, {"reason"})
    record = client.get("ledger.closing").text
    assert record.index("Everything opened") < record.index("A bill was forgotten") < record.index("BAS")
    written = observer.sql(
        "SELECT action FROM audit_logs WHERE organization_id = :id AND action LIKE 'period.%' ORDER BY id",
        id=make.merchant.organization_id,
    )
    assert [row.action for row in written] == ["period.locked", "period.opened"]


@pytest.mark.parametrize("through", [lambda: day(0), lambda: day(-9), lambda: "x", lambda: "1999-01-01"])
def test_a_day_that_cannot_be_closed_is_said_at_its_field(signed_in, through):
    page = signed_in().get("ledger.closing", through=through())

    assert page.status == 422
    assert set(page.errors()) == {"through"}


def test_who_closes_what_somebody_else_closed_meanwhile_is_told(signed_in):
    client = signed_in()
    slow = client.get("ledger.closing", through=day(3)).form("closing_form")
    client.get("ledger.closing", through=day(5)).form("closing_form").submit()

    assert slow.submit().status == 409


def test_money_of_a_closed_day_says_so_wherever_it_is_shown(make, signed_in):
    client = signed_in()
    client.get("ledger.closing", through=day(3)).form("closing_form").submit()
    link = paid(make, days_ago=6)
    with transaction(link.organization_id) as session:
        moved = journal_views.of_link(session, link.organization_id, link.id)[0]

    assert len(hrefs(client.get("ledger.journals", state="moved"), "/ledger/journals/")) == 4
    assert hrefs(client.get("ledger.journals", state="reversed"), "/ledger/journals/") == []
    assert "in a closed period" in client.get("ledger.account", code="4000").text
    page = client.get("ledger.journal", journal_id=moved.id)
    assert "that period was closed" in page.text
    assert "Of a closed period" in client.get("links.show", link_id=link.id, tab="books").text


# ---------------------------------------------------------------- the books of a link


def test_the_books_of_a_link_sum_up_by_account_and_lead_to_each(make, signed_in):
    link = paid_in_hbar(make)
    client = signed_in()

    page = client.get("links.show", link_id=link.id, tab="books")

    assert "What this link did to each account" in page.text
    assert "1,240.00000000 HBAR" in page.text
    found = set(hrefs(page, "/ledger/accounts/"))
    assert found == {f"/ledger/accounts/{code}?currency=AUD" for code in ("1051", "1200", "4000")}
    sums = " ".join(page.text[page.text.index("What this link did") :].split())
    assert "Total, AUD 620.00 620.00" in sums


# ---------------------------------------------------------------- files


def test_the_books_are_taken_along_as_files(make, signed_in):
    link = paid_in_hbar(make, reference="=1+1")
    paid(make, days_ago=20, amount_minor=10_00)
    client = signed_in()

    trial = table(client.get("ledger.trial_balance_csv", at=day(9)))
    statement = table(client.get("ledger.account_csv", code="1051"))
    journals = table(client.get("ledger.journals_csv", **{"from": day(9)}))
    chart = table(client.get("ledger.chart_csv"))

    assert [(row["as_of"], row["code"], row["debit"], row["credit"]) for row in trial] == [
        (day(9), "1050", "10.00", ""), (day(9), "1200", "", ""), (day(9), "4000", "", "10.00"),
    ]  # fmt: skip
    (entry,) = statement
    assert (entry["debit"], entry["balance"], entry["side"]) == ("310.00", "310.00", "Dr")
    assert (entry["asset"], entry["asset_amount"]) == ("HBAR", "1240.00000000")
    assert entry["date"].endswith(("+11:00", "+10:00"))
    assert [(row["account"], row["debit"], row["credit"]) for row in journals if row["kind"] == "Sale"] == [
        ("1200", "310.00", ""), ("4000", "", "310.00"),
    ]  # fmt: skip
    assert {row["link"] for row in journals} == {link.short_code}
    assert [row["code"] for row in chart][:2] == ["1000", "1050"]
    assert NOISE not in str([trial, statement, journals, chart])


def test_files_are_streamed_in_batches_and_complete(make, signed_in, monkeypatch):
    for number in range(5):
        paid(make, days_ago=number)
    client = signed_in()
    whole = [table(client.get("ledger.journals_csv")), table(client.get("ledger.account_csv", code="1200"))]

    monkeypatch.setattr(exports, "BATCH", 2)

    assert [table(client.get("ledger.journals_csv")), table(client.get("ledger.account_csv", code="1200"))] == whole
    assert [len(rows) for rows in whole] == [20, 10]


def test_a_name_that_is_a_formula_is_harmless_in_a_file(signed_in):
    client = signed_in()
    client.get("ledger.edit_account", code="4000").form("account_form").submit(name="=1+1")

    (named,) = [row for row in table(client.get("ledger.chart_csv")) if row["code"] == "4000"]

    assert named["name"] == "'=1+1"
